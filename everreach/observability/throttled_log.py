"""What would fill the log is said seldom: one thing once a second, however often it happens."""

import asyncio
from typing import Any, Final

from cachetools import TTLCache

from everreach.observability.logs import describe

SECONDS: Final = 1.0

_KINDS: Final = 64  # What has more kinds than these is said as often as the oldest of them is forgotten.
_said: TTLCache[str, int] = TTLCache(_KINDS, SECONDS)


def due(kind: str, most: int = 1) -> bool:
    """Whether it may be said now: `most` times, and then not again for a second."""
    said = _said.get(kind, 0)
    if said >= most:
        return False
    _said[kind] = said + 1
    return True


def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what went wrong in an event loop as it does by itself, but each error once a second at most."""
    error = context.get("exception")
    if due(describe(error) if error else str(context["message"])):
        loop.default_exception_handler(context)
