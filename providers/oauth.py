"""The code flow, once: OAuth 2.0 with PKCE. A provider adds addresses and scopes; it cannot bend the flow."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, final
from urllib.parse import urlencode

import msgspec

from everreach.config import OAuthClient
from everreach.errors import ProviderError, ReconnectError, ThrottledError, TransientError
from everreach.net.http import Http, Reply
from everreach.net.origins import serialized
from everreach.observability import tracing
from everreach.observability.metrics import of_provider
from providers.lenient_json import detail

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


class OAuthFlow(ABC):
    """How a person gives access at one provider. `client` is None where the operator has not configured it."""

    name: ClassVar[str]
    title: ClassVar[str]
    setup_url: ClassVar[str]
    scopes: ClassVar[tuple[str, ...]]
    authorize_extras: ClassVar[dict[str, str]] = {}

    def __init__(
        self, client: OAuthClient | None, authorize_url: str, token_url: str, http: Http, revoke_url: str = ""
    ) -> None:
        self._client = client
        self._authorize_url = authorize_url
        self._token_url = token_url
        self._revoke_url = revoke_url
        self._http = http
        self._counted = of_provider(self.name)

    @property
    def client(self) -> OAuthClient:
        """Our credentials there. Raises ProviderError where the operator has removed them."""
        if self._client is None:
            raise ProviderError(f"{self.title} is not configured any more. Please try again later.")
        return self._client

    @property
    def configured(self) -> bool:
        """Whether there are credentials at all."""
        return self._client is not None

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
        return f"{self._authorize_url}?{urlencode(query)}"

    def is_issuer(self, text: str) -> bool:
        """Whether a callback's `iss` names this provider, https://www.rfc-editor.org/rfc/rfc9207#section-2.4."""
        return text == serialized(self._authorize_url)

    @final
    async def exchange(self, code: str, verifier: str) -> Grant:
        """The grant for a code. Sent once and never repeated: a code serves once."""
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return await self._token({**fields, "redirect_uri": self.client.redirect_uri})

    @final
    async def refresh(self, refresh_token: str) -> Grant:
        """A fresh grant. Raises ReconnectError where the refresh token is dead."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._http.retrying(lambda: self._token(fields), self._counted.retries.inc)

    @final
    async def revoke(self, token: str) -> bool:
        """End the grant behind a token, if it lives. False where there is no way to; ProviderError where it failed."""
        if self._revoke_url:
            await self._http.retrying(lambda: self._revocation(token), self._counted.retries.inc)
        return bool(self._revoke_url)

    @abstractmethod
    def allows_contacts(self, grant: Grant) -> bool:
        """Whether the person left the contacts ticked at the consent page."""

    async def _token(self, fields: dict[str, str]) -> Grant:
        client = self.client
        credentials = {"client_id": client.client_id, "client_secret": client.client_secret.get_secret_value()}
        with self._call("token"):
            reply = await self._http.post_form(self._token_url, {**fields, **credentials})
            if reply.status != 200:
                raise self._token_refusal(reply)
            try:
                return _grant(msgspec.json.decode(reply.body, type=_TokenReply, strict=False))
            except (msgspec.MsgspecError, ValueError, OverflowError):
                raise TransientError from None

    @contextmanager
    def _call(self, kind: str) -> Iterator[None]:
        """Around one request: how long it takes, and what it fails with."""
        with self._counted.call.time(), tracing.span("provider call", provider=self.name, call=kind):
            try:
                yield
            except ProviderError as error:
                self._counted.failed(error)
                raise

    async def _revocation(self, token: str) -> None:
        # For a dead token RFC 7009, section 2.2, asks for a success; Google says invalid_token.
        with self._call("revoke"):
            reply = await self._http.post_form(self._revoke_url, {"token": token})
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
