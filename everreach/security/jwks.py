"""Supabase's public keys: fetched when needed, shared by every request, kept while Supabase is away.

Supabase publishes them at `{SUPABASE_URL}/auth/v1/.well-known/jwks.json` and asks that they be cached for ten minutes
at most: https://supabase.com/docs/guides/auth/signing-keys. A project that signs with HS256 only publishes none.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from everreach.errors import KeysAwayError

MAX_AGE_SECONDS = 600.0
RETRY_SECONDS = 5.0
"""How long a failed fetch keeps us from the next one."""
FETCH_SECONDS = 5.0
"""How long a request waits for the keys at most."""
FETCHES_AT_ONCE, FETCH_EACH_SECONDS = 2, 15.0
"""How often Supabase is asked at the most: twice, and then once in so many seconds; five times in any minute.

Fifteen seconds are then the longest that a key which was published just now waits to be seen, whatever others ask for.
"""
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
        self._keys: _Keys | None = None
        self._fresh_until = self._retry_at = self._paid_until = -math.inf
        self._failing = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that may verify `algorithm` under this id, None where the project has none.

        Without an id the only key of that algorithm serves. An unknown id asks Supabase once more, but a stream of
        them does not: fetches are limited, for whatever reason. Raises KeysAwayError while no key set could be had yet.
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
        self._require()
        return found

    async def had(self) -> None:
        """Return where a key set could be had once, be it an empty one. Raises KeysAwayError while none could."""
        if self._keys is None and (fetching := self._shared_fetch()):
            await asyncio.wait([fetching])
        self._require()

    def _require(self) -> None:
        if self._keys is None:
            raise KeysAwayError(max(1, math.ceil(self._next_fetch() - self._clock())))

    def _find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        keys = self._keys or {}
        if kid is not None:
            return keys.get((kid, algorithm))
        suitable = [key for (_, name), key in keys.items() if name == algorithm]
        return suitable[0] if len(suitable) == 1 else None

    def _shared_fetch(self) -> asyncio.Task[None] | None:
        if self._fetching is None and self._clock() >= self._next_fetch():
            self._fetching = asyncio.create_task(self._refresh())
        return self._fetching

    def _next_fetch(self) -> float:
        """When Supabase may be asked again. Each fetch is paid for with its seconds; the first few are lent."""
        return max(self._retry_at, self._paid_until - (FETCHES_AT_ONCE - 1) * FETCH_EACH_SECONDS)

    async def _refresh(self) -> None:
        started = self._clock()
        self._paid_until = max(self._paid_until, started) + FETCH_EACH_SECONDS
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = read(await self._fetch())
        except Exception as error:
            # Only the kind is logged: a message could quote what came over the wire.
            known = len(self._keys or {})
            _log.warning("the key set could not be read (%s); cached keys: %d", type(error).__name__, known)
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


def read(body: bytes) -> dict[tuple[str | None, str], PyJWK]:
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
