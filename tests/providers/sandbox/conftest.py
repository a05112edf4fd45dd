from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application

from providers.sandbox.app import Sandbox, make_app
from tests.providers.sandbox.browser import ACCOUNT, Clock, Get, ask


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Sandbox:
    return Sandbox(size=250, clock=clock)


@pytest.fixture
def app(sandbox: Sandbox) -> Application:
    return make_app(sandbox)


@pytest.fixture
def urls(sandbox: Sandbox, base_url: str) -> dict[str, str]:
    return sandbox.urls(base_url)


@pytest.fixture
def google(sandbox: Sandbox, urls: dict[str, str], http_client: AsyncHTTPClient) -> Get:
    """Asks People for a page as the account whose grant was minted here."""
    token = sandbox.grant("google", ACCOUNT).access_token
    return _getter(http_client, urls["GOOGLE_PEOPLE_URL"] + "/v1/people/me/connections", token)


@pytest.fixture
def graph(sandbox: Sandbox, urls: dict[str, str], http_client: AsyncHTTPClient) -> Get:
    """Asks Graph for a page of the default folder."""
    token = sandbox.grant("microsoft", ACCOUNT).access_token
    return _getter(http_client, urls["MICROSOFT_GRAPH_URL"] + "/v1.0/me/contacts", token)


def _getter(client: AsyncHTTPClient, page: str, token: str) -> Callable[..., Awaitable[HTTPResponse]]:
    async def get(
        url: str = page, bearer: str = token, prefer: str = "", timeout: float = 20, **query: str
    ) -> HTTPResponse:
        headers = {"Authorization": f"Bearer {bearer}"} | ({"Prefer": prefer} if prefer else {})
        query = {name.replace("dollar_", "$"): value for name, value in query.items()}
        whole = f"{url}?{urlencode(query)}" if query else url
        return await ask(client, whole, headers=headers, request_timeout=timeout)

    return get
