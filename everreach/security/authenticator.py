"""Who is calling: verifies the access tokens that Supabase Auth issues to signed-in people.

The claims: https://supabase.com/docs/guides/auth/jwt-fields. A project's anon and service keys are tokens too, signed
with the same secret; they name no person and are refused. Anonymous sign-ins (`is_anonymous`) are people with a lasting
id of their own, which they keep when they sign up; a setting says whether they may import.
"""

import base64
import time
from collections.abc import Collection
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
from everreach.security.jwks import KeySet

MAX_TOKEN_CHARACTERS = 16 * 1024
MIN_SECRET_BYTES = 32
"""HS256 needs a key no shorter than its hash: https://www.rfc-editor.org/rfc/rfc7518#section-3.2."""
CLOCK_SKEW_SECONDS = 30.0
"""How far the issuer's clock and ours may be apart, as PostgREST has it. A held line ends at `exp` all the same."""

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
    # Whatever a hook makes of it, only this counts as signed up.
    is_anonymous: object = False


@dataclass(frozen=True)
class _Known:
    """What a signature vouched for. It is worth no more than the key that it was checked with."""

    header: _Header
    key: PyJWK | str = field(repr=False)
    caller: Caller
    not_before: float

    def caller_now(self) -> Caller:
        """The caller, at this moment. Raises UnauthorizedError before the token begins and after it has ended."""
        _require_timely(self.not_before, self.caller.expires_at)
        return self.caller


class Authenticator:
    """Tells whose token it is. Each algorithm is verified only with its own kind of key.

    `secret` allows HS256 (at least 32 bytes, else ValueError), `keys` allow ES256 and RS256, and where there are
    `issuers` every token has to name one of them, whatever signed it. `anonymous` sign-ins may call or not.

    A token's signature is checked once for each key. Everything else is asked each time: the moment, and whether the
    key set still gives the same key. So a key that Supabase withdraws, or that only ran out, ends here too, and keys
    that serve while Supabase is away go on serving.
    """

    def __init__(
        self, *, secret: str | None, issuers: Collection[str] = (), keys: KeySet | None, anonymous: bool = True
    ) -> None:
        if secret is not None and len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"the token secret has to have at least {MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._issuers = frozenset(issuers)
        self._keys = keys
        self._anonymous = anonymous
        self._signatures = PyJWS(algorithms=["HS256", "ES256", "RS256"])
        # Tokens that have ended are the first to go. The digest stands for the token, so that none rests in memory.
        self._known: TLRUCache[bytes, _Known] = TLRUCache(
            MAX_KNOWN_TOKENS,
            lambda _digest, known, _now: known.caller.expires_at + CLOCK_SKEW_SECONDS,
            timer=time.time,
        )

    async def ready(self) -> None:
        """Return where tokens can be judged. Raises KeysAwayError while Supabase's keys could not be had yet."""
        if self._keys:
            await self._keys.had()

    async def caller(self, authorization: str | None) -> Caller:
        """Whose `Authorization` header this is: `Bearer` in any case, and one token. Raises as verify() does."""
        scheme, _, token = (authorization or "").strip(" ").partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthorizedError
        return await self.verify(token.strip(" "))

    async def verify(self, token: str) -> Caller:
        """Whose token this is. Raises UnauthorizedError, the same for every fault, and KeysAwayError."""
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
            header, claimed = _segments(token)
            claims = msgspec.json.decode(claimed, type=_Claims)
            # What cannot be ours, whoever signed it, is refused first: strangers shall not make us ask for keys.
            self._require_ours(claims)
            key = await self._key(header)
            signed = self._signatures.decode(token, key, algorithms=[header.alg])
        except (PyJWTError, ValueError, RecursionError):
            raise UnauthorizedError from None
        if signed != claimed:
            raise UnauthorizedError
        return _Known(header, key, Caller(str(claims.sub), claims.exp), max(claims.nbf, claims.iat))

    def _require_ours(self, claims: _Claims) -> None:
        _require_timely(max(claims.nbf, claims.iat), claims.exp)
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if (self._issuers and claims.iss not in self._issuers) or "authenticated" not in audience:
            raise UnauthorizedError
        if claims.is_anonymous is not False and not self._anonymous:
            raise UnauthorizedError("Please sign up: anonymous sign-ins cannot import contacts here.")

    async def _key(self, header: _Header) -> PyJWK | str:
        if header.alg == "HS256":
            key: PyJWK | str | None = self._secret
        else:
            key = await self._keys.key(header.kid, header.alg) if self._keys else None
        if key is None:
            raise UnauthorizedError
        return key


def _require_timely(not_before: float, expires_at: float) -> None:
    now = time.time()
    if not (not_before <= now + CLOCK_SKEW_SECONDS and now < expires_at + CLOCK_SKEW_SECONDS):
        raise UnauthorizedError


def _segments(token: str) -> tuple[_Header, bytes]:
    """The header and the claims as they stand there. PyJWT reads both again, and strictly, when it verifies."""
    header, claims = (base64.urlsafe_b64decode(part + "==") for part in token.split(".")[:2])
    return msgspec.json.decode(header, type=_Header), claims


def issue(secret: str, user_id: str, seconds: float, **changes: object) -> str:
    """A token like Supabase's, for the demo and the tests: HS256, for so many seconds, with `changes` to its claims."""
    now = int(time.time())
    claims = {"sub": user_id, "role": "authenticated", "aud": "authenticated", "iat": now, "exp": now + int(seconds)}
    payload = msgspec.json.encode({**claims, **changes})
    return PyJWS().encode(payload, secret, algorithm="HS256")
