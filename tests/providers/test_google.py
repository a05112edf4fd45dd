"""Google People, read from replies in its own shape."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everreach import errors
from everreach.contact import Contact, Entry, Page
from everreach.errors import ProviderError, TransientError
from providers.base import Account, Grant
from providers.google import Google, _Connections, _Person
from providers.http import Reply
from tests.providers.test_base import Wire, config, playing, recorded, reply
from tests.providers.test_tolerant import JSON, SCALARS

READONLY = "https://www.googleapis.com/auth/contacts.readonly"


def google(wire: Wire) -> Google:
    return Google(config(), wire)


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


@pytest.mark.gen_test
async def test_a_page_says_what_comes_next_and_how_many_there_are() -> None:
    page = await first_page(recorded("google_connections"))
    assert (page.next, page.total, len(page.entries)) == ("GgQIBBgB+/=", 1234, 9)


@pytest.mark.parametrize("end", [{}, {"nextPageToken": ""}, {"nextPageToken": None}, {"connections": []}])
@pytest.mark.gen_test
async def test_a_listing_ends_where_no_token_is_and_may_be_empty(end: dict[str, Any]) -> None:
    page = await first_page({"totalItems": 0, **end})
    assert (list(page.entries), page.next, page.total) == ([], None, 0)


@pytest.mark.gen_test
async def test_an_entry_keeps_what_was_sent_letter_for_letter() -> None:
    sent = b'{"resourceName": "people/c1", "unheard": [1e0, "\\u00e4"]}'
    wire = playing(Reply(200, {}, b'{"connections": [' + sent + b"]}"))
    (one,) = (await google(wire).page("token", None)).entries
    assert (one.id, msgspec.json.encode(one.raw)) == ("people/c1", sent)


@pytest.mark.gen_test
async def test_a_whole_contact_is_read_whole() -> None:
    assert (await contacts())["12d5"] == {
        "display_name": "Ada King",
        "email": "ada@ex.org",
        "phone": "+442079460958",
        "emails": [
            {"value": "Ada@Ex.org", "type": "work", "primary": True},
            {"value": "old@ex.org", "type": "home", "primary": False},
        ],
        "phones": [
            {"value": "+442079460958", "type": "mobile", "primary": True},
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
    }


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
async def test_what_has_no_id_fails_alone_and_is_known_again() -> None:
    pages = [await first_page(recorded("google_connections")) for _ in range(2)]
    lost, again = ([one for one in page.entries if one.error] for page in pages)
    assert len(lost) == 2
    assert [one.id for one in lost] == [one.id for one in again]
    assert len({one.id for one in lost}) == 2
    assert all(one.contact is None for one in lost)


@pytest.mark.gen_test
async def test_what_has_no_id_is_told_apart_from_page_to_page() -> None:
    provider = google(playing(reply({"connections": [{}]})))
    pages = [await provider.page("token", position) for position in (None, "a", "b")]
    assert len({one.id for page in pages for one in page.entries}) == 3


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


@pytest.mark.parametrize("name", recorded("google_errors"))
@pytest.mark.gen_test
async def test_each_refusal_has_its_meaning(name: str) -> None:
    case = recorded("google_errors")[name]
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    with pytest.raises(ProviderError) as refused:
        await google(playing(reply(body, case["status"]))).page("token", "position")
    assert type(refused.value) is getattr(errors, case["error"])
    assert case.get("says", "") in refused.value.message


@pytest.mark.gen_test
async def test_a_page_that_makes_no_sense_is_asked_for_again() -> None:
    wire = playing(reply(b"<html>"), reply(b"oops", 503), reply(b"null"), reply({"nextPageToken": "t"}))
    assert (await google(wire).page("token", None)).next == "t"
    assert len(wire.sent) == 4


@pytest.mark.gen_test
async def test_the_account_is_its_lasting_id_and_its_address() -> None:
    wire = playing(reply({"id": "1097", "email": "ada@gmail.com", "verified_email": True, "picture": "https://x/"}))
    assert await google(wire).account("the-token") == Account("1097", "ada@gmail.com")
    assert wire.sent[0].url == "https://www.googleapis.com/oauth2/v2/userinfo"
    assert wire.sent[0].headers["Authorization"] == "Bearer the-token"


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (None, True),
        ({READONLY, "openid"}, True),
        ({"https://www.googleapis.com/auth/contacts"}, True),
        ({"https://www.googleapis.com/auth/userinfo.email", "openid"}, False),
        ({"https://www.googleapis.com/auth/contacts.other.readonly"}, False),
        (set(), False),
    ],
)
def test_contacts_left_unticked_are_noticed(scope: set[str] | None, allowed: bool) -> None:
    grant = Grant("a", None, datetime.now(UTC), None if scope is None else frozenset(scope))
    assert google(playing(reply())).allows_contacts(grant) is allowed


FIELD = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("metadata", "value", "type", "canonicalForm", "displayName", "name", "city"), JSON)
)
PERSON = st.dictionaries(
    st.sampled_from(_Person.__struct_encode_fields__), SCALARS | st.lists(FIELD | JSON, max_size=3) | JSON, max_size=5
)
LISTING = st.dictionaries(
    st.sampled_from(_Connections.__struct_encode_fields__), st.lists(PERSON | JSON, max_size=3) | JSON
)


def run(document: object) -> Page:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(first_page(json.dumps(document).encode()))


@settings(max_examples=150, deadline=None)
@given(LISTING)
def test_whatever_it_sends_is_a_page_that_can_be_written_down(document: dict[str, Any]) -> None:
    page = run(document)
    assert all(isinstance(one, Entry) and one.id and (one.contact or one.error) for one in page.entries)
    assert page.next is None or page.next
    msgspec.json.encode([(one.id, one.etag, one.contact, one.raw) for one in page.entries])


def test_only_what_is_no_object_is_refused() -> None:
    with pytest.raises(TransientError):
        run([])
