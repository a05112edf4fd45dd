from base64 import b64encode
from urllib.parse import quote_plus, urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient

from providers.sandbox.app import CLIENTS, Sandbox
from providers.sandbox.oauth.grants import Client
from providers.sandbox.oauth.scopes import GOOGLE
from tests.providers.sandbox.browser import ACCOUNT, REDIRECT, Clock, Get, Visit, json

pytestmark = pytest.mark.gen_test
PROVIDERS = ("google", "microsoft")


@pytest.fixture(params=PROVIDERS)
def visit(
    request: pytest.FixtureRequest, sandbox: Sandbox, urls: dict[str, str], http_client: AsyncHTTPClient
) -> Visit:
    return Visit(sandbox, request.param, urls, http_client)


@pytest.fixture
def at_google(sandbox: Sandbox, urls: dict[str, str], http_client: AsyncHTTPClient) -> Visit:
    return Visit(sandbox, "google", urls, http_client)


@pytest.fixture
def at_microsoft(sandbox: Sandbox, urls: dict[str, str], http_client: AsyncHTTPClient) -> Visit:
    return Visit(sandbox, "microsoft", urls, http_client)


async def test_the_consent_page_escapes_what_the_program_sent(visit: Visit) -> None:
    response = await visit.open(login_hint='"><script>alert(1)</script>@x.example')
    assert response.code == 200
    assert b"<script>alert(1)" not in response.body
    assert b"See and download your contacts" in response.body


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "someone"}, {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": ""}, {"response_type": ""},
        {"response_type": "token"}, {"scope": ""}, {"code_challenge_method": "md5"}, {"response_mode": "form_post"},
    ],
)  # fmt: skip
async def test_a_malformed_request_ends_on_the_providers_own_page(visit: Visit, wrong: dict[str, str]) -> None:
    for response in (await visit.open(**wrong), await visit.decide("allow", **wrong)):
        assert response.code == 400
        assert "Location" not in response.headers
        assert response.headers["Content-Type"].startswith("text/html")


async def test_only_listed_redirect_uris_are_honoured_where_there_is_a_list(visit: Visit, sandbox: Sandbox) -> None:
    known = CLIENTS[visit.provider]
    sandbox.clients[visit.provider] = Client(known.client_id, known.client_secret, (REDIRECT,))
    assert (await visit.open()).code == 200
    assert (await visit.open(redirect_uri=REDIRECT + "/")).code == 400


@pytest.mark.parametrize("form", [{"account": "nobody"}, {"size": "-1"}, {"size": "9" * 30}, {"decision": "perhaps"}])
async def test_a_nonsensical_decision_is_refused(visit: Visit, form: dict[str, str]) -> None:
    url = f"{visit.authorize_url}?{urlencode(visit.query())}"
    assert (await visit.post({"decision": "allow", "account": ACCOUNT, "size": "3"} | form, url)).code == 400


async def test_google_sends_the_browser_back_with_more_than_was_asked(at_google: Visit) -> None:
    answer = await at_google.callback("allow")
    assert answer["state"] == "st+a/te=="
    assert "/" in answer["code"]
    assert set(answer) == {"iss", "state", "code", "scope", "authuser", "prompt"}


async def test_microsoft_sends_a_session_state_along(at_microsoft: Visit) -> None:
    answer = await at_microsoft.callback("allow")
    assert answer["state"] == "st+a/te=="
    assert set(answer) == {"state", "code", "session_state"}


async def test_googles_no_is_one_word(at_google: Visit) -> None:
    assert await at_google.callback("deny") == {"error": "access_denied", "state": "st+a/te=="}


async def test_microsofts_no_has_many_lines(at_microsoft: Visit) -> None:
    answer = await at_microsoft.callback("deny")
    assert answer["error"] == "access_denied"
    assert answer["error_description"].startswith("AADSTS65004")
    assert "\r\n" in answer["error_description"]
    assert answer["error_uri"].endswith("65004")


async def test_google_answers_a_code_with_tokens_and_reordered_scopes(at_google: Visit) -> None:
    tokens = await at_google.tokens(scope=f"{GOOGLE}contacts.readonly email")
    assert set(tokens["scope"].split()) == {f"{GOOGLE}contacts.readonly", f"{GOOGLE}userinfo.email", "openid"}
    assert not tokens["scope"].startswith(f"{GOOGLE}contacts")
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3599)
    assert tokens["id_token"].count(".") == 2
    assert tokens["refresh_token"].startswith("1//")


async def test_microsoft_echoes_the_scopes_without_offline_access(at_microsoft: Visit) -> None:
    tokens = await at_microsoft.tokens()
    assert tokens["scope"] == "https://graph.microsoft.com/Contacts.Read https://graph.microsoft.com/User.Read"
    assert tokens["ext_expires_in"] == tokens["expires_in"]
    assert tokens["refresh_token"]


@pytest.mark.parametrize("changes", [{"prompt": ""}, {"access_type": ""}, {"prompt": "select_account"}])
async def test_google_gives_a_refresh_token_only_offline_and_after_consent(
    at_google: Visit, changes: dict[str, str]
) -> None:
    assert "refresh_token" not in await at_google.tokens(**changes)


async def test_microsoft_gives_a_refresh_token_only_for_offline_access(at_microsoft: Visit) -> None:
    assert "refresh_token" not in await at_microsoft.tokens(scope="Contacts.Read User.Read")


async def test_unticked_contacts_are_missing_from_the_scope(visit: Visit) -> None:
    assert "contacts" not in (await visit.tokens(contacts=""))["scope"].lower()


async def test_a_code_serves_once(visit: Visit, sandbox: Sandbox) -> None:
    code = (await visit.callback("allow"))["code"]
    assert (await visit.exchange(code)).code == 200
    again = await visit.exchange(code)
    assert (again.code, json(again)["error"]) == (400, "invalid_grant")
    assert sandbox.stats.codes_exchanged == 1


async def test_a_code_lives_for_ten_minutes(visit: Visit, clock: Clock) -> None:
    young, old = (await visit.callback("allow"))["code"], (await visit.callback("allow"))["code"]
    clock.now += 599
    assert (await visit.exchange(young)).code == 200
    clock.now += 1
    assert json(await visit.exchange(old))["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "google", "microsoft"),
    [
        ({"client_secret": "guess"}, (401, "invalid_client"), (401, "invalid_client")),
        ({"client_secret": ""}, (401, "invalid_client"), (401, "invalid_client")),
        ({"client_id": "someone"}, (401, "invalid_client"), (400, "unauthorized_client")),
        ({"redirect_uri": REDIRECT + "/"}, (400, "redirect_uri_mismatch"), (400, "invalid_grant")),
        ({"code_verifier": "w" * 64}, (400, "invalid_grant"), (400, "invalid_grant")),
        ({"code_verifier": ""}, (400, "invalid_grant"), (400, "invalid_grant")),
        ({"code": "4%2F0Aguess"}, (400, "invalid_grant"), (400, "invalid_grant")),
        ({"code": ""}, (400, "invalid_request"), (400, "invalid_request")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type"), (400, "unsupported_grant_type")),
    ],
)
async def test_a_wrong_exchange_is_refused_and_the_code_is_not_spent(
    visit: Visit, changes: dict[str, str], google: tuple[int, str], microsoft: tuple[int, str]
) -> None:
    code = (await visit.callback("allow"))["code"]
    response = await visit.exchange(**{"code": code} | changes)
    assert (response.code, json(response)["error"]) == (google if visit.provider == "google" else microsoft)
    assert (await visit.exchange(code)).code == 200


async def test_a_token_request_must_be_a_form(visit: Visit) -> None:
    response = await visit.post({"grant_type": "refresh_token"}, headers={"Content-Type": "application/json"})
    assert (response.code, json(response)["error"]) == (400, "invalid_request")


async def test_microsoft_also_takes_http_basic(at_microsoft: Visit) -> None:
    code = (await at_microsoft.callback("allow"))["code"]
    known = at_microsoft.registered
    pair = f"{quote_plus(known.client_id)}:{quote_plus(known.client_secret)}"
    form = at_microsoft.exchange_form(code, client_id="", client_secret="")
    headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    assert (await at_microsoft.post(form, headers=headers)).code == 200


async def test_google_keeps_the_refresh_token_as_it_is(at_google: Visit) -> None:
    refresh_token = (await at_google.tokens())["refresh_token"]
    for _ in range(2):
        renewed = json(await at_google.refresh(refresh_token))
        assert "refresh_token" not in renewed
        assert renewed["access_token"]


async def test_microsoft_rotates_the_refresh_token_and_still_takes_the_old(
    at_microsoft: Visit, sandbox: Sandbox
) -> None:
    first = (await at_microsoft.tokens())["refresh_token"]
    second = json(await at_microsoft.refresh(first))["refresh_token"]
    third = json(await at_microsoft.refresh(first))["refresh_token"]
    assert len({first, second, third}) == 3
    assert sandbox.stats.refreshes == 2


async def test_an_access_token_ends_when_it_says(google: Get, clock: Clock) -> None:
    assert (await google(personFields="names")).code == 200
    clock.now += 3599
    assert (await google(personFields="names")).code == 401


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_either_token_at_google_kills_the_grant(
    at_google: Visit, google: Get, urls: dict[str, str], which: str, sandbox: Sandbox
) -> None:
    tokens = await at_google.tokens()
    assert (await at_google.post({"token": tokens[which]}, urls["GOOGLE_REVOKE_URL"])).code == 200
    assert json(await at_google.refresh(tokens["refresh_token"]))["error"] == "invalid_grant"
    assert (await google(bearer=tokens["access_token"], personFields="names")).code == 401
    again = await at_google.post({"token": tokens[which]}, urls["GOOGLE_REVOKE_URL"])
    assert (again.code, json(again)["error"]) == (400, "invalid_token")
    assert sandbox.stats.revoked == 1


async def test_an_account_can_throw_every_program_out(visit: Visit, sandbox: Sandbox) -> None:
    refresh_token = (await visit.tokens())["refresh_token"]
    assert sandbox.revoke(ACCOUNT) == sandbox.stats.revoked == 1
    assert json(await visit.refresh(refresh_token))["error"] == "invalid_grant"


async def test_the_size_of_the_address_book_is_chosen_at_the_consent(at_google: Visit, google: Get) -> None:
    token = (await at_google.tokens())["access_token"]
    assert json(await google(bearer=token, personFields="names"))["totalItems"] == 7


async def test_the_settings_have_the_names_that_an_importer_reads(sandbox: Sandbox) -> None:
    assert set(sandbox.urls("http://x/")) == {
        "GOOGLE_AUTHORIZE_URL", "GOOGLE_TOKEN_URL", "GOOGLE_REVOKE_URL", "GOOGLE_USERINFO_URL", "GOOGLE_PEOPLE_URL",
        "MICROSOFT_AUTHORIZE_URL", "MICROSOFT_TOKEN_URL", "MICROSOFT_GRAPH_URL",
    }  # fmt: skip
    assert sandbox.urls("http://x/")["GOOGLE_PEOPLE_URL"] == "http://x/google"
    assert sandbox.credentials()["MICROSOFT_CLIENT_SECRET"] == CLIENTS["microsoft"].client_secret
