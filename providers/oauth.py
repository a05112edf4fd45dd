"""The code flow, once: OAuth 2.0 with PKCE. A provider adds addresses and scopes; it cannot bend the flow."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, NamedTuple, final
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from everreach.errors import ProviderError, ReconnectError, ThrottledError, TransientError
from everreach.net.http import Reply
from everreach.net.origins import serialized
from providers.calls import Calls
from providers.lenient_json import detail
from providers.settings import OAuthSettings

TOKEN_LIMIT: Final = 32 * 1024
"""Characters of a token. Graph takes no header longer than that."""

OPERATORS_ERRORS: Final = frozenset(
    {"invalid_client", "unauthorized_client", "redirect_uri_mismatch", "invalid_scope", "unsupported_grant_type"}
)
"""What a token endpoint says where only the operator can mend it, https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""

_OAUTH_ERRORS: Final = OPERATORS_ERRORS | {
    "invalid_request", "invalid_grant", "interaction_required", "consent_required", "temporarily_unavailable"
}  # fmt: skip
_DEFAULT_LIFETIME_SECONDS: Final = 3600


class Grant(msgspec.Struct, frozen=True):
    """What a token endpoint gave. `scopes` is None where it did not say, which means: all that were asked for."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime
    scopes: frozenset[str] | None

    def __repr__(self) -> str:
        return "Grant(…)"


class _TokenReply(msgspec.Struct):
    access_token: str
    expires_in: float | None = None
    refresh_token: str | None = None
    scope: str | None = None


class _TokenError(msgspec.Struct):
    error: str | None = None


class OAuthClient(NamedTuple):
    """How a provider knows us: id, secret, and where it may send people back."""

    client_id: str
    client_secret: SecretStr
    redirect_uri: str


class OAuthFlow(ABC):
    """How a person gives access at one provider, and takes it back.

    A provider adds the page where an operator makes a client, the scopes, and what the consent page is asked besides.
    """

    setup_url: ClassVar[str]
    scopes: ClassVar[tuple[str, ...]]
    authorize_extras: ClassVar[dict[str, str]] = {}

    def __init__(self, calls: Calls, settings: OAuthSettings, redirect_uri: str) -> None:
        self.name = calls.name
        self.title = calls.title
        self.settings = settings
        self.redirect_uri = redirect_uri
        self._calls = calls

    @property
    def client(self) -> OAuthClient:
        """Our credentials there. Raises ProviderError where the operator has removed them."""
        client_id, secret = self.settings.client_id, self.settings.client_secret
        if not client_id or not secret:
            raise ProviderError(f"{self.title} is not configured any more. Please try again later.")
        return OAuthClient(client_id, secret, self.redirect_uri)

    @property
    def configured(self) -> bool:
        """Whether there are credentials at all."""
        return self.settings.configured

    @final
    def authorization_url(self, state: str, challenge: str) -> str:
        """Where the person gives consent; `challenge` is PKCE's S256."""
        query = {
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **self.authorize_extras,
        }
        return f"{self.settings.authorize_url}?{urlencode(query)}"

    def is_issuer(self, text: str) -> bool:
        """Whether a callback's `iss` names this provider, https://www.rfc-editor.org/rfc/rfc9207#section-2.4."""
        return text == serialized(self.settings.authorize_url)

    @final
    async def exchange(self, code: str, verifier: str) -> Grant:
        """The grant for a code. Sent once and never repeated: a code serves once."""
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return await self._token({**fields, "redirect_uri": self.client.redirect_uri})

    @final
    async def refresh(self, refresh_token: str) -> Grant:
        """A fresh grant. Raises ReconnectError where the refresh token is dead."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._calls.retrying(lambda: self._token(fields))

    @final
    async def revoke(self, token: str) -> bool:
        """End the grant behind a token, if it lives. False where there is no way to; ProviderError where it failed."""
        url = self.settings.revocation_url
        if url:
            await self._calls.retrying(lambda: self._revocation(url, token))
        return bool(url)

    @abstractmethod
    def allows_contacts(self, grant: Grant) -> bool:
        """Whether the person left the contacts ticked at the consent page."""

    async def _token(self, fields: dict[str, str]) -> Grant:
        client = self.client
        credentials = {"client_id": client.client_id, "client_secret": client.client_secret.get_secret_value()}
        with self._calls.counted("token"):
            reply = await self._calls.http.post_form(self.settings.token_url, {**fields, **credentials})
            if reply.status != 200:
                raise self._token_refusal(reply)
            try:
                return _grant(msgspec.json.decode(reply.body, type=_TokenReply, strict=False))
            except (msgspec.MsgspecError, ValueError, OverflowError):
                raise TransientError from None

    async def _revocation(self, url: str, token: str) -> None:
        # For a dead token RFC 7009, section 2.2, asks for a success; Google says invalid_token.
        with self._calls.counted("revoke"):
            reply = await self._calls.http.post_form(url, {"token": token})
            if reply.status != 200 and detail(reply.body, _TokenError).error != "invalid_token":
                raise self._token_refusal(reply)

    def _token_refusal(self, reply: Reply) -> ProviderError:
        word = detail(reply.body, _TokenError).error
        refusal = self._token_error(reply, word)
        refusal.oauth_error = word if word in _OAUTH_ERRORS else None
        return refusal

    def _token_error(self, reply: Reply, error: str | None) -> ProviderError:
        if reply.status == 429 or (reply.status == 503 and reply.retry_after is not None):
            return ThrottledError(reply.retry_after)
        if reply.status == 408 or reply.status >= 500:
            return TransientError()
        if error in {"invalid_grant", "interaction_required", "consent_required"}:
            return ReconnectError()
        if error == "temporarily_unavailable":
            return TransientError()
        return ProviderError(f"{self.title} does not accept this server's credentials. Please tell its operator.")


def _grant(reply: _TokenReply) -> Grant:
    if not reply.access_token or max(len(reply.access_token), len(reply.refresh_token or "")) > TOKEN_LIMIT:
        raise ValueError
    seconds = _DEFAULT_LIFETIME_SECONDS if reply.expires_in is None else max(0.0, reply.expires_in)
    scopes = frozenset(reply.scope.split()) if reply.scope else None
    return Grant(
        reply.access_token, reply.refresh_token or None, datetime.now(UTC) + timedelta(seconds=seconds), scopes
    )
