"""The door out with the network taken away, and replies in the providers' own shapes to play on it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from everreach.config import Config
from everreach.net.http import Http, Reply
from everreach.security.key_strength import new_key
from providers import WITH_FLOW, connect
from providers.provider import Connected

REPLIES = Path(__file__).parent / "replies"
ORIGIN = "https://api.example.com"


class Sent(NamedTuple):
    """A request that would have left the process."""

    method: str
    url: str
    headers: Mapping[str, str]
    fields: dict[str, str]


class Wire(Http):
    """Remembers what was sent, and `answer` says what comes back."""

    def __init__(self, answer: Callable[[Sent], Reply]) -> None:
        self._backoff = 0
        self._answer = answer
        self.sent: list[Sent] = []

    async def _request(self, method: str, url: str, **options: Any) -> Reply:
        self.sent.append(Sent(method, url, options.get("headers") or {}, options.get("data") or {}))
        return self._answer(self.sent[-1])


def reply(body: object = b"", status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def playing(*replies: Reply) -> Wire:
    """A wire that plays these replies in turn, and the last one for ever."""
    waiting = list(replies)
    return Wire(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])


def recorded(name: str) -> Any:
    """A reply in the provider's own shape."""
    return json.loads((REPLIES / f"{name}.json").read_text("utf-8"))


def refusal(case: dict[str, Any]) -> Reply:
    """A recorded refusal; its body may be no JSON."""
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    return reply(body, case["status"], **case.get("headers", {}))


def config(**changes: object) -> Config:
    """Settings with a client at every provider, and these changes."""
    clients = {
        f"{kind.name}_client_{what}": f"{kind.name}-{word}"
        for kind in WITH_FLOW
        for what, word in (("id", "id"), ("secret", "word"))
    }
    keys, project = new_key(), "https://ref.supabase.co"
    given = {"token_encryption_keys": keys, "supabase_url": project, "next_public_base_url": ORIGIN, **clients}
    return Config.load(_env_file=None, **{**given, **changes})


def connected(name: str, wire: Wire, **changes: object) -> Connected:
    """A provider as the registry makes it, at this wire, with these changes to the settings."""
    made = config(**changes)
    return connect(made.providers, made.redirect_uri, wire)[name]
