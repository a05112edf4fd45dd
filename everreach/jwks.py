"""Supabase's public keys: fetched when needed, shared by every request, kept while Supabase is away.

Supabase publishes them at `{SUPABASE_URL}/auth/v1/.well-known/jwks.json` and asks that they be cached for ten minutes
at most: https://supabase.com/docs/guides/auth/signing-keys. A project that signs with HS256 only publishes none.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

MAX_AGE_SECONDS = 600.0
RETRY_SECONDS = 5.0
"""How long a failed fetch keeps us from the next one."""
FETCH_SECONDS = 5.0
"""How long a request waits for the keys at most."""
FETCHES_A_MINUTE = 4
MAX_BODY_BYTES = 64 * 1024
MIN_KEY_BITS = {"EC": 256, "RSA": 2048}
"""RSA keys below 2048 bits are refused: https://www.rfc-editor.org/rfc/rfc7518#section-3.3."""

_ALGORITHMS = {"EC": "ES256", "RSA": "RS256"}
_Keys = dict[tuple[str | None, str], PyJWK]
_log = logging.getLogger(__name__)


class KeySet:
    """The keys of one JWKS document. `fetch` gives its body and may raise anything; `clock` counts seconds."""

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: _Keys = {}
        self._fresh_until = self._retry_at = -math.inf
        self._failing = False
        self._recent: deque[float] = deque(maxlen=FETCHES_A_MINUTE)
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that may verify `algorithm` under this id, or None; never raises because Supabase fails.

        Without an id the only key of that algorithm serves. An unknown id asks Supabase once more, but a stream of
        them does not: there are at most four fetches in any minute, for whatever reason.
        """
        found = self._find(kid, algorithm)
        if found and self._clock() < self._fresh_until:
            return found
        fetching = self._shared_fetch()
        # While Supabase is known to be away, nobody who has a key waits for it; the fetch goes on behind.
        if fetching and not (found and self._failing):
            # Unlike awaiting the task, this does not cancel it when one of those who wait is cancelled.
            await asyncio.wait([fetching])
            found = self._find(kid, algorithm)
        return found

    def _find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        if kid is not None:
            return self._keys.get((kid, algorithm))
        suitable = [key for (_, name), key in self._keys.items() if name == algorithm]
        return suitable[0] if len(suitable) == 1 else None

    def _shared_fetch(self) -> asyncio.Task[None] | None:
        if self._fetching is None and self._may_fetch():
            self._fetching = asyncio.create_task(self._refresh())
        return self._fetching

    def _may_fetch(self) -> bool:
        now = self._clock()
        spent = len(self._recent) == FETCHES_A_MINUTE and now - self._recent[0] < 60
        return now >= self._retry_at and not spent

    async def _refresh(self) -> None:
        started = self._clock()
        self._recent.append(started)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = _read(await self._fetch())
        except Exception as error:
            # Only the kind is logged: a message could quote what came over the wire.
            _log.warning("the key set could not be read (%s); cached keys: %d", type(error).__name__, len(self._keys))
            self._failing, self._retry_at = True, self._clock() + RETRY_SECONDS
        else:
            self._failing, self._fresh_until = False, started + MAX_AGE_SECONDS
        finally:
            self._fetching = None


class _Document(msgspec.Struct):
    keys: list[Any]


class _Shape(msgspec.Struct):
    # A symmetric key, one for encryption or another algorithm, and a private one that got published all fail here.
    kty: Literal["EC", "RSA"]
    kid: str | None = None
    use: Literal["sig"] | None = None
    alg: str | None = None
    crv: Literal["P-256"] | None = None
    key_ops: list[str] | None = None
    d: None = None


def _read(body: bytes) -> _Keys:
    """The usable keys, perhaps none, by id and algorithm. Raises for a body that is no key set."""
    if len(body) > MAX_BODY_BYTES:
        raise ValueError("the key set is too large")
    keys: _Keys = {}
    for data in msgspec.json.decode(body, type=_Document).keys:
        key = _usable(data)
        if key:
            keys.setdefault((key.key_id, key.algorithm_name), key)
    return keys


def _usable(data: Any) -> PyJWK | None:
    try:
        shape = msgspec.convert(data, _Shape)
        key = PyJWK(data, _ALGORITHMS[shape.kty])
    except (PyJWTError, ValueError, TypeError):
        return None
    meant = shape.alg in {None, key.algorithm_name} and (shape.key_ops is None or "verify" in shape.key_ops)
    return key if meant and key.key.key_size >= MIN_KEY_BITS[shape.kty] else None
