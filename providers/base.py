"""The code flow and the paging, once. A provider adds addresses, scopes and a parser; it cannot bend the flow."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, NamedTuple, TypeVar, final
from urllib.parse import urlencode

import msgspec

from everreach.concurrency.cooperative import map_cooperatively
from everreach.config import OAuthClient
from everreach.contacts.contact import Page
from everreach.errors import (
    ProviderError,
    ReconnectError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnrenderedError,
)
from everreach.net.http import Http, Reply
from everreach.net.origins import serialized
from everreach.observability import tracing
from everreach.observability.metrics import of_provider
from providers.lenient_json import Answer, decode, detail
from providers.paging import Smaller

TOKEN_LIMIT: Final = 32 * 1024
"""Characters of a token. Graph takes no header longer than that."""

NAME_LIMIT: Final = 320
"""Characters of an account's id, and those kept of its name: an e-mail address has no more."""

OPERATORS_ERRORS: Final = frozenset(
    {"invalid_client", "unauthorized_client", "redirect_uri_mismatch", "invalid_scope", "unsupported_grant_type"}
)
"""What a token endpoint says where only the operator can mend it, https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""

_OAUTH_ERRORS: Final = OPERATORS_ERRORS | {
    "invalid_request", "invalid_grant", "interaction_required", "consent_required", "temporarily_unavailable"
}  # fmt: skip
_DEFAULT_LIFETIME_SECONDS: Final = 3600

A = TypeVar("A", bound=Answer)


class Grant(msgspec.Struct, frozen=True):
    """What a token endpoint gave. `scopes` is None where it did not say, which means: all that were asked for."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime
    scopes: frozenset[str] | None

    def __repr__(self) -> str:
        return "Grant(…)"


class Account(NamedTuple):
    """Whose address book it is."""

    id: str | None
    name: str | None

    @classmethod
    def of(cls, id_: str | None, name: str | None) -> "Account":
        """The account that a provider names. Raises TransientError for an id that is none."""
        if id_ and len(id_) > NAME_LIMIT:
            raise TransientError
        return cls(id_, name[:NAME_LIMIT] if name else name)


class _TokenReply(msgspec.Struct):
    access_token: str
    expires_in: float | None = None
    refresh_token: str | None = None
    scope: str | None = None


class _TokenError(msgspec.Struct):
    error: str | None = None


class Provider(ABC):
    """One provider. `client` is None where the operator has not configured it."""

    name: ClassVar[str]
    title: ClassVar[str]
    setup_url: ClassVar[str]
    scopes: ClassVar[tuple[str, ...]]
    counts_more: ClassVar[bool] = False
    """Whether the number of contacts that it announces includes what is none."""
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

    @abstractmethod
    async def account(self, access_token: str) -> Account:
        """Whose address book it is."""

    @abstractmethod
    async def page(self, access_token: str, position: str | None) -> Page:
        """One page of contacts; `position` is what the page before gave as `next`, None for the first.

        Raises ListingExpiredError where the provider no longer knows the position.
        """

    def smaller(self, position: str | None) -> Smaller | None:
        """Where to go on where the page at `position` cannot be had as it is; None where there is nothing to try."""
        return None

    @final
    async def _read(
        self, access_token: str, url: str, type_: type[A], *, home: str, headers: Mapping[str, str] | None = None
    ) -> A:
        """GET and decode a document at the API whose address is `home`, once.

        Raises TransientError for what is no answer, although the status says so.
        """
        with self._call("read"):
            reply = await self._http.get_as(access_token, url, home=home, headers=headers)
            if reply.status != 200:
                raise self._refusal(reply)
            # A large page takes some milliseconds; a crowd of them waits its turn.
            (answer,) = await map_cooperatively(lambda body: decode(body, type_), [reply.body])
            if not answer.sound:
                raise TransientError
            return answer

    @final
    async def _read_again(
        self, access_token: str, url: str, type_: type[A], *, home: str, headers: Mapping[str, str] | None = None
    ) -> A:
        """The same for what is no page: network errors, 5xx and nonsense are tried again at once."""
        try:
            return await self._http.retrying(
                lambda: self._read(access_token, url, type_, home=home, headers=headers), self._counted.retries.inc
            )
        except UnrenderedError:
            # No smaller page would help.
            raise TransientError from None

    def _refusal(self, reply: Reply) -> ProviderError:
        """What a status other than 200 means; a provider refines what its own bodies say."""
        if reply.status == 401:
            return TokenRejectedError()
        if reply.status == 429 or (reply.status == 503 and reply.retry_after is not None):
            return ThrottledError(reply.retry_after)
        if reply.status >= 500:
            return UnrenderedError()
        if reply.status in {408, 425}:
            return TransientError()
        return ProviderError(f"{self.title} refused to list the contacts (HTTP {reply.status}).")

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
