"""The authorize endpoints: show the question, take the answer, send the browser back.

A client that cannot click posts the form itself, to the same URL with the same query: `decision` (allow or deny),
`account`, `size`, and `contacts=on` unless the person unticks it.
"""

import re
from typing import ClassVar, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from providers.sandbox.endpoint import Endpoint, Refusal
from providers.sandbox.oauth.consent_page import question, refusal
from providers.sandbox.oauth.errors import aadsts
from providers.sandbox.oauth.scopes import without_contacts

_MOST = 10_000_000
"""The largest address book that a person can ask for."""


class Asked(NamedTuple):
    """What the program wants, from the query."""

    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    method: str


class Authorize(Endpoint):
    """`GET` the question, `POST` the answer."""

    route = "authorize"
    example: ClassVar[str] = ""
    """The account that the form proposes."""
    errors: ClassVar[dict[str, str]] = {}

    async def get(self) -> None:
        """The form, or the provider's own error page."""
        self._asked()
        account = self.query("login_hint") or self.example
        self.answer(question(self.provider, self.query("client_id"), account, self.sandbox.size))

    async def post(self) -> None:
        """302 to the program, with a code or with the person's no."""
        asked = self._asked()
        decision = self.get_body_argument("decision", "")
        if decision not in {"allow", "deny"}:
            raise self._page("invalid_request", "The decision must be allow or deny.")
        params = self._allow(asked) if decision == "allow" else self.denial()
        if self.query("state"):
            params["state"] = self.query("state")
        joint = "&" if "?" in asked.redirect_uri else "?"
        self.redirect(f"{asked.redirect_uri}{joint}{urlencode(params)}", status=302)

    def offline(self, scopes: tuple[str, ...]) -> bool:
        """Whether the program gets a refresh token."""
        raise NotImplementedError

    def extras(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """What comes along with the code."""
        raise NotImplementedError

    def denial(self) -> dict[str, str]:
        """The person's no."""
        raise NotImplementedError

    def _asked(self) -> Asked:
        client = self.sandbox.clients[self.provider]
        redirect_uri, scopes = self.query("redirect_uri"), tuple(self.query("scope").split())
        method = self.query("code_challenge_method") or "plain"
        checks = {
            "client_id": self.query("client_id") == client.client_id,
            "redirect_uri": client.allows(redirect_uri),
            "response_type": self.query("response_type") == "code",
            "response_mode": self.query("response_mode") in {"", "query"},
            "scope": bool(scopes),
            "code_challenge_method": method in {"plain", "S256"},
        }
        for name, good in checks.items():
            if not good:
                raise self._page(self.errors.get(name, self.errors[""]), f"The parameter {name} is missing or wrong.")
        return Asked(redirect_uri, scopes, self.query("code_challenge"), method)

    def _page(self, error: str, detail: str) -> Refusal:
        return Refusal(400, refusal(self.provider, error, detail))

    def _allow(self, asked: Asked) -> dict[str, str]:
        account, size = self.get_body_argument("account", ""), self.get_body_argument("size", str(self.sandbox.size))
        if "@" not in account or not re.fullmatch("[0-9]{1,8}", size) or int(size) > _MOST:
            raise self._page("invalid_request", f"An account needs an e-mail address and 0 to {_MOST} contacts.")
        scopes = asked.scopes if self.get_body_argument("contacts", "") else without_contacts(asked.scopes)
        offline = self.offline(asked.scopes)
        grant = self.sandbox.consent(self.provider, account, int(size), scopes, offline=offline)
        code = self.sandbox.grants.issue_code(grant, asked.redirect_uri, asked.challenge, asked.method)
        return {"code": code} | self.extras(grant.scopes)


class GoogleAuthorize(Authorize):
    """https://developers.google.com/identity/protocols/oauth2/web-server#creatingclient

    Every person counts as one who has been here before: only `prompt=consent` with `access_type=offline` brings a
    refresh token.
    """

    provider = "google"
    example = "ada.king@gmail.example"
    errors = {"": "invalid_request", "client_id": "invalid_client", "redirect_uri": "redirect_uri_mismatch"}

    def offline(self, scopes: tuple[str, ...]) -> bool:
        """As the query asks."""
        return self.query("access_type") == "offline" and "consent" in self.query("prompt").split()

    def extras(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """Parameters that programs must put up with."""
        # RFC 9207: Google's issuer is the address of its consent page, without a path.
        issuer = f"{self.request.protocol}://{self.request.host}"
        return {
            "iss": issuer, "scope": " ".join(scopes), "authuser": "0", "prompt": self.query("prompt") or "none"
        }  # fmt: skip

    def denial(self) -> dict[str, str]:
        """One word."""
        return {"error": "access_denied"}


class MicrosoftAuthorize(Authorize):
    """https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code"""

    provider = "microsoft"
    example = "ada.king@outlook.example"
    errors = {"": "AADSTS900144", "client_id": "AADSTS700016", "redirect_uri": "AADSTS50011"}

    def offline(self, scopes: tuple[str, ...]) -> bool:
        """As the scopes ask."""
        return "offline_access" in scopes

    def extras(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """The id of the browser's session."""
        return {"session_state": str(uuid4())}

    def denial(self) -> dict[str, str]:
        """A word, and a text of several lines."""
        return {
            "error": "access_denied",
            "error_description": aadsts(65004, "User declined to consent to access the app."),
            "error_uri": "https://login.microsoftonline.com/error?code=65004",
        }
