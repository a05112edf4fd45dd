"""What travels through the consent page and back: the OAuth state, and the two halves of PKCE.

The state is not secret from the person and not signed: it is held by `random`, of which the job keeps only a hash.
Whoever cannot show the random part of a waiting job's state changes nothing.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from everreach.errors import CallbackError

RANDOM_BYTES = 16
"""128 bits: https://www.rfc-editor.org/rfc/rfc6749#section-10.10 asks for a chance of guessing of 2^-128 at most."""

VERIFIER_BYTES = 32
"""43 characters, what https://www.rfc-editor.org/rfc/rfc7636#section-4.1 recommends and the least that it allows."""

MAX_STATE_CHARACTERS = 1024
"""Ours have about 200."""


@dataclass(frozen=True)
class State:
    """A state that came back: whose consent it claims to be, and the SHA-256 (hexadecimal) the job has to know."""

    job_id: str
    user_id: str
    nonce_hash: str


# A pattern is searched for, and $ would let a line feed follow; \Z does not.
_JOB_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"


class _Content(msgspec.Struct):
    job_id: Annotated[str, Meta(pattern=_JOB_ID)]
    user_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
    random: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22,86}\Z")]


def new_state(job_id: str, user_id: str) -> tuple[str, State]:
    """A state for one consent: the text for the URL, and what the job keeps of it."""
    random = secrets.token_urlsafe(RANDOM_BYTES)
    content = _Content(job_id=job_id, user_id=user_id, random=random)
    return _base64url(msgspec.json.encode(content)), State(job_id, user_id, _hash(random))


def parse_state(text: str) -> State:
    """Read a state as it came back, with or without `=` padding. Raises CallbackError `invalid_state` for all else."""
    if len(text) > MAX_STATE_CHARACTERS:
        raise CallbackError("invalid_state")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        content = msgspec.json.decode(data, type=_Content)
    except (ValueError, RecursionError):
        raise CallbackError("invalid_state") from None
    return State(content.job_id, content.user_id, _hash(content.random))


def is_job_id(text: str) -> bool:
    """Whether this could be a job's id: lower-case UUIDv4 text."""
    return re.search(_JOB_ID, text) is not None


def new_verifier() -> str:
    """A PKCE code verifier of 43 characters, for the job to keep sealed."""
    return secrets.token_urlsafe(VERIFIER_BYTES)


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def _hash(random: str) -> str:
    return hashlib.sha256(random.encode("ascii")).hexdigest()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
