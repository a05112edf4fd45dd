"""Google People, read from replies in its own shape."""

from urllib.parse import parse_qs, urlsplit

import pytest

from everreach.contacts.contact import Contact
from everreach.contacts.page import Page
from providers.account import Account
from providers.api_source import ApiSource
from providers.google import GOOGLE
from tests.providers.contract import ProviderContract
from tests.providers.wire import Wire, connected, playing, recorded, reply

READONLY = "https://www.googleapis.com/auth/contacts.readonly"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"


class TestGoogle(ProviderContract):
    kind = GOOGLE
    setup_url = "https://console.cloud.google.com/"
    authorize_url = "https://accounts.google.com/o/oauth2/v2/auth"
    asks = {"scope": f"{READONLY} {EMAIL}", "access_type": "offline", "prompt": "consent"}
    token_url = "https://oauth2.googleapis.com/token"
    revoke_url = "https://oauth2.googleapis.com/revoke"
    issuers = ("https://accounts.google.com",)
    other_issuers = ("accounts.google.com", "https://google.com", "https://www.accounts.google.com")
    granted = recorded("tokens")["google"]
    allowing = (f"{READONLY} openid", "https://www.googleapis.com/auth/contacts")
    refusing = (f"{EMAIL} openid", "https://www.googleapis.com/auth/contacts.other.readonly")
    account_url = "https://www.googleapis.com/oauth2/v2/userinfo"
    account_reply = {"id": "1097", "email": "ada@gmail.com", "verified_email": True, "picture": "https://x/"}
    account = Account("1097", "ada@gmail.com")
    listing_url = "https://people.googleapis.com/v1/people/me/connections"
    first = recorded("google_connections")
    last = {"totalItems": 0}
    items, onward, total = "connections", "nextPageToken", 1234
    no_answers = [recorded("google_200_error")]
    sizes = [100, 10]
    identified = {"resourceName": "people/1"}
    known_as = ("12d5", "%EggBAgMFCQo3PT4aBAECBQc=")
    contact = {
        "display_name": "Ada King",
        "email": "ada@ex.org",
        "phone": "+442079460958",
        "emails": [
            {"value": "Ada@Ex.org", "type": "work", "primary": True},
            {"value": "old@ex.org", "type": "home", "primary": False},
        ],
        "phones": [
            {"value": "020 7946 0958", "type": "mobile", "primary": True, "e164": "+442079460958"},
            {"value": "ext. 12", "type": "workPager", "primary": False},
        ],
        "addresses": [
            {
                "type": "home",
                "formatted": "1 A St\nLondon N1",
                "street": "1 A St",
                "city": "London",
                "postal_code": "N1",
                "country": "UK",
            }
        ],
        "organizations": [{"type": "work", "name": "Ex Ltd", "title": "Analyst", "department": "Engines"}],
        "name": {"given": "Ada", "family": "King", "nickname": "Countess"},
    }
    refusals = recorded("google_errors")


def google(wire: Wire) -> ApiSource:
    return connected("google", wire).source


async def first_page(document: object) -> Page:
    return await google(playing(reply(document))).page("token", None)


async def contacts() -> dict[str, Contact]:
    page = await first_page(recorded("google_connections"))
    return {one.id: one.contact for one in page.entries if one.contact}


@pytest.mark.gen_test
async def test_a_page_is_asked_for_with_the_token_and_the_fields() -> None:
    wire = playing(reply({"totalItems": 0}))
    await google(wire).page("the-token", None)
    await google(wire).page("the-token", "GgQIBBgB+/=&x")
    first, second = wire.sent
    assert first.url.startswith("https://people.googleapis.com/v1/people/me/connections?personFields=names,nicknames,")
    assert first.headers["Authorization"] == "Bearer the-token"
    query, next_query = parse_qs(urlsplit(first.url).query), parse_qs(urlsplit(second.url).query)
    assert query["pageSize"] == ["1000"]
    assert {"names", "emailAddresses", "phoneNumbers", "addresses", "organizations", "metadata"} <= set(
        query["personFields"][0].split(",")
    )
    # Every other parameter must equal the first call's.
    assert next_query == {**query, "pageToken": ["GgQIBBgB+/=&x"]}


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("12d5", "Ada King"),
        ("people/c2", "Bob Unstructured"),
        ("people/c3", "Cy Parts"),
        ("people/c4", "Nick"),
        ("people/c5", "Company Only plc"),
        ("people/c6", "only@mail.example"),
        ("people/c7", "555-0100"),
    ],
)
@pytest.mark.gen_test
async def test_a_contact_is_called_by_the_best_that_there_is(id_: str, name: str) -> None:
    assert (await contacts())[id_]["display_name"] == name


@pytest.mark.gen_test
async def test_the_contact_s_own_id_is_kept_else_the_resource_name() -> None:
    page = await first_page(recorded("google_connections"))
    assert [one.id for one in page.entries[:3]] == ["12d5", "people/c2", "people/c3"]
    assert page.entries[0].etag == "%EggBAgMFCQo3PT4aBAECBQc="


@pytest.mark.gen_test
async def test_one_odd_contact_does_not_spoil_the_page() -> None:
    page = await first_page(
        {
            "connections": [
                {"resourceName": "people/1", "names": [{"displayName": 5}, "x"], "emailAddresses": {"value": "a@b.c"}},
                {"resourceName": 7},
                {"resourceName": "people/2", "names": [None, {"displayName": "Ada \ud83d"}]},
            ]
        }
    )
    assert [one.contact and one.contact["display_name"] for one in page.entries] == [None, None, "Ada ?"]
    assert [bool(one.error) for one in page.entries] == [False, True, False]


@pytest.mark.gen_test
async def test_pages_of_another_size_are_listed_from_the_beginning_with_tokens_of_their_own() -> None:
    position = (await first_page({"connections": [], "nextPageToken": "t:1"})).next
    smaller = google(playing(reply())).smaller(position)
    assert smaller is not None
    assert smaller.anew
    wire = playing(reply({"connections": [], "nextPageToken": "100:t"}), reply({}))
    page = await google(wire).page("token", smaller.position)
    await google(wire).page("token", page.next)
    first, second = (parse_qs(urlsplit(sent.url).query) for sent in wire.sent)
    assert (first["pageSize"], first.get("pageToken")) == (["100"], None)
    assert (second["pageSize"], second["pageToken"]) == (["100"], ["100:t"])


@pytest.mark.gen_test
async def test_an_account_without_contacts_is_empty() -> None:
    for body in ({}, {"totalItems": 0}, {"connections": None}, {"error": None}):
        page = await first_page(body)
        assert (list(page.entries), page.next) == ([], None)
