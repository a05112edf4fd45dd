"""Microsoft Graph, read from replies in its own shape: every folder, page by page, and never elsewhere."""

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from everreach.contact import Page
from everreach.errors import BrokenListingError, ProviderError
from providers.base import Account
from providers.http import Reply
from providers.microsoft import Microsoft
from tests.providers.contract import ProviderContract
from tests.providers.wire import Sent, Wire, config, playing, recorded, reply

GRAPH = "https://graph.microsoft.com"
ME = f"{GRAPH}/v1.0/me"
LOGIN = "https://login.microsoftonline.com"
REQUEST_LIMIT = 60


class TestMicrosoft(ProviderContract):
    kind = Microsoft
    setup_url = "https://portal.azure.com/"
    authorize_url = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    asks = {"scope": f"{GRAPH}/Contacts.Read {GRAPH}/User.Read offline_access", "response_mode": "query"}
    token_url = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    issuers = (
        f"{LOGIN}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        f"{LOGIN}/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
    )
    other_issuers = (LOGIN, f"{LOGIN}/common/v2.0", "https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/")
    granted = recorded("tokens")["microsoft"]
    allowing = (f"{GRAPH}/Contacts.Read openid", "contacts.read", "CONTACTS.READWRITE")
    refusing = (f"{GRAPH}/User.Read profile", "Contacts.Read.Shared")
    account_url = ME
    account_reply = {"id": "48d3", "displayName": "Ada", "mail": "ada@ex.org", "userPrincipalName": "ada_#EXT#@t"}
    account = Account("48d3", "ada@ex.org")
    listing_url = f"{ME}/contacts"
    first = recorded("graph_contacts")
    last = {"value": []}
    items, onward, links, total = "value", "@odata.nextLink", True, 7
    identified = {"id": "1"}
    known_as = ("AAMkAGVm-ada_AAA=", 'W/"EQAAABYAAAD"')
    contact = {
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
    refusals = recorded("graph_errors")


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


@pytest.mark.parametrize("place", ["/contactFolders", "/contactFolders/f/contacts"])
@pytest.mark.parametrize("link", ["https://evil.example/v1.0/me/contacts", "http://graph.microsoft.com/v1.0/me", "//x"])
@pytest.mark.gen_test
async def test_a_foreign_next_link_ends_the_import_and_nothing_is_sent_there(place: str, link: str) -> None:
    box = Mailbox({"/contactFolders": folders("f"), "/contactFolders/f/contacts": people("1")})
    box.answers[place] = {**box.answers.get(place, people("1")), "@odata.nextLink": link}
    with pytest.raises(ProviderError, match="foreign address") as refused:
        await box.pages()
    assert type(refused.value) is BrokenListingError
    assert all(url.startswith(f"{ME}/") for url in box.asked)


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
