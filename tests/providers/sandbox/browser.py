"""A person with a browser, a movable clock, and a program's form posts, for the tests of this folder."""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from providers.sandbox.app import Sandbox
from providers.sandbox.oauth.scopes import DEFAULT

ACCOUNT = "ada@sandbox.example"
REDIRECT = "http://127.0.0.1:1/callback"
VERIFIER = "v" * 64
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
Get = Callable[..., Awaitable[HTTPResponse]]
Form = dict[str, str]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Visit:
    """One provider's authorize and token endpoints, as a program and its user meet them."""

    def __init__(self, sandbox: Sandbox, provider: str, urls: dict[str, str], client: AsyncHTTPClient) -> None:
        self.provider, self._client = provider, client
        self.registered = sandbox.clients[provider]
        self.authorize_url = urls[f"{provider.upper()}_AUTHORIZE_URL"]
        self.token_url = urls[f"{provider.upper()}_TOKEN_URL"]

    def query(self, **changes: str) -> Form:
        plain = {
            "client_id": self.registered.client_id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": " ".join(DEFAULT[self.provider]),
            "state": "st+a/te==",
            "access_type": "offline",
            "prompt": "consent",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (plain | changes).items() if value}

    async def open(self, **changes: str) -> HTTPResponse:
        return await ask(self._client, f"{self.authorize_url}?{urlencode(self.query(**changes))}")

    async def decide(self, decision: str, contacts: str = "on", size: str = "7", **changes: str) -> HTTPResponse:
        form = {"decision": decision, "account": ACCOUNT, "size": size} | ({"contacts": contacts} if contacts else {})
        url = f"{self.authorize_url}?{urlencode(self.query(**changes))}"
        return await self.post(form, url, follow_redirects=False)

    async def callback(self, decision: str, contacts: str = "on", **changes: str) -> Form:
        """What the program's callback is told."""
        response = await self.decide(decision, contacts=contacts, **changes)
        assert response.code == 302, response.body
        location = response.headers["Location"]
        assert location.startswith(REDIRECT + "?")
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query, strict_parsing=True).items()}

    async def post(self, form: Form, url: str = "", **options: Any) -> HTTPResponse:
        body = urlencode(form)
        return await ask(self._client, url or self.token_url, method="POST", body=body, **options)

    def exchange_form(self, code: str, **changes: str) -> Form:
        plain = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.registered.client_id,
            "client_secret": self.registered.client_secret,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        return {name: value for name, value in (plain | changes).items() if value}

    async def exchange(self, code: str, **changes: str) -> HTTPResponse:
        return await self.post(self.exchange_form(code, **changes))

    async def refresh(self, refresh_token: str, **changes: str) -> HTTPResponse:
        form = self.exchange_form("", redirect_uri="", code_verifier="", grant_type="refresh_token", **changes)
        return await self.post(form | {"refresh_token": refresh_token})

    async def tokens(self, contacts: str = "on", **changes: str) -> dict[str, Any]:
        """The whole way from the question to the tokens."""
        answer = await self.callback("allow", contacts=contacts, **changes)
        return json(await self.exchange(answer["code"]))


async def ask(client: AsyncHTTPClient, url: str, **options: Any) -> HTTPResponse:
    """Whatever the server answers; a line that was cut or silent for too long is a 599."""
    try:
        return await client.fetch(url, raise_error=False, **options)
    except (HTTPClientError, OSError):
        return HTTPResponse(HTTPRequest(url), 599)


def json(response: HTTPResponse) -> dict[str, Any]:
    found = msgspec.json.decode(response.body)
    assert isinstance(found, dict)
    return found
