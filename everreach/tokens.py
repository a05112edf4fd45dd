"""Who is calling: verifies the access tokens that Supabase Auth issues to signed-in people.

The claims: https://supabase.com/docs/guides/auth/jwt-fields. A project's anon and service keys are tokens too, signed
with the same secret; they name no person and are refused. Anonymous sign-ins (`is_anonymous`) are people: they have a
lasting id of their own, which they keep when they sign up, so they may import.
"""

import base64
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from cachetools import TLRUCache
from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError
from msgspec import UNSET, Meta, UnsetType

from everreach.errors import UnauthorizedError
from everreach.jwks import KeySet

MAX_TOKEN_CHARACTERS = 16 * 1024
MIN_SECRET_BYTES = 32
"""HS256 needs a key no shorter than its hash: https://www.rfc-editor.org/rfc/rfc7518#section-3.2."""
CLOCK_SKEW_SECONDS = 5.0
"""How far ahead of ours the issuer's clock may be. It forgives `nbf` and `iat`, never `exp`."""

MAX_KNOWN_TOKENS = 10_000
"""So many of those who called last need no second look at their signature; each costs us less than a kilobyte."""

# Beyond the year 9999 a number is no moment that anything could wait for.
_Moment = Annotated[float, Meta(ge=0, lt=253_402_300_800)]


@dataclass(frozen=True)
class Caller:
    """A signed-in person: the id as lower-case UUID text, and when the token ends, in seconds since 1970."""

    user_id: str
    expires_at: float


class _Header(msgspec.Struct):
    alg: Literal["HS256", "ES256", "RS256"]
    kid: str | None = None
    # We understand no extension, so a token that insists on one is refused whatever it says.
    crit: UnsetType = UNSET


class _Claims(msgspec.Struct):
    sub: UUID
    role: Literal["authenticated"]
    aud: str | list[str]
    exp: _Moment
    nbf: _Moment = 0
    iat: _Moment = 0
    iss: str | None = None


@dataclass(frozen=True)
class _Known:
    """What a signature vouched for. It is worth no more than the key that it was checked with."""

    header: _Header
    key: PyJWK | str = field(repr=False)
    caller: Caller
    not_before: float

    def caller_now(self) -> Caller:
        """The caller, at this moment. Raises UnauthorizedError before the token begins and after it has ended."""
        now = time.time()
        if not (self.not_before <= now + CLOCK_SKEW_SECONDS and now < self.caller.expires_at):
            raise UnauthorizedError
        return self.caller


class Authenticator:
    """Tells whose token it is. Each algorithm is verified only with its own kind of key.

    `secret` allows HS256 (at least 32 bytes, else ValueError), `keys` allow ES256 and RS256, and with an `issuer` every
    token has to name it, whatever signed it.

    A token's signature is checked once for each key. Everything else is asked each time: the moment, and whether the
    key set still gives the same key. So a key that Supabase withdraws, or that only ran out, ends here too, and keys
    that serve while Supabase is away go on serving.
    """

    def __init__(self, *, secret: str | None, issuer: str | None, keys: KeySet | None) -> None:
        if secret is not None and len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"the token secret has to have at least {MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._issuer = issuer
        self._keys = keys
        self._signatures = PyJWS(algorithms=["HS256", "ES256", "RS256"])
        # Tokens that have ended are the first to go. The digest stands for the token, so that none rests in memory.
        self._known: TLRUCache[bytes, _Known] = TLRUCache(
            MAX_KNOWN_TOKENS, lambda _digest, known, _now: known.caller.expires_at, timer=time.time
        )

    async def caller(self, authorization: str | None) -> Caller:
        """Whose `Authorization` header this is: `Bearer` in any case, and one token. Raises UnauthorizedError."""
        scheme, _, token = (authorization or "").strip(" ").partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthorizedError
        return await self.verify(token.strip(" "))

    async def verify(self, token: str) -> Caller:
        """Whose token this is. Raises UnauthorizedError, the same for every fault, and where no key can be had."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise UnauthorizedError
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known and known.key is await self._key(known.header):
            return known.caller_now()
        known = await self._check(token)
        caller = known.caller_now()
        self._known[digest] = known
        return caller

    async def _check(self, token: str) -> _Known:
        try:
            header = _header(token)
            key = await self._key(header)
            payload = self._signatures.decode(token, key, algorithms=[header.alg])
            claims = msgspec.json.decode(payload, type=_Claims)
        except (PyJWTError, ValueError, RecursionError):
            raise UnauthorizedError from None
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        ours = self._issuer is None or claims.iss == self._issuer
        if not (ours and "authenticated" in audience):
            raise UnauthorizedError
        return _Known(header, key, Caller(str(claims.sub), claims.exp), max(claims.nbf, claims.iat))

    async def _key(self, header: _Header) -> PyJWK | str:
        if header.alg == "HS256":
            key: PyJWK | str | None = self._secret
        else:
            key = await self._keys.key(header.kid, header.alg) if self._keys else None
        if key is None:
            raise UnauthorizedError
        return key


def _header(token: str) -> _Header:
    # PyJWT reads the header again, and strictly, when it verifies; this only tells which key to look for.
    segment = token.partition(".")[0]
    return msgspec.json.decode(base64.urlsafe_b64decode(segment + "=="), type=_Header)


def issue(secret: str, user_id: str, seconds: float, **changes: object) -> str:
    """A token like Supabase's, for the demo and the tests: HS256, for so many seconds, with `changes` to its claims."""
    now = int(time.time())
    claims = {"sub": user_id, "role": "authenticated", "aud": "authenticated", "iat": now, "exp": now + int(seconds)}
    payload = msgspec.json.encode({**claims, **changes})
    return PyJWS().encode(payload, secret, algorithm="HS256")
