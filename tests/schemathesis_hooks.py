"""What schemathesis.toml cannot say of what is made up."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    """JSON Schema cannot say that a number is written without an exponent, as the description of `wait` does."""
    wait = query.get("wait") if isinstance(query, dict) else None
    return {**query, "wait": round(min(wait, 1e14), 3)} if isinstance(wait, float) and wait >= 0 else query
