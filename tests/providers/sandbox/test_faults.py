import asyncio
import time
from typing import Any

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient

from providers.sandbox.app import Sandbox
from providers.sandbox.faults import Fault
from providers.sandbox.listing import GARBAGE
from tests.providers.sandbox.browser import ACCOUNT, Get, Visit, json

pytestmark = pytest.mark.gen_test
NEXT = "@odata.nextLink"


async def people(google: Get, page: dict[str, Any] | None = None) -> dict[str, Any]:
    """A page of a hundred; the one that `page` names as its next."""
    token = {"pageToken": page["nextPageToken"]} if page else {}
    return json(await google(personFields="names,metadata", pageSize="100", **token))


def ids(page: dict[str, Any]) -> list[str]:
    return [one["resourceName"] for one in page.get("connections", [])]


@pytest.fixture
def visit(sandbox: Sandbox, urls: dict[str, str], http_client: AsyncHTTPClient) -> Visit:
    return Visit(sandbox, "google", urls, http_client)


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (Fault("http_500", "page"), 500, "INTERNAL"),
        (Fault("http_503", "page", retry_after="7"), 503, "UNAVAILABLE"),
        (Fault("status_429", "page"), 429, "RESOURCE_EXHAUSTED"),
        (Fault("status_429", "page", retry_after="2.5", shape="exhausted"), 429, "RESOURCE_EXHAUSTED"),
        (Fault("quota_403", "page"), 403, None),
        (Fault("page_token_400", "page"), 400, "INVALID_ARGUMENT"),
        (Fault("missing_scope", "page"), 403, "PERMISSION_DENIED"),
    ],
)
async def test_google_refuses_in_its_own_words_and_then_goes_on(
    google: Get, sandbox: Sandbox, fault: Fault, code: int, status: str | None
) -> None:
    sandbox.faults.add(fault)
    response = await google(personFields="names")
    assert (response.code, json(response)["error"].get("status")) == (code, status)
    assert response.headers.get("Retry-After") == fault.retry_after
    assert (await google(personFields="names")).code == 200


async def test_the_old_quota_body_names_its_reason(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("quota_403", "page"))
    error = json(await google(personFields="names"))["error"]
    assert error["errors"][0]["reason"] == "rateLimitExceeded"


async def test_googles_two_bodies_of_429_differ(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status_429", "page"), Fault("status_429", "page", shape="exhausted"))
    kinds = [json(await google(personFields="names"))["error"]["details"][0]["@type"] for _ in range(2)]
    assert [kind.rpartition(".")[2] for kind in kinds] == ["ErrorInfo", "QuotaFailure"]


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [
        (Fault("http_500", "page"), 500, "InternalServerError"),
        (Fault("http_503", "page", retry_after="7"), 503, "serviceNotAvailable"),
        (Fault("status_429", "page", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), 429, "ApplicationThrottled"),
        (Fault("page_token_400", "page"), 400, "ErrorInvalidUrlQuery"),
        (Fault("page_token_400", "page", status=410), 410, "SyncStateNotFound"),
        (Fault("missing_scope", "page"), 403, "ErrorAccessDenied"),
    ],
)
async def test_graph_refuses_in_its_own_words_and_then_goes_on(
    graph: Get, sandbox: Sandbox, fault: Fault, code: int, word: str
) -> None:
    sandbox.faults.add(fault)
    response = await graph()
    assert (response.code, json(response)["error"]["code"]) == (code, word)
    assert response.headers.get("Retry-After") == fault.retry_after
    assert (await graph()).code == 200


async def test_a_rejected_token_stays_rejected_until_it_is_refreshed(
    google: Get, visit: Visit, sandbox: Sandbox
) -> None:
    tokens = await visit.tokens()
    sandbox.faults.add(Fault("token_401", "page"))
    for _ in range(2):
        assert (await google(bearer=tokens["access_token"], personFields="names")).code == 401
    renewed = json(await visit.refresh(tokens["refresh_token"]))
    assert (await google(bearer=renewed["access_token"], personFields="names")).code == 200


@pytest.mark.parametrize(("kind", "code"), [("html_200", 200), ("html_502", 502)])
async def test_a_page_of_html_comes_where_json_was_due(google: Get, sandbox: Sandbox, kind: Any, code: int) -> None:
    sandbox.faults.add(Fault(kind, "page"))
    response = await google(personFields="names")
    assert response.code == code
    assert response.body.startswith(b"<!doctype html>")


async def test_json_can_be_broken(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("invalid_json", "page"))
    response = await google(personFields="names")
    assert response.code == 200
    with pytest.raises(msgspec.DecodeError):
        json(response)


@pytest.mark.parametrize("kind", ["truncated", "reset"])
async def test_the_line_can_be_cut(google: Get, sandbox: Sandbox, kind: Any) -> None:
    sandbox.faults.add(Fault(kind, "page"))
    assert (await google(personFields="names")).code == 599
    assert (await google(personFields="names")).code == 200


@pytest.mark.parametrize("headers", [True, False])
async def test_the_server_can_fall_silent(google: Get, sandbox: Sandbox, headers: bool) -> None:
    sandbox.faults.add(Fault("stall", "page", headers=headers))
    assert (await google(personFields="names", timeout=0.2)).code == 599
    assert (await google(personFields="names")).code == 200


async def test_a_short_silence_ends_with_a_cut_line(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("stall", "page", seconds=0.05))
    assert (await google(personFields="names")).code == 599


async def test_a_slow_page_is_a_good_page(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("slow", "page", seconds=0.1))
    began = time.monotonic()
    assert len(ids(await people(google))) == 100
    assert time.monotonic() - began >= 0.1


async def test_a_fault_waits_for_its_page(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("http_500", "page", page=1))
    first = await people(google)
    assert "error" in await people(google, first)
    assert "error" not in await people(google, first)


async def test_a_fault_happens_as_often_as_it_was_ordered(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("http_500", "page", times=2))
    assert [(await google(personFields="names")).code for _ in range(3)] == [500, 500, 200]
    sandbox.faults.add(Fault("http_500", "page", times=None))
    assert [(await google(personFields="names")).code for _ in range(3)] == [500, 500, 500]
    assert sandbox.stats.faults == {"http_500": 5}


async def test_a_fault_can_be_meant_for_one_account_or_one_provider(google: Get, graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("http_500", "page", account="bob@sandbox.example"))
    assert (await google(personFields="names")).code == 200
    sandbox.faults.add(Fault("http_500", "page", provider="microsoft"))
    assert (await google(personFields="names")).code == 200
    assert (await graph()).code == 500


async def test_a_page_can_name_itself_as_its_next(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("page_loop", "page", page=1))
    second = await people(google, await people(google))
    assert await people(google, second) == second


async def test_two_pages_can_name_each_other(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("page_loop_2", "page", page=1))
    one = await people(google, await people(google))
    other = await people(google, one)
    assert ids(one) != ids(other)
    assert await people(google, other) == one


async def test_a_listing_can_be_endless_with_ever_new_tokens(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("endless", "page"))
    page, tokens, seen = await people(google), set(), set()
    for _ in range(6):
        tokens.add(page["nextPageToken"])
        seen |= set(ids(page))
        page = await people(google, page)
    assert (len(tokens), len(seen)) == (6, 600)


async def test_graphs_loops_and_endless_lists_are_in_its_links(graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("page_loop", "page", page=1))
    second = json(await graph(json(await graph(dollar_top="50"))[NEXT]))
    assert json(await graph(second[NEXT])) == second
    sandbox.faults.clear()
    sandbox.faults.add(Fault("endless", "page"))
    assert NEXT in json(await graph(dollar_top="50", dollar_skip="5000"))


async def test_graph_can_point_to_a_foreign_host(graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("foreign_next_link", "page"))
    assert json(await graph())[NEXT].startswith("http://evil.example/")


async def test_an_empty_page_leads_on_and_loses_nobody(google: Get, graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("empty_page", "page", page=1, times=None))
    first = await people(google)
    hole = await people(google, first)
    assert ids(hole) == []
    assert hole["nextPageToken"] != first["nextPageToken"]
    assert len(ids(await people(google, hole))) == 100
    link = json(await graph(dollar_top="50"))[NEXT]
    empty = json(await graph(link))
    assert (empty["value"], empty[NEXT] == link) == ([], False)
    assert json(await graph(empty[NEXT]))["value"]


async def test_every_page_can_have_an_empty_one_before_it(graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("empty_page", "page", times=None))
    pages = [json(await graph(dollar_top="100"))]
    while NEXT in pages[-1]:
        pages.append(json(await graph(pages[-1][NEXT])))
    assert [len(page["value"]) for page in pages] == [0, 99, 0, 98, 0, 41]


async def test_a_contact_can_come_twice_and_nobody_is_lost(google: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("duplicate_entry", "page", page=0))
    pages = [await people(google)]
    while "nextPageToken" in pages[-1]:
        pages.append(await people(google, pages[-1]))
    seen = [one for page in pages for one in ids(page)]
    assert (len(seen), len(set(seen))) == (251, 250)


@pytest.mark.parametrize("page", [0, 1, 2])
async def test_graph_repeats_a_contact_and_not_a_distribution_list(graph: Get, sandbox: Sandbox, page: int) -> None:
    sandbox.faults.add(Fault("duplicate_entry", "page", page=page, times=None))
    pages = [json(await graph(dollar_top="100"))]
    while NEXT in pages[-1]:
        pages.append(json(await graph(pages[-1][NEXT])))
    seen = [one["id"] for answer in pages for one in answer["value"]]
    assert (len(seen), len(set(seen))) == (239, 238)


async def test_a_name_can_hold_half_a_surrogate_pair(google: Get, graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("lone_surrogate", "page", times=2))
    for response in (await google(personFields="names"), await graph()):
        assert response.code == 200
        assert rb'"Lone \ud800 Wolf"' in response.body


async def test_garbage_can_lie_among_the_contacts(google: Get, graph: Get, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("garbage_entries", "page", times=2))
    for entries in (
        json(await google(personFields="names"))["connections"],
        json(await graph(dollar_top="100"))["value"],
    ):
        assert [one for one in entries if one in GARBAGE] == list(GARBAGE)
        assert len(entries) > 90 + len(GARBAGE)


@pytest.mark.parametrize("where", ["token", "refresh"])
@pytest.mark.parametrize(("kind", "code"), [("http_500", 500), ("html_502", 502), ("status_429", 429), ("reset", 599)])
async def test_the_token_endpoint_fails_without_spending_anything(
    visit: Visit, sandbox: Sandbox, where: Any, kind: Any, code: int
) -> None:
    grant = (await visit.callback("allow"))["code"]
    refresh_token = (await visit.tokens())["refresh_token"]
    sandbox.faults.add(Fault(kind, where))
    attempts = [
        (await visit.exchange(grant) if where == "token" else await visit.refresh(refresh_token)).code for _ in range(2)
    ]
    assert attempts == [code, 200]


async def test_an_answer_of_the_token_endpoint_can_be_lost_after_the_work(visit: Visit, sandbox: Sandbox) -> None:
    code = (await visit.callback("allow"))["code"]
    sandbox.faults.add(Fault("reset", "token", after=True))
    assert (await visit.exchange(code)).code == 599
    assert json(await visit.exchange(code))["error"] == "invalid_grant"


async def test_a_refresh_can_find_the_grant_dead(visit: Visit, sandbox: Sandbox) -> None:
    refresh_token = (await visit.tokens())["refresh_token"]
    sandbox.faults.add(Fault("invalid_grant", "refresh", account=ACCOUNT))
    assert json(await visit.refresh(refresh_token))["error"] == "invalid_grant"


async def test_an_exchange_can_come_without_the_contacts(visit: Visit, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("missing_scope", "token"))
    assert "contacts" not in (await visit.tokens())["scope"]


async def test_userinfo_and_folders_can_fail_too(
    google: Get, graph: Get, sandbox: Sandbox, urls: dict[str, str]
) -> None:
    sandbox.faults.add(Fault("http_500", "userinfo"), Fault("http_503", "folders"))
    assert (await google(urls["GOOGLE_USERINFO_URL"])).code == 500
    assert (await graph(urls["MICROSOFT_GRAPH_URL"] + "/v1.0/me/contactFolders")).code == 503


async def test_a_fault_that_cannot_happen_there_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="endless cannot happen at token"):
        Fault("endless", "token")


async def test_nothing_that_a_client_sends_is_logged(
    visit: Visit, caplog: pytest.LogCaptureFixture, http_client: AsyncHTTPClient
) -> None:
    caplog.set_level(0)
    tokens = await visit.tokens(state="the-state")
    await visit.open(state="the-state", login_hint="%ff")
    broken = await http_client.fetch(f"{visit.authorize_url}?state=the-state&client_id=%ff%fe", raise_error=False)
    assert broken.code == 400
    assert "the-state" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("providers")]
    assert tokens["access_token"] not in caplog.text


async def test_another_process_orders_faults_and_reads_counters(
    google: Get, http_client: AsyncHTTPClient, base_url: str
) -> None:
    faults = f"{base_url}/_sandbox/faults"
    order = msgspec.json.encode([{"kind": "http_500", "where": "page", "times": None}])
    assert json(await http_client.fetch(faults, method="POST", body=order)) == {"pending": 1}
    assert (await google(personFields="names")).code == 500
    assert json(await http_client.fetch(faults, method="DELETE")) == {"pending": 0}
    assert (await google(personFields="names")).code == 200
    stats = json(await http_client.fetch(f"{base_url}/_sandbox/stats"))
    assert (stats["pages"], stats["faults"]) == ({ACCOUNT: 1}, {"http_500": 1})
    assert stats["requests"] == {"google page": 2}


@pytest.mark.parametrize("body", [b"{}", b"[{}]", b'[{"kind":"flood","where":"page"}]', b"not json"])
async def test_a_malformed_order_is_refused(http_client: AsyncHTTPClient, base_url: str, body: bytes) -> None:
    url = f"{base_url}/_sandbox/faults"
    response = await http_client.fetch(url, method="POST", body=body, raise_error=False)
    assert response.code == 400


async def test_another_process_mints_and_revokes_grants(
    google: Get, http_client: AsyncHTTPClient, base_url: str
) -> None:
    wish = msgspec.json.encode({"provider": "google", "account": ACCOUNT, "size": 3})
    tokens = json(await http_client.fetch(f"{base_url}/_sandbox/grants", method="POST", body=wish))
    assert len(ids(json(await google(bearer=tokens["access_token"], personFields="names")))) == 3
    wish = msgspec.json.encode({"account": ACCOUNT})
    answer = await http_client.fetch(f"{base_url}/_sandbox/revoke", method="POST", body=wish)
    assert json(answer) == {"revoked": 2}


async def test_no_fault_is_played_twice_by_requests_at_the_same_moment(google: Get, sandbox: Sandbox) -> None:
    # All four stand before the failure together, and only the first to go on meets it.
    sandbox.faults.add(Fault("slow", "page", times=4, seconds=0.05), Fault("http_500", "page"))
    codes = [response.code for response in await asyncio.gather(*(google(personFields="names") for _ in range(4)))]
    assert sorted(codes) == [200, 200, 200, 500]
