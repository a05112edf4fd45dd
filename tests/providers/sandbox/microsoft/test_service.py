from typing import Any
from urllib.parse import urlsplit

import pytest

from providers.sandbox.app import Sandbox
from providers.sandbox.book import Shares
from providers.sandbox.people import expected
from tests.providers.sandbox.browser import ACCOUNT, Get, json

pytestmark = pytest.mark.gen_test
IMMUTABLE = 'IdType="ImmutableId"'
NEXT = "@odata.nextLink"


async def walk(graph: Get, **first: str) -> list[dict[str, Any]]:
    """Every page of a listing, by following the links verbatim."""
    pages = [json(await graph(**first))]
    while NEXT in pages[-1]:
        pages.append(json(await graph(pages[-1][NEXT])))
    return pages


async def everyone(graph: Get, urls: dict[str, str], **query: str) -> list[dict[str, Any]]:
    """All contacts of all folders."""
    me = urls["MICROSOFT_GRAPH_URL"] + "/v1.0/me"
    listings, waiting = [f"{me}/contacts"], [f"{me}/contactFolders"]
    while waiting:
        for folder in [one for page in await walk(graph, url=waiting.pop()) for one in page["value"]]:
            listings.append(f"{me}/contactFolders/{folder['id']}/contacts")
            waiting.append(f"{me}/contactFolders/{folder['id']}/childFolders")
    return [one for url in listings for page in await walk(graph, url=url, **query) for one in page["value"]]


async def test_a_page_has_ten_unless_asked_otherwise(graph: Get) -> None:
    assert len(json(await graph())["value"]) == 10
    assert len(json(await graph(dollar_top="25"))["value"]) == 25


async def test_the_default_folder_is_not_the_whole_book(graph: Get, sandbox: Sandbox) -> None:
    pages = await walk(graph, dollar_top="100")
    assert sum(len(page["value"]) for page in pages) == 250 - 12


async def test_the_folders_together_hold_every_contact_once(graph: Get, urls: dict[str, str], sandbox: Sandbox) -> None:
    found = await everyone(graph, urls, dollar_top="100")
    assert len(found) == len({one["id"] for one in found}) == 250


async def test_an_import_of_all_folders_counts_what_was_expected(
    graph: Get, urls: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.shares = Shares(no_email=0.2, duplicate=0.1)
    keys = []
    for one in await everyone(graph, urls, dollar_top="100"):
        addresses = [item["address"] for item in one["emailAddresses"] if not item["address"].startswith("/o=")]
        keys.append(addresses[0].strip().lower() if addresses else "")
    imported, no_email, duplicate = expected(sandbox.book(ACCOUNT))
    assert keys.count("") == no_email
    assert len(set(keys) - {""}) == imported
    assert imported + no_email + duplicate == len(keys)


async def test_distribution_lists_take_up_slots_and_are_counted(graph: Get) -> None:
    pages = await walk(graph, dollar_top="100", dollar_count="true")
    assert [len(page["value"]) for page in pages] == [99, 98, 41]
    assert {page["@odata.count"] for page in pages} == {242}


async def test_without_distribution_lists_every_page_is_full(graph: Get, sandbox: Sandbox) -> None:
    sandbox.list_every = 0
    assert [len(page["value"]) for page in await walk(graph, dollar_top="100")] == [100, 100, 38]


async def test_the_next_link_is_whole_encoded_and_at_the_same_origin(graph: Get, base_url: str) -> None:
    link = json(await graph(dollar_top="5", dollar_select="displayName"))[NEXT]
    assert link.startswith(f"{base_url}/microsoft/v1.0/me/contacts?")
    assert urlsplit(link).query == "%24top=5&%24select=displayName&%24skip=5"


@pytest.mark.parametrize(
    "query", [{"dollar_top": "1001"}, {"dollar_top": "-1"}, {"dollar_top": "x"}, {"dollar_skip": "-5"}]
)
async def test_options_out_of_range_are_refused(graph: Get, query: dict[str, str]) -> None:
    response = await graph(**query)
    assert (response.code, json(response)["error"]["code"]) == (400, "ErrorInvalidUrlQuery")


async def test_select_gives_those_properties_and_always_the_id(graph: Get) -> None:
    page = json(await graph(dollar_select="displayName,emailAddresses"))
    assert {name for one in page["value"] for name in one} == {"@odata.etag", "id", "displayName", "emailAddresses"}
    assert (await graph(dollar_select="shoeSize")).code == 400


async def test_ids_are_immutable_only_for_those_who_ask_each_time(graph: Get) -> None:
    plain, first, again = [
        [one["id"] for one in json(await graph(prefer=prefer))["value"]] for prefer in ("", IMMUTABLE, IMMUTABLE)
    ]
    assert first == again
    assert not set(plain) & set(first)
    assert all(len(one) > 90 for one in plain + first)


async def test_contacts_are_mostly_null_and_some_have_no_display_name(
    graph: Get, urls: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.shares = Shares(no_email=0.5)
    found = await everyone(graph, urls, dollar_top="1000")
    assert all(one["spouseName"] is None and one["otherAddress"] == {} for one in found)
    assert any(one["displayName"] == "" and one["fileAs"] for one in found)
    assert any(one["mobilePhone"] is None for one in found)
    assert all(len(one["emailAddresses"]) <= 3 for one in found)
    assert any(mail["address"].startswith("/o=ExchangeLabs/") for one in found for mail in one["emailAddresses"])


async def test_the_list_of_folders_leaves_out_the_default_one(graph: Get, urls: dict[str, str]) -> None:
    me = urls["MICROSOFT_GRAPH_URL"] + "/v1.0/me"
    parent = json(await graph())["value"][0]["parentFolderId"]
    top = json(await graph(f"{me}/contactFolders"))["value"]
    assert {folder["parentFolderId"] for folder in top} == {parent}
    nested = json(await graph(f"{me}/contactFolders/{top[0]['id']}/childFolders"))["value"]
    assert [folder["parentFolderId"] for folder in nested] == [top[0]["id"]]
    assert (await graph(f"{me}/contactFolders/guess/contacts")).code == 404


async def test_a_small_book_has_all_in_the_default_folder(graph: Get, sandbox: Sandbox) -> None:
    token = sandbox.grant("microsoft", ACCOUNT, 19).access_token
    assert len(json(await graph(bearer=token, dollar_top="100"))["value"]) == 19
    empty = sandbox.grant("microsoft", ACCOUNT, 0).access_token
    page = json(await graph(bearer=empty))
    assert page["value"] == []
    assert NEXT not in page


async def test_a_token_that_is_none_is_refused_with_401(graph: Get, sandbox: Sandbox) -> None:
    for bearer in ("", "guess", sandbox.grant("google", ACCOUNT).access_token):
        response = await graph(bearer=bearer)
        assert (response.code, json(response)["error"]["code"]) == (401, "InvalidAuthenticationToken")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_grant_without_the_contacts_is_refused_with_403(graph: Get, sandbox: Sandbox) -> None:
    response = await graph(bearer=sandbox.grant("microsoft", ACCOUNT, scopes=["User.Read"]).access_token)
    assert (response.code, json(response)["error"]["code"]) == (403, "ErrorAccessDenied")


async def test_me_honours_select_and_personal_accounts_have_no_mail(
    graph: Get, urls: dict[str, str], sandbox: Sandbox
) -> None:
    me = urls["MICROSOFT_GRAPH_URL"] + "/v1.0/me"
    work = json(await graph(me, dollar_select="mail,userPrincipalName"))
    assert (work["mail"], work["userPrincipalName"], "displayName" in work) == (ACCOUNT, ACCOUNT, False)
    personal = json(await graph(me, bearer=sandbox.grant("microsoft", "ada@outlook.com").access_token))
    assert (personal["mail"], personal["userPrincipalName"]) == (None, "ada@outlook.com")
