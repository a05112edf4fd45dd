"""Microsoft Graph, read from replies in its own shape: every folder, page by page, and never elsewhere."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from everreach.contacts.page import Page
from everreach.errors import BrokenListingError, ProviderError, UnrenderedError
from everreach.net.http import Reply
from providers.account import Account
from providers.api_source import ApiSource
from providers.microsoft import MICROSOFT
from tests.providers.contract import ProviderContract
from tests.providers.wire import Sent, Wire, connected, playing, recorded, reply

GRAPH = "https://graph.microsoft.com"
ME = f"{GRAPH}/v1.0/me"
LOGIN = "https://login.microsoftonline.com"
REQUEST_LIMIT = 60


def microsoft(wire: Wire) -> ApiSource:
    return connected("microsoft", wire).source


class TestMicrosoft(ProviderContract):
    kind = MICROSOFT
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
    no_answers = [recorded("graph_200_error"), {"@odata.count": 0}, {"value": None}]
    sizes = [100, 10, 1, 1]
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
        "name": {"given": "Ada", "family": "King"},
    }
    refusals = recorded("graph_errors")


class Mailbox:
    """Answers by path, or by whole address for what a nextLink names; an unknown folder has no children."""

    def __init__(self, answers: dict[str, Any], limit: int = REQUEST_LIMIT) -> None:
        self.answers = answers
        self.limit = limit
        self.wire = Wire(self.answer)

    def answer(self, sent: Sent) -> Reply:
        assert len(self.wire.sent) <= self.limit, "it goes on for ever"
        path = unquote(urlsplit(sent.url).path).removeprefix("/v1.0/me")
        return reply(self.answers.get(sent.url, self.answers.get(path, {"value": []})))

    @property
    def asked(self) -> list[str]:
        return [sent.url for sent in self.wire.sent]

    async def pages(self) -> list[Page]:
        """Every page, in order."""
        source = microsoft(self.wire)
        pages: list[Page] = []
        position: str | None = None
        while position is not None or not pages:
            pages.append(await source.page("the-token", position))
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
    source = microsoft(Mailbox({"/contacts": recorded("graph_contacts")}).wire)
    page, again = await source.page("token", None), await source.page("token", None)
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
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/me/contacts",
        "http://graph.microsoft.com/v1.0/me/contacts?$skip=1000",
        "https://graph.microsoft.com.example.com/",
        "https://graph.microsoft.com@example.com/",
        "https://graph.microsoft.com:8443/v1.0/me/contacts",
        "//x",
        "//graph.microsoft.com@x/v1.0",
        "/\\evil.example/",
        "ftp:contacts?$skip=1",
    ],
)
@pytest.mark.gen_test
async def test_a_foreign_next_link_ends_the_import_and_nothing_is_sent_there(place: str, link: str) -> None:
    box = Mailbox({"/contactFolders": folders("f"), "/contactFolders/f/contacts": people("1")})
    box.answers[place] = {**box.answers.get(place, people("1")), "@odata.nextLink": link}
    with pytest.raises(ProviderError, match="foreign address") as refused:
        await box.pages()
    assert type(refused.value) is BrokenListingError
    assert all(url.startswith(f"{ME}/") for url in box.asked)


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        (f"{ME}/contacts?%24top=1000&%24skip=1000", None),
        (f"{ME}/contacts?$skiptoken=%5b%7B%22t%22%3a%22%2bRID%3a~x%3d%3d%23RT%3a1%22%7D%5d", None),
        ("https://graph.microsoft.com:443/v1.0/me/contacts?$skip=1000", None),
        ("https://GRAPH.microsoft.com/v1.0/me/contacts?$skip=1000", None),
        ("/v1.0/me/contacts?$skip=1000", f"{ME}/contacts?$skip=1000"),
        ("contacts?$skip=1000", f"{ME}/contacts?$skip=1000"),
        ("?$skiptoken=%2b%23%3d", f"{ME}/contacts?$skiptoken=%2b%23%3d"),
        ("//graph.microsoft.com/v1.0/me/contacts?$skip=1000", f"{ME}/contacts?$skip=1000"),
    ],
)
@pytest.mark.gen_test
async def test_a_next_link_is_followed_as_it_is_and_a_relative_one_is_the_page_s_own(
    link: str, followed: str | None
) -> None:
    box = Mailbox({"/contacts": people("1", link=link), followed or link: people("2")})
    assert ids(await box.pages()) == ["1", "2"]
    assert box.asked[-1] == (followed or link)


@pytest.mark.parametrize("link", ["", None])
@pytest.mark.gen_test
async def test_no_next_link_is_the_end(link: str | None) -> None:
    box = Mailbox({"/contacts": {**people("1"), "@odata.nextLink": link}})
    assert ids(await box.pages()) == ["1"]


@pytest.mark.gen_test
async def test_an_empty_folder_that_leads_to_itself_is_only_that_folder_s_end() -> None:
    itself = f"{ME}/contactFolders/a/contacts?$skip=9"
    box = Mailbox(
        {
            "/contactFolders": folders("a", "b"),
            "/contactFolders/a/contacts": people("1", link=itself),
            itself: people(link=itself),
            "/contactFolders/b/contacts": people("2"),
        }
    )
    assert ids(await box.pages()) == ["1", "2"]


@pytest.mark.gen_test
async def test_no_failure_of_an_estimate_matters() -> None:
    box = Mailbox({"/contacts": people("1", count=1), "/contactFolders": folders("gone", "odd", "fine")})
    counts = {"gone": reply(b"", 404), "odd": reply(b"<html>"), "fine": reply(people("9", count=7))}
    plain = box.wire._answer
    box.wire._answer = lambda sent: (
        counts[sent.url.split("/")[6]] if "$count" in sent.url and "contactFolders" in sent.url else plain(sent)
    )
    first, *_ = await box.pages()
    assert first.total == 8


@pytest.mark.parametrize("missing", [b"", 404])
@pytest.mark.gen_test
async def test_folders_that_cannot_be_surveyed_are_walked(missing: object) -> None:
    box = Mailbox({"/contacts": people("1", count=1), "/contactFolders/a/contacts": people("2")})
    plain, listings = box.wire._answer, [reply(b"", 500) if missing == b"" else reply(b"", 404), reply(folders("a"))]
    box.wire._answer = lambda sent: listings.pop(0) if "/contactFolders?" in sent.url else plain(sent)
    first, *others = await box.pages()
    assert (first.total, ids([first, *others])) == (1, ["1", "2"])


def nested(count: int, *, above: str = "") -> dict[str, Any]:
    """A mailbox of so many folders with one contact each, seven on each level of each branch."""
    answers: dict[str, Any] = {}
    waiting, made = [("/contactFolders", "f")], 0
    while waiting and made < count:
        path, name = waiting.pop(0)
        below = [f"{name}{number}" for number in range(min(7, count - made))]
        made += len(below)
        answers[path] = folders(*below)
        for one in below:
            answers[f"/contactFolders/{one}/contacts"] = people(f"in-{one}", count=1)
            waiting.append((f"/contactFolders/{one}/childFolders", one))
    return answers


@pytest.mark.gen_test
async def test_a_mailbox_of_many_folders_is_walked_step_by_step_with_a_small_position() -> None:
    answers = nested(400)
    wanted = {one["id"] for path, sent in answers.items() if path.endswith("/contacts") for one in sent["value"]}
    box = Mailbox({"/contacts": people("1", count=1, parent="f3"), **answers}, limit=5000)
    first = await microsoft(box.wire).page("token", None)
    assert len(box.asked) < 30
    pages = await box.pages()
    assert len(wanted) == 400
    # The default folder is among the others here, and has been read by then.
    assert sorted(ids(pages)) == sorted({"1", *wanted} - {"in-f3"})
    assert max(len(page.next or "") for page in pages) < 4096
    assert first.total == 1


@pytest.mark.gen_test
async def test_a_provider_that_lists_all_folders_at_once_cannot_make_the_position_long() -> None:
    names = [f"{'x' * 140}{number}" for number in range(1000)]
    box = Mailbox({"/contactFolders": folders(*names)}, limit=5000)
    box.answers.update({f"/contactFolders/{name}/contacts": people(name) for name in names})
    pages = await box.pages()
    assert sorted(ids(pages)) == sorted(names)
    assert max(len(page.next or "") for page in pages) < 16_384


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({f"{ME}/contactFolders?p=2": folders("z", link=f"{ME}/contactFolders?p=2")}, "points to itself"),
        ({}, "too deep"),
    ],
)
@pytest.mark.gen_test
async def test_folders_without_end_end(answers: dict[str, Any], reason: str) -> None:
    box = Mailbox({"/contactFolders": folders(*(f"f{n}" for n in range(30)), link=f"{ME}/contactFolders?p=2")}, 5000)
    box.answers.update(answers)
    if not answers:
        depth = iter(range(10_000))
        plain = box.wire._answer
        box.wire._answer = lambda sent: (
            reply(folders(f"deep{next(depth)}")) if "childFolders" in sent.url else plain(sent)
        )
    with pytest.raises(BrokenListingError, match=reason):
        await box.pages()


class Poisoned:
    """A mailbox of which any page that holds certain contacts cannot be had."""

    def __init__(self, size: int, *poison: int) -> None:
        self.size, self.poison = size, set(poison)
        self.wire = Wire(self.answer)

    def answer(self, sent: Sent) -> Reply:
        path, query = urlsplit(sent.url).path, parse_qs(urlsplit(sent.url).query)
        if not path.endswith("/me/contacts"):
            return reply({"value": []})
        top, skip = int(query["$top"][0]), int(query.get("$skip", ["0"])[0])
        held = range(skip, min(skip + top, self.size))
        if self.poison & set(held):
            return reply({"error": {"code": "InternalServerError"}}, 500)
        link = f"{ME}/contacts?$top={top}&$skip={skip + top}" if skip + top < self.size else None
        return reply(people(*(f"c{number}" for number in held), link=link, count=self.size))

    async def pages(self) -> list[Page]:
        """Every page; what cannot be had is asked for in smaller ones at once."""
        source, pages, position = microsoft(self.wire), list[Page](), None
        while position is not None or not pages:
            try:
                pages.append(await source.page("token", position))
                position = pages[-1].next
            except UnrenderedError:
                smaller = source.smaller(position)
                if smaller is None:
                    raise
                assert not smaller.anew
                position = smaller.position
        return pages


@pytest.mark.parametrize("poison", [0, 1437, 1430, 1999, 2000, 2999])
@pytest.mark.gen_test
async def test_one_contact_that_cannot_be_rendered_fails_alone(poison: int) -> None:
    box = Poisoned(3000, poison)
    entries = [one for page in await box.pages() for one in page.entries]
    assert {one.id for one in entries if one.contact} == {f"c{number}" for number in range(3000) if number != poison}
    assert [one.error for one in entries if one.error] == ["The provider cannot read this contact."]
    # Behind it the pages grow again.
    assert len(box.wire.sent) < 70


@pytest.mark.gen_test
async def test_a_provider_that_is_away_loses_nobody() -> None:
    for poison in (range(3000), (1437, 1438)):
        with pytest.raises(UnrenderedError):
            await Poisoned(3000, *poison).pages()


@pytest.mark.gen_test
async def test_where_a_token_says_the_place_the_listing_begins_again_in_smaller_pages() -> None:
    source = microsoft(playing(reply(people("1", link=f"{ME}/contacts?$skiptoken=x"))))
    smaller = source.smaller((await source.page("token", None)).next)
    assert smaller is not None
    assert smaller.anew
    wire = playing(reply(people("1")))
    await microsoft(wire).page("token", smaller.position)
    assert wire.sent[0].url.startswith(f"{ME}/contacts?$top=100&$select=")


@pytest.mark.gen_test
async def test_a_position_of_an_older_version_leads_on() -> None:
    position = json.dumps({"url": f"{ME}/contacts?p=2", "folders": ["a"]})
    box = Mailbox({f"{ME}/contacts?p=2": people("2"), "/contactFolders/a/contacts": people("3")})
    source = microsoft(box.wire)
    page = await source.page("token", position)
    assert ids([page, await source.page("token", page.next)]) == ["2", "3"]


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
    assert await microsoft(wire).account("token") == Account("48d31887-5fad", name)
    assert wire.sent[0].url.partition("?")[0] == ME
