"""Microsoft Graph, read from replies in its own shape: every folder, page by page, and never elsewhere."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everreach import errors
from everreach.contact import Entry, Page
from everreach.errors import BrokenListingError, ProviderError
from providers.base import Account, Grant
from providers.http import Reply
from providers.microsoft import Microsoft, _Contact, _Listing
from tests.providers.test_base import Sent, Wire, config, playing, recorded, reply
from tests.providers.test_tolerant import JSON, SCALARS

ME = "https://graph.microsoft.com/v1.0/me"
REQUEST_LIMIT = 60


class Mailbox:
    """Answers by path, or by whole address for what a nextLink names; an unknown folder has no children."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.wire = Wire(self.answer)

    def answer(self, sent: Sent) -> Reply:
        assert len(self.wire.sent) <= REQUEST_LIMIT, "it goes on for ever"
        path = unquote(urlsplit(sent.url).path).removeprefix("/v1.0/me")
        return reply(self.answers.get(sent.url, self.answers.get(path, {"value": []})))

    @property
    def asked(self) -> list[str]:
        return [sent.url for sent in self.wire.sent]

    async def pages(self) -> list[Page]:
        """Every page, in order."""
        provider = Microsoft(config(), self.wire)
        pages: list[Page] = []
        position: str | None = None
        while position is not None or not pages:
            pages.append(await provider.page("the-token", position))
            position = pages[-1].next
        return pages


def people(*ids: str, count: int | None = None, link: str | None = None, parent: str = "default") -> dict[str, Any]:
    return {
        "value": [{"id": id_, "parentFolderId": parent, "displayName": id_} for id_ in ids],
        **({} if count is None else {"@odata.count": count}),
        **({"@odata.nextLink": link} if link else {}),
    }


def folders(*ids: str, link: str | None = None) -> dict[str, Any]:
    named = [{"id": id_, "displayName": id_, "parentFolderId": "default"} for id_ in ids]
    return {"value": named, **({"@odata.nextLink": link} if link else {})}


def ids(pages: list[Page]) -> list[str]:
    return [one.id for page in pages for one in page.entries]


@pytest.mark.gen_test
async def test_a_whole_contact_is_read_whole() -> None:
    provider = Microsoft(config(), Mailbox({"/contacts": recorded("graph_contacts")}).wire)
    ada = (await provider.page("token", None)).entries[0]
    assert (ada.id, ada.etag) == ("AAMkAGVm-ada_AAA=", 'W/"EQAAABYAAAD"')
    assert ada.contact == {
        "display_name": "Ada King",
        "email": "ada@ex.org",
        "phone": "+44 20 7946 0958",
        "emails": [{"value": "Ada@Ex.org", "type": None, "primary": True}],
        "phones": [
            {"value": "+44 20 7946 0958", "type": "mobile", "primary": True},
            {"value": "020 7946 0002", "type": "home", "primary": False},
            {"value": "020 7946 0001", "type": "work", "primary": False},
        ],
        "addresses": [{"type": "work", "street": "1 A St", "city": "London", "postal_code": "N1", "country": "UK"}],
        "organizations": [{"type": "work", "name": "Ex Ltd", "title": "Analyst"}],
    }


@pytest.mark.gen_test
async def test_nulls_are_a_contact_and_what_has_no_id_fails_alone() -> None:
    provider = Microsoft(config(), Mailbox({"/contacts": recorded("graph_contacts")}).wire)
    page, again = await provider.page("token", None), await provider.page("token", None)
    _, nulls, lost, nothing = page.entries
    assert nulls.contact is not None
    assert (nulls.contact["display_name"], nulls.contact["email"], nulls.error) == (None, None, None)
    assert lost.error == nothing.error is not None
    assert lost.contact is nothing.contact is None
    assert lost.id != nothing.id
    assert [one.id for one in page.entries] == [one.id for one in again.entries]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"displayName": " ", "givenName": "Ada", "surname": "King"}, "Ada King"),
        ({"surname": "King"}, "King"),
        ({"nickName": "Countess", "fileAs": "King, Ada"}, "Countess"),
        ({"fileAs": "King, Ada", "companyName": "Ex Ltd"}, "King, Ada"),
        ({"companyName": "Ex Ltd", "emailAddresses": [{"address": "a@b.c"}]}, "Ex Ltd"),
        ({"emailAddresses": [None, {"address": "a@b.c"}], "mobilePhone": "5"}, "a@b.c"),
        ({"businessPhones": [None, "5"]}, "5"),
    ],
)
@pytest.mark.gen_test
async def test_a_contact_is_called_by_the_best_that_there_is(fields: dict[str, Any], name: str) -> None:
    [page] = await Mailbox({"/contacts": {"value": [{"id": "1", **fields}]}}).pages()
    contact = page.entries[0].contact
    assert contact is not None
    assert contact["display_name"] == name


@pytest.mark.gen_test
async def test_every_request_bears_the_token_and_asks_for_ids_that_last() -> None:
    link = f"{ME}/contacts?p=2"
    box = Mailbox({"/contacts": people("1", link=link), link: people("2"), "/contactFolders": folders("f")})
    await box.pages()
    assert len(box.asked) > 4
    wanted = {"Authorization": "Bearer the-token", "Prefer": 'IdType="ImmutableId"'}
    assert [dict(sent.headers) for sent in box.wire.sent] == [wanted] * len(box.asked)


@pytest.mark.gen_test
async def test_the_first_page_asks_for_a_full_page_and_the_count() -> None:
    box = Mailbox({})
    await box.pages()
    query = parse_qs(urlsplit(box.asked[0]).query)
    assert (query["$top"], query["$count"]) == (["1000"], ["true"])
    assert {"id", "emailAddresses", "homePhones", "companyName"} <= set(query["$select"][0].split(","))


@pytest.mark.gen_test
async def test_a_next_link_is_followed_letter_for_letter() -> None:
    link = recorded("graph_contacts")["@odata.nextLink"]
    box = Mailbox({"/contacts": recorded("graph_contacts"), link: people("5")})
    assert ids(await box.pages())[-1] == "5"
    assert link in box.asked


@pytest.mark.gen_test
async def test_a_short_or_empty_page_is_no_end() -> None:
    second, third = f"{ME}/contacts?p=2", f"{ME}/contacts?p=3"
    box = Mailbox({"/contacts": people("1", link=second), second: people(link=third), third: people("2", "3")})
    pages = await box.pages()
    assert [len(page.entries) for page in pages] == [1, 0, 2]
    assert ids(pages) == ["1", "2", "3"]


@pytest.mark.gen_test
async def test_every_folder_is_read_however_deep_and_the_total_is_of_all() -> None:
    box = Mailbox(
        {
            "/contacts": people("1", count=1),
            "/contactFolders": folders("friends", link=f"{ME}/contactFolders?p=2"),
            f"{ME}/contactFolders?p=2": folders("work/=+ %"),
            "/contactFolders/friends/childFolders": folders("school"),
            "/contactFolders/school/childFolders": folders("class"),
            "/contactFolders/friends/contacts": people("2", "3", count=2),
            "/contactFolders/work/=+ %/contacts": people("4", count=1),
            "/contactFolders/class/contacts": people("5", count=10),
        }
    )
    pages = await box.pages()
    assert sorted(ids(pages)) == ["1", "2", "3", "4", "5"]
    assert pages[0].total == 1 + 2 + 1 + 10
    assert [page.total for page in pages[1:]] == [None] * (len(pages) - 1)
    assert f"{ME}/contactFolders/work%2F%3D%2B%20%25/contacts" in {url.partition("?")[0] for url in box.asked}


@pytest.mark.gen_test
async def test_a_total_that_is_not_told_stays_unknown() -> None:
    [page] = await Mailbox({"/contacts": people("1")}).pages()
    assert page.total is None


@pytest.mark.gen_test
async def test_the_default_folder_is_not_read_twice() -> None:
    box = Mailbox({"/contacts": people("1"), "/contactFolders": folders("default", "other")})
    await box.pages()
    assert [url for url in box.asked if "/contactFolders/default/contacts" in url] == []
    assert [url for url in box.asked if "/contactFolders/other/contacts" in url]


@pytest.mark.gen_test
async def test_folders_that_hold_each_other_are_read_once() -> None:
    box = Mailbox(
        {
            "/contactFolders": folders("a"),
            "/contactFolders/a/childFolders": folders("b", "a"),
            "/contactFolders/b/childFolders": folders("a"),
            "/contactFolders/a/contacts": people("1"),
            "/contactFolders/b/contacts": people("2"),
        }
    )
    assert ids(await box.pages()) == ["1", "2"]


@pytest.mark.parametrize("named", [(), ("a",)])
@pytest.mark.gen_test
async def test_a_folder_listing_that_points_to_itself_ends(named: tuple[str, ...]) -> None:
    link = f"{ME}/contactFolders?p=2"
    box = Mailbox({"/contactFolders": folders(*named, link=link), link: folders(*named, link=link)})
    with suppress(ProviderError):
        await box.pages()


@pytest.mark.parametrize("place", ["/contacts", "/contactFolders", "/contactFolders/f/contacts"])
@pytest.mark.parametrize("link", ["https://evil.example/v1.0/me/contacts", "http://graph.microsoft.com/v1.0/me", "//x"])
@pytest.mark.gen_test
async def test_a_foreign_next_link_ends_the_import_and_nothing_is_sent_there(place: str, link: str) -> None:
    box = Mailbox({"/contactFolders": folders("f"), "/contactFolders/f/contacts": people("1")})
    box.answers[place] = {**box.answers.get(place, people("1")), "@odata.nextLink": link}
    with pytest.raises(ProviderError, match="foreign address") as refused:
        await box.pages()
    assert type(refused.value) is BrokenListingError
    assert all(url.startswith(f"{ME}/") for url in box.asked)


@pytest.mark.parametrize("name", recorded("graph_errors"))
@pytest.mark.gen_test
async def test_each_refusal_has_its_meaning(name: str) -> None:
    case = recorded("graph_errors")[name]
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    wire = playing(reply(people("1", link=f"{ME}/contacts?p=2")), reply(folders()))
    position = (await Microsoft(config(), wire).page("token", None)).next
    refusing = Microsoft(config(), playing(reply(body, case["status"], **case.get("headers", {}))))
    for place in (None, position):
        with pytest.raises(ProviderError) as refused:
            await refusing.page("token", place)
        assert type(refused.value) is getattr(errors, case["error"])
        assert case.get("says", "") in refused.value.message
        assert getattr(refused.value, "retry_after", None) == case.get("retry_after")


@pytest.mark.parametrize(
    ("me", "name"),
    [
        ({"mail": "ada@ex.org", "userPrincipalName": "ada_ex.org#EXT#@t.onmicrosoft.com"}, "ada@ex.org"),
        ({"mail": None, "userPrincipalName": "ada@outlook.com"}, "ada@outlook.com"),
        ({}, None),
    ],
)
@pytest.mark.gen_test
async def test_the_account_is_its_id_and_its_mail_or_principal_name(me: dict[str, Any], name: str | None) -> None:
    wire = playing(reply({"id": "48d31887-5fad", "displayName": "Ada", **me}))
    assert await Microsoft(config(), wire).account("token") == Account("48d31887-5fad", name)
    assert wire.sent[0].url.partition("?")[0] == ME


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (None, True),
        ({"https://graph.microsoft.com/Contacts.Read", "openid"}, True),
        ({"contacts.read"}, True),
        ({"CONTACTS.READWRITE"}, True),
        ({"https://graph.microsoft.com/User.Read", "profile"}, False),
        ({"Contacts.Read.Shared"}, False),
        (set(), False),
    ],
)
def test_contacts_left_unticked_are_noticed(scope: set[str] | None, allowed: bool) -> None:
    grant = Grant("a", None, datetime.now(UTC), None if scope is None else frozenset(scope))
    assert Microsoft(config(), playing(reply())).allows_contacts(grant) is allowed


CONTACT = st.dictionaries(st.sampled_from(_Contact.__struct_encode_fields__), SCALARS | JSON, max_size=6)
LISTING = st.dictionaries(
    st.sampled_from(_Listing.__struct_encode_fields__), st.lists(CONTACT | JSON, max_size=3) | JSON
)


@settings(max_examples=150, deadline=None)
@given(LISTING)
def test_whatever_it_sends_is_a_page_that_can_be_written_down(document: dict[str, Any]) -> None:
    provider = Microsoft(config(), playing(reply(json.dumps(document).encode())))
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        page = runner.run(provider.page("token", json.dumps({"url": f"{ME}/contacts?p=2", "folders": ["f"]})))
    assert all(isinstance(one, Entry) and one.id and (one.contact or one.error) for one in page.entries)
    assert page.next
    msgspec.json.encode([(one.id, one.etag, one.contact, one.raw) for one in page.entries])
