"""What travels through the consent page and back: the OAuth state, and the two halves of PKCE.

The state is not secret from the person. It is held by `random`: 128 random bits of which the job keeps only a hash, 32
bits that name the web app to come back to, and a MAC over all of it, by which whatever was not made here is refused
before the database is asked.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from everreach.errors import CallbackError

RANDOM_BYTES = 16
"""128 bits: https://www.rfc-editor.org/rfc/rfc6749#section-10.10 asks for a chance of guessing of 2^-128 at most."""

VERIFIER_BYTES = 32
"""43 characters, what https://www.rfc-editor.org/rfc/rfc7636#section-4.1 recommends and the least that it allows."""

MAX_STATE_CHARACTERS = 1024
"""Ours have about 230."""

_TO_THE_APP: Final = bytes(4)
_MAC_BYTES: Final = 16
_LENGTH: Final = RANDOM_BYTES + len(_TO_THE_APP) + _MAC_BYTES


@dataclass(frozen=True)
class State:
    """A state that came back: whose consent it claims to be."""

    job_id: str
    user_id: str
    random: str = field(repr=False)

    @property
    def nonce_hash(self) -> str:
        """The SHA-256 (hexadecimal) of `random`, which is all that the job knows of it."""
        return hashlib.sha256(self.random.encode("ascii")).hexdigest()


# A pattern is searched for, and $ would let a line feed follow; \Z does not.
_JOB_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"


class _Content(msgspec.Struct):
    job_id: Annotated[str, Meta(pattern=_JOB_ID)]
    user_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
    random: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22,86}\Z")]


class StateMaker:
    """Makes states, and knows its own again. Every node that has one of the `keys` knows them; the first one makes."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        # Not the keys themselves: what seals tokens must not also sign what travels.
        self._keys = [hmac.digest(key, b"everreach oauth state", "sha256") for key in keys]

    def make(self, job_id: str, user_id: str, web_app: str | None = None) -> tuple[str, State]:
        """A state for one consent: the text for the URL, and the state. `web_app` is the origin to come back to."""
        content = secrets.token_bytes(RANDOM_BYTES) + (_tag(web_app) if web_app else _TO_THE_APP)
        random = _base64url(content + _mac(self._keys[0], job_id, user_id, content))
        text = _base64url(msgspec.json.encode(_Content(job_id=job_id, user_id=user_id, random=random)))
        return text, State(job_id, user_id, random)

    def check(self, state: State) -> None:
        """Raise CallbackError `invalid_state` for a state that was not made with any of the keys."""
        content, mac = _halves(state)
        if not any(hmac.compare_digest(mac, _mac(key, state.job_id, state.user_id, content)) for key in self._keys):
            raise CallbackError("invalid_state")

    def web_app(self, state: State, ours: Iterable[str]) -> str | None:
        """The one of these origins where the consent began; None for the app. The state has to be a checked one."""
        tag = _halves(state)[0][RANDOM_BYTES:]
        return next((origin for origin in ours if _tag(origin) == tag), None)


def parse_state(text: str) -> State:
    """Read a state as it came back, with or without `=` padding. Raises CallbackError `invalid_state` for all else."""
    if len(text) > MAX_STATE_CHARACTERS:
        raise CallbackError("invalid_state")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        content = msgspec.json.decode(data, type=_Content)
    except (ValueError, RecursionError):
        raise CallbackError("invalid_state") from None
    return State(content.job_id, content.user_id, content.random)


def is_job_id(text: str) -> bool:
    """Whether this could be a job's id: lower-case UUIDv4 text."""
    return re.search(_JOB_ID, text) is not None


def new_verifier() -> str:
    """A PKCE code verifier of 43 characters, for the job to keep sealed."""
    return secrets.token_urlsafe(VERIFIER_BYTES)


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def _halves(state: State) -> tuple[bytes, bytes]:
    """What the MAC is of, and the MAC."""
    data = base64.urlsafe_b64decode(state.random + "=" * (-len(state.random) % 4)) if _is_whole(state) else b""
    return data[:-_MAC_BYTES], data[-_MAC_BYTES:]


def _is_whole(state: State) -> bool:
    # Four characters are three bytes; ours has no spare bits, so that each has one spelling.
    return len(state.random) * 3 == _LENGTH * 4


def _mac(key: bytes, job_id: str, user_id: str, content: bytes) -> bytes:
    # Both ids have a fixed length, so that no two lists of parts give the same bytes.
    return hmac.digest(key, job_id.encode() + user_id.encode() + content, "sha256")[:_MAC_BYTES]


def _tag(origin: str) -> bytes:
    return hashlib.sha256(origin.encode()).digest()[: len(_TO_THE_APP)]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
