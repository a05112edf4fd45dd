"""Who has let which program in: authorization codes, access and refresh tokens, all in memory."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import compare_digest, token_hex, token_urlsafe
from urllib.parse import urlsplit

import msgspec

CODE_LIFE = 600.0
"""Seconds in which an authorization code must be redeemed."""


class Client(msgspec.Struct, frozen=True):
    """A program that is registered with a provider; without a list of redirect URIs it may use any http(s) one."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] | None = None

    def allows(self, uri: str) -> bool:
        """Whether the browser may be sent to `uri`; a listed one must match to the letter."""
        parts = urlsplit(uri)
        absolute = parts.scheme in {"http", "https"} and bool(parts.netloc)
        return absolute and (self.redirect_uris is None or uri in self.redirect_uris)


class Tokens(msgspec.Struct, frozen=True):
    """What a token endpoint hands out; `expires_in` in seconds, `scope` separated by spaces."""

    access_token: str
    refresh_token: str | None
    expires_in: int
    scope: str


class GrantError(Exception):
    """The grant cannot be used; the argument says why, in a word that each provider translates."""


@dataclass(slots=True)
class Grant:
    """One person's yes to one program."""

    provider: str
    client_id: str
    account: str
    size: int
    """How many contacts the account has."""
    scopes: tuple[str, ...]
    offline: bool
    """Whether the program gets a refresh token."""
    revoked: bool = False
    id: str = field(default_factory=lambda: token_hex(8))


@dataclass(slots=True)
class Code:
    """An authorization code's memory of the authorize leg it came from."""

    grant: Grant
    redirect_uri: str
    challenge: str
    method: str
    expires_at: float
    spent: bool = False

    def check_verifier(self, verifier: str) -> None:
        """PKCE, https://www.rfc-editor.org/rfc/rfc7636#section-4.6; raises GrantError."""
        if self.challenge and not verifier:
            raise GrantError("missing_verifier")
        hashed = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        if self.challenge and not compare_digest(self.challenge, hashed if self.method == "S256" else verifier):
            raise GrantError("wrong_verifier")


class Grants:
    """Every code and token that was handed out; `clock` gives seconds, `expires_in` is an access token's life."""

    def __init__(self, clock: Callable[[], float], expires_in: int) -> None:
        self._clock = clock
        self._expires_in = expires_in
        self._codes: dict[str, Code] = {}
        self._access: dict[str, tuple[Grant, float]] = {}
        self._refresh: dict[str, Grant] = {}

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str = "", method: str = "plain") -> str:
        """A new code for a grant. Google's hold a slash, which callers must decode exactly once."""
        code = ("4/0A" if grant.provider == "google" else "M.C507_BAY.2.U.") + token_urlsafe(48)
        self._codes[code] = Code(grant, redirect_uri, challenge, method, self._clock() + CODE_LIFE)
        return code

    def redeem(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> Grant:
        """The grant behind a code, which is then spent; raises GrantError."""
        found = self._codes.get(code)
        if found is None or found.grant.client_id != client_id:
            raise GrantError("unknown_code")
        if found.spent:
            raise GrantError("spent_code")
        if self._clock() >= found.expires_at:
            raise GrantError("expired_code")
        if found.redirect_uri != redirect_uri:
            raise GrantError("wrong_redirect")
        found.check_verifier(verifier)
        found.spent = True
        return found.grant

    def refresh(self, refresh_token: str, client_id: str) -> Grant:
        """The grant behind a refresh token; raises GrantError."""
        grant = self._refresh.get(refresh_token)
        if grant is None or grant.client_id != client_id or grant.revoked:
            raise GrantError("dead_refresh")
        return grant

    def issue_tokens(self, grant: Grant, *, refresh: bool) -> Tokens:
        """A new access token, and a new refresh token if asked for and the grant allows it."""
        google = grant.provider == "google"
        access = ("ya29.a0" if google else "EwB4A8l6") + token_urlsafe(96)
        self._access[access] = (grant, self._clock() + self._expires_in)
        again = ("1//0g" if google else "M.C507_BAY.0.U.-") + token_urlsafe(48) if refresh and grant.offline else None
        if again:
            self._refresh[again] = grant
        return Tokens(access, again, self._expires_in, " ".join(grant.scopes))

    def of_access(self, access_token: str) -> Grant | None:
        """The living grant behind an access token that has not expired."""
        grant, expires_at = self._access.get(access_token, (None, 0.0))
        return None if grant is None or grant.revoked or self._clock() >= expires_at else grant

    def account_of(self, code_or_refresh: str) -> str:
        """Whose a code or a refresh token is, "" when unknown."""
        code, grant = self._codes.get(code_or_refresh), self._refresh.get(code_or_refresh)
        return code.grant.account if code else grant.account if grant else ""

    def reject(self, access_token: str) -> None:
        """Forget one access token before its time; a refresh brings the next."""
        self._access.pop(access_token, None)

    def revoke_token(self, token: str) -> bool:
        """Kill the whole grant behind an access or refresh token; False when there is none alive."""
        grant = self._refresh.get(token) or self._access.get(token, (None, 0.0))[0]
        alive = grant is not None and not grant.revoked
        if grant is not None:
            grant.revoked = True
        return alive

    def revoke_account(self, account: str) -> int:
        """Kill every living grant of an account; how many there were."""
        everyone = [*self._refresh.values(), *(grant for grant, _ in self._access.values())]
        living = {grant.id: grant for grant in everyone if grant.account == account and not grant.revoked}
        for grant in living.values():
            grant.revoked = True
        return len(living)
