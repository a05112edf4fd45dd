import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.api_core.client_options import ClientOptions
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from tornado.httpclient import HTTPClient

from providers.sandbox.app import Sandbox
from providers.sandbox.people import person
from tests.providers.sandbox.browser import ACCOUNT, Get, json

MASK = "names,emailAddresses,phoneNumbers,addresses,organizations,metadata"


@pytest.mark.gen_test
async def test_the_pages_hold_every_contact_once(google: Get, sandbox: Sandbox) -> None:
    first = json(await google(personFields=MASK, pageSize="100"))
    second = json(await google(personFields=MASK, pageSize="100", pageToken=first["nextPageToken"]))
    third = json(await google(personFields=MASK, pageSize="100", pageToken=second["nextPageToken"]))
    assert [len(page["connections"]) for page in (first, second, third)] == [100, 100, 50]
    assert "nextPageToken" not in third
    assert first["totalItems"] == first["totalPeople"] == 250
    everyone = [one for page in (first, second, third) for one in page["connections"]]
    assert len({one["resourceName"] for one in everyone}) == 250
    book = sandbox.book(ACCOUNT)
    keys = [source["id"] for one in everyone for source in one["metadata"]["sources"] if source["type"] == "CONTACT"]
    assert keys == [person(book, at).key for at in range(250)]


@pytest.mark.gen_test
async def test_a_person_has_exactly_one_primary_of_each_field_and_not_always_the_first(google: Get) -> None:
    everyone = json(await google(personFields=MASK, pageSize="1000"))["connections"]
    positions = set()
    for one in everyone:
        for field in ("names", "emailAddresses", "phoneNumbers", "addresses", "organizations"):
            marks = [item["metadata"].get("primary", False) for item in one.get(field, [])]
            assert sum(marks) == bool(marks)
            positions |= {marks.index(True)} if marks else set()
    assert len(positions) > 1


@pytest.mark.gen_test
async def test_fields_without_a_value_are_absent(google: Get) -> None:
    everyone = json(await google(personFields=MASK, pageSize="1000"))["connections"]
    for field in ("names", "emailAddresses", "phoneNumbers", "organizations", "addresses"):
        assert any(field not in one for one in everyone)
        assert all(one[field] for one in everyone if field in one)
    phones = [phone for one in everyone for phone in one.get("phoneNumbers", [])]
    assert {"canonicalForm" in phone for phone in phones} == {True, False}


@pytest.mark.gen_test
async def test_only_the_fields_of_the_mask_come(google: Get) -> None:
    everyone = json(await google(personFields="emailAddresses", pageSize="1000"))["connections"]
    assert {name for one in everyone for name in one} == {"resourceName", "etag", "emailAddresses"}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "query",
    [{}, {"personFields": ""}, {"personFields": "names,shoeSize"}]
    + [{"personFields": "names", "pageSize": size} for size in ("1001", "-1", "ten", "99999999999")],
)
async def test_a_request_against_the_rules_is_refused(google: Get, query: dict[str, str]) -> None:
    response = await google(**query)
    assert response.code == 400
    assert json(response)["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.gen_test
async def test_a_page_has_a_hundred_unless_asked_otherwise(google: Get) -> None:
    for query in ({}, {"pageSize": "0"}):
        assert len(json(await google(personFields="names", **query))["connections"]) == 100


@pytest.mark.gen_test
async def test_a_page_token_serves_only_the_same_question(google: Get, sandbox: Sandbox) -> None:
    token = json(await google(personFields="names", pageSize="10"))["nextPageToken"]
    stranger = sandbox.grant("google", ACCOUNT).access_token
    assert (await google(personFields="names", pageSize="10", pageToken=token)).code == 200
    for changed in (
        {"personFields": "names", "pageSize": "20"},
        {"personFields": "names,photos", "pageSize": "10"},
        {"personFields": "names", "pageSize": "10", "sortOrder": "FIRST_NAME_ASCENDING"},
        {"personFields": "names", "pageSize": "10", "bearer": stranger},
    ):
        assert (await google(pageToken=token, **changed)).code == 400
    assert (await google(personFields="names", pageSize="10", pageToken=token[:-3])).code == 400
    assert (await google(personFields="names", pageSize="10", pageToken="é!")).code == 400


@pytest.mark.gen_test
async def test_an_empty_book_has_no_list_at_all(google: Get, sandbox: Sandbox) -> None:
    page = json(await google(bearer=sandbox.grant("google", ACCOUNT, 0).access_token, personFields="names"))
    assert page == {"totalItems": 0, "totalPeople": 0}


@pytest.mark.gen_test
async def test_a_token_that_is_none_is_refused_with_401(google: Get, sandbox: Sandbox) -> None:
    for bearer in ("", "ya29.guess", sandbox.grant("microsoft", ACCOUNT).access_token):
        response = await google(bearer=bearer, personFields="names")
        assert (response.code, json(response)["error"]["status"]) == (401, "UNAUTHENTICATED")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.gen_test
async def test_a_grant_without_the_contacts_is_refused_with_403(google: Get, sandbox: Sandbox) -> None:
    token = sandbox.grant("google", ACCOUNT, scopes=["email"]).access_token
    response = await google(bearer=token, personFields="names")
    error = json(response)["error"]
    assert (response.code, error["status"]) == (403, "PERMISSION_DENIED")
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.gen_test
async def test_userinfo_has_the_name_only_with_the_profile_scope(
    google: Get, sandbox: Sandbox, urls: dict[str, str]
) -> None:
    plain = json(await google(urls["GOOGLE_USERINFO_URL"]))
    assert (plain["email"], plain["verified_email"]) == (ACCOUNT, True)
    assert plain["id"].isdigit()
    assert "name" not in plain
    token = sandbox.grant("google", ACCOUNT, scopes=["email", "profile"]).access_token
    assert json(await google(urls["GOOGLE_USERINFO_URL"], bearer=token))["name"] == "Ada"
    assert (await google(urls["GOOGLE_USERINFO_URL"], bearer="guess")).code == 401


@pytest.mark.gen_test
async def test_pages_that_were_built_are_kept_within_a_bound(google: Get, sandbox: Sandbox) -> None:
    token = sandbox.grant("google", ACCOUNT, 400).access_token
    for size in range(1, 300):
        await google(bearer=token, personFields="names", pageSize=str(size))
    assert len(sandbox.pages) == 256


@pytest.mark.gen_test
async def test_the_counters_know_who_was_served_and_how_many_at_once(google: Get, sandbox: Sandbox) -> None:
    sandbox.latency = 0.05
    await asyncio.gather(*(google(personFields="names") for _ in range(3)))
    assert sandbox.stats.pages == {ACCOUNT: 3}
    assert sandbox.stats.requests == {"google page": 3}
    assert sandbox.stats.peak_page_requests == 3


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The base URL of a sandbox in another process; it must end with 0 when it is asked to."""
    command = [sys.executable, "-m", "providers.sandbox", "--port", "0", "--size", "2345"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[4]) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
        assert process.wait(10) == 0


def test_googles_own_client_lists_the_whole_book(elsewhere: str) -> None:
    sizes, names = [], set()
    with _google_client(elsewhere) as people:
        request = people.people().connections().list(resourceName="people/me", personFields=MASK, pageSize=1000)
        while request is not None:
            page = request.execute()
            sizes.append(len(page["connections"]))
            names |= {one["resourceName"] for one in page["connections"]}
            request = people.people().connections().list_next(request, page)
    assert (sizes, len(names)) == ([1000, 1000, 345], 2345)


def _refresh_token(base: str) -> str:
    """The other process mints a grant that needs no browser."""
    client = HTTPClient()
    body = msgspec.json.encode({"provider": "google", "account": ACCOUNT})
    tokens = json(client.fetch(f"{base}/_sandbox/grants", method="POST", body=body))
    client.close()
    return str(tokens["refresh_token"])


def _google_client(base: str) -> Any:
    """It refreshes by itself, for the access token that it starts with is no longer good."""
    sandbox = Sandbox()
    known, urls = sandbox.clients["google"], sandbox.urls(base)
    credentials = Credentials(  # type: ignore[no-untyped-call]
        token="ya29.stale",
        refresh_token=_refresh_token(base),
        token_uri=urls["GOOGLE_TOKEN_URL"],
        client_id=known.client_id,
        client_secret=known.client_secret,
    )
    options = ClientOptions(api_endpoint=urls["GOOGLE_PEOPLE_URL"])
    return build("people", "v1", credentials=credentials, static_discovery=True, client_options=options)
