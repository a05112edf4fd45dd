"""The token endpoints: a code or a refresh token comes in, tokens go out; and Google's revocation.

https://developers.google.com/identity/protocols/oauth2/web-server
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from secrets import compare_digest, token_urlsafe
from urllib.parse import unquote_plus

import msgspec

from providers.sandbox.endpoint import Endpoint, Refusal
from providers.sandbox.faults import Spot, Where
from providers.sandbox.oauth import errors as errors_module
from providers.sandbox.oauth.grants import Grant, GrantError, Tokens
from providers.sandbox.oauth.scopes import without_contacts

_FORM = "application/x-www-form-urlencoded"


def id_token(account: str, client_id: str) -> str:
    """Shaped like a signed JWT; its signature is noise, for nobody has a key to check it with."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"aud": client_id, "email": account})
    head, body = (urlsafe_b64encode(msgspec.json.encode(part)).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{token_urlsafe(256)}"


class TokenEndpoint(Endpoint):
    """`POST`, form encoded only, for both grant types."""

    route = "token"
    rotates = False
    """Whether each refresh brings a new refresh token."""

    async def post(self) -> None:
        """Exchange or refresh."""
        form = self._form()
        self._check_client(form)
        where: Where = "refresh" if form.get("grant_type") == "refresh_token" else "token"
        account = self.sandbox.grants.account_of(form.get("refresh_token" if where == "refresh" else "code", ""))
        spot = Spot(self.provider, where, account)
        shaping = await self.face(spot)
        grant, tokens = self._serve(form, forget_contacts="missing_scope" in shaping)
        await self.face(spot._replace(after=True))
        self.answer(self.body(grant, tokens))

    def refuse(self, word: str) -> Refusal:
        """The provider's way to say it."""
        raise NotImplementedError

    def body(self, grant: Grant, tokens: Tokens) -> dict[str, object]:
        """The answer; what is None is left out."""
        plain = {
            "token_type": "Bearer",
            **msgspec.structs.asdict(tokens),
            "id_token": id_token(grant.account, grant.client_id) if "openid" in grant.scopes else None,
        }
        return {name: value for name, value in plain.items() if value is not None}

    def credentials(self, form: dict[str, str]) -> tuple[str, str]:
        """The client's id and secret."""
        return form.get("client_id", ""), form.get("client_secret", "")

    def _form(self) -> dict[str, str]:
        if not self.request.headers.get("Content-Type", "").startswith(_FORM):
            raise self.refuse("not_form")
        return {name: values[-1].decode(errors="replace") for name, values in self.request.body_arguments.items()}

    def _check_client(self, form: dict[str, str]) -> None:
        client_id, secret = self.credentials(form)
        client = self.sandbox.clients[self.provider]
        if client_id != client.client_id:
            raise self.refuse("unknown_client" if client_id else "client_id")
        if not compare_digest(secret.encode(), client.client_secret.encode()):
            raise self.refuse("wrong_secret")

    def _serve(self, form: dict[str, str], *, forget_contacts: bool) -> tuple[Grant, Tokens]:
        grants = {"authorization_code": self._exchange, "refresh_token": self._renew}
        serve = grants.get(self._need(form, "grant_type"))
        if serve is None:
            raise self.refuse("grant_type")
        try:
            grant, refresh = serve(form)
        except GrantError as error:
            raise self.refuse(str(error)) from None
        if forget_contacts:
            grant.scopes = without_contacts(grant.scopes)
        return grant, self.sandbox.grants.issue_tokens(grant, refresh=refresh)

    def _exchange(self, form: dict[str, str]) -> tuple[Grant, bool]:
        code, redirect_uri = self._need(form, "code"), self._need(form, "redirect_uri")
        client_id, verifier = self.credentials(form)[0], form.get("code_verifier", "")
        grant = self.sandbox.grants.redeem(code, client_id, redirect_uri, verifier)
        self.sandbox.stats.codes_exchanged += 1
        return grant, True

    def _renew(self, form: dict[str, str]) -> tuple[Grant, bool]:
        grant = self.sandbox.grants.refresh(self._need(form, "refresh_token"), self.credentials(form)[0])
        self.sandbox.stats.refreshes += 1
        return grant, self.rotates

    def _need(self, form: dict[str, str], name: str) -> str:
        if not form.get(name):
            raise self.refuse(name)
        return form[name]


class GoogleToken(TokenEndpoint):
    """Refreshing keeps the refresh token as it is."""

    provider = "google"
    refusals = errors_module.GOOGLE_FAULTS

    def refuse(self, word: str) -> Refusal:
        """In Google's words."""
        return errors_module.google(word)


class MicrosoftToken(TokenEndpoint):
    """Each refresh brings a new refresh token, and the old one still works."""

    provider = "microsoft"
    refusals = errors_module.MICROSOFT_FAULTS
    rotates = True

    def refuse(self, word: str) -> Refusal:
        """In Microsoft's words."""
        return errors_module.microsoft(word)

    def body(self, grant: Grant, tokens: Tokens) -> dict[str, object]:
        """Says the life of the token twice."""
        return super().body(grant, tokens) | {"ext_expires_in": tokens.expires_in}

    def credentials(self, form: dict[str, str]) -> tuple[str, str]:
        """From the form, or from HTTP Basic, whose two halves are form encoded (RFC 6749, section 2.3.1)."""
        scheme, _, encoded = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return super().credentials(form)
        try:
            client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            raise self.refuse("wrong_secret") from None
        return unquote_plus(client_id), unquote_plus(secret)


class GoogleRevoke(Endpoint):
    """`POST` with `token`, an access or a refresh token; the whole grant dies."""

    provider = "google"
    route = "revoke"
    refusals = errors_module.GOOGLE_FAULTS

    async def post(self) -> None:
        """Answers an empty object."""
        await self.face(Spot(self.provider, "revoke", ""))
        if not self.sandbox.grants.revoke_token(self.get_argument("token", "")):
            raise Refusal(400, {"error": "invalid_token", "error_description": "Token expired or revoked"})
        self.sandbox.stats.revoked += 1
        self.answer({})
