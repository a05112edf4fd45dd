"""Whatever a provider does wrong, at the first, a middle or the last page: right counts, or a clear failure."""

import asyncio
import re
from functools import partial
from typing import Any

import aiohttp
import msgspec
import pytest

from everreach.concurrency import poller
from everreach.engine import setbacks
from everreach.jobs.cursor import Cursor
from everreach.net.http import Http
from everreach.server import app
from providers import paging
from providers.sandbox.faults import Fault
from providers.sandbox.people import expected
from storage import throttling
from tests.world import ACCOUNT, World, new_user

SIZES = (20, 10, 5)
SIZE, PAGE = 84, SIZES[0]  # Four pages of the main listing at either provider, and Outlook's folders beside them.
WAITS = setbacks.TRY_AGAIN_SECONDS
PLACES = pytest.mark.parametrize("page", [0, 1, 3], ids=["first", "middle", "last"])
PROVIDERS = pytest.mark.parametrize("provider", ["google", "microsoft"])


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own waits, shortened; what happens after them is the same."""
    timeout = aiohttp.ClientTimeout(total=1.5, sock_read=0.5)
    monkeypatch.setattr(app, "Http", partial(Http, backoff=0.02, timeout=timeout))
    monkeypatch.setattr(poller, "SCAN_SECONDS", 0.1)
    monkeypatch.setattr(throttling, "FIRST_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(setbacks, "TRY_AGAIN_SECONDS", (0.02, 0.02, 0.02))
    monkeypatch.setattr(paging, "PAGE_SIZES", SIZES)


async def imported(world: World, provider: str, *faults: Fault) -> dict[str, Any]:
    world.sandbox.faults.add(*faults)
    user = new_user()
    job = await world.ended(await world.consent(provider, user, size=SIZE), user)
    contacts = await world.database["contacts"].count_documents({"user_id": user})
    rows = await world.database["imported_contacts"].count_documents({"user_id": user})
    assert (contacts, rows) == (job["imported_contacts"], job["processed_contacts"])
    assert job["processed_contacts"] == job["imported_contacts"] + job["skipped_contacts"] + job["failed_contacts"]
    return job


def check_whole(world: World, job: dict[str, Any], *, failed: int = 0, more_without_email: int = 0) -> None:
    new, no_email, duplicate = expected(world.sandbox.book(ACCOUNT, SIZE))
    assert job["error_message"] is None
    assert job["status"] == "completed"
    assert job["imported_contacts"] == new
    assert job["skipped_contacts"] == no_email + duplicate + more_without_email
    assert job["failed_contacts"] == failed
    assert job["total_contacts"] == job["processed_contacts"]


PASSING = [
    Fault("http_500", "page", times=3),
    Fault("http_503", "page", times=1),
    Fault("http_503", "page", times=1, retry_after="0.3"),
    Fault("html_200", "page", times=3),
    Fault("invalid_json", "page", times=1),
    Fault("truncated", "page", times=2),
    Fault("reset", "page", times=3),
    Fault("stall", "page", times=1, seconds=5),
    Fault("stall", "page", times=1, seconds=5, headers=False),
    Fault("status_429", "page", times=2),
    Fault("status_429", "page", times=1, shape="exhausted"),
    Fault("status_429", "page", times=1, retry_after="0.2"),
    Fault("status_429", "page", times=1, retry_after="Thu, 01 Jan 1970 00:00:00 GMT"),
    Fault("quota_403", "page", times=2, provider="google"),
    Fault("token_401", "page", times=1),
    Fault("lone_surrogate", "page", times=1),
    Fault("empty_page", "page", times=1),
    Fault("duplicate_entry", "page", times=1),
    Fault("error_200", "page", times=3),
]
ANYWHERE = [
    Fault("two_documents", "page", page=1),
    Fault("false_gzip", "page", page=1),
    Fault("cut_gzip", "page", page=1),
    Fault("trickle", "page", page=1, seconds=0.1),
    Fault("relative_link", "page", page=1, provider="microsoft"),
    Fault("self_link", "page"),
]
"""The same, wherever it happens."""


def name_of(fault: Fault) -> str:
    details = [fault.kind, fault.retry_after, fault.shape if fault.shape != "quota" else None]
    return "-".join(str(detail) for detail in details if detail) + ("" if fault.headers else "-before-headers")


@PLACES
@PROVIDERS
@pytest.mark.parametrize("fault", PASSING, ids=name_of)
@pytest.mark.gen_test
async def test_what_passes_leaves_no_trace(world: World, provider: str, fault: Fault, page: int) -> None:
    ordered = Fault(**{**{name: getattr(fault, name) for name in fault.__struct_fields__}, "page": page})
    check_whole(world, await imported(world, provider, ordered))
    assert world.sandbox.stats.faults[fault.kind] or fault.provider not in {None, provider}


@PROVIDERS
@pytest.mark.parametrize("fault", ANYWHERE, ids=name_of)
@pytest.mark.gen_test
async def test_what_passes_leaves_no_trace_wherever_it_happens(world: World, provider: str, fault: Fault) -> None:
    check_whole(world, await imported(world, provider, fault))
    assert world.sandbox.stats.faults[fault.kind] or fault.provider not in {None, provider}


@pytest.mark.parametrize("status", [400, 410])
@pytest.mark.parametrize("page", [1, 3])
@PROVIDERS
@pytest.mark.gen_test
async def test_a_listing_that_expires_begins_again_and_counts_nobody_twice(
    world: World, provider: str, page: int, status: int
) -> None:
    check_whole(world, await imported(world, provider, Fault("page_token_400", "page", page=page, status=status)))


@PROVIDERS
@pytest.mark.gen_test
async def test_a_contact_that_is_edited_before_the_listing_begins_again_does_not_come_twice(
    world: World, provider: str
) -> None:
    # What the first listing showed is edited back when the second comes by.
    edited = Fault("edited_emails", "page", page=0)
    job = await imported(world, provider, edited, Fault("page_token_400", "page", page=2))
    assert (job["status"], job["processed_contacts"], job["failed_contacts"]) == ("completed", SIZE, 0)
    contacts = await world.database["contacts"].find({}).to_list(None)
    assert len({one["provider_contact_id"] for one in contacts}) == len(contacts)
    assert any(one["email"].startswith("new-") for one in contacts)


@PLACES
@PROVIDERS
@pytest.mark.gen_test
async def test_garbage_among_the_contacts_fails_alone(world: World, provider: str, page: int) -> None:
    job = await imported(world, provider, Fault("garbage_entries", "page", page=page))
    # Of the ten pieces seven cannot be told apart from anything; three are contacts, of which nothing is known.
    check_whole(world, job, failed=7, more_without_email=3)
    rows = world.database["imported_contacts"].find({"action": "failed"})
    assert {row["error_message"] async for row in rows} == {
        "The provider sent something that is no contact: it has no id."
    }


LASTING = [
    (Fault("html_200", "page", times=None), "could not be reached"),
    (Fault("error_200", "page", times=None), "could not be reached"),
    (Fault("reset", "page", times=None), "could not be reached"),
    (Fault("truncated", "page", times=None), "could not be reached"),
    (Fault("token_401", "page", times=None), "reconnect"),
    (Fault("missing_scope", "page", times=None), "share the contacts"),
    (Fault("page_loop", "page"), "circles|itself"),
    (Fault("page_loop_2", "page"), "circles|itself"),
]


@PLACES
@PROVIDERS
@pytest.mark.parametrize(("fault", "reason"), LASTING, ids=[fault.kind for fault, _ in LASTING])
@pytest.mark.gen_test
async def test_what_lasts_fails_with_a_reason_and_keeps_what_came(
    world: World, provider: str, fault: Fault, reason: str, page: int
) -> None:
    ordered = Fault(fault.kind, "page", page=page, times=fault.times)
    job = await imported(world, provider, ordered)
    assert job["status"] == "failed"
    assert any(words in job["error_message"] for words in reason.split("|")), job["error_message"]
    assert job["processed_contacts"] >= page * PAGE * 0.9


@PROVIDERS
@pytest.mark.gen_test
async def test_a_page_is_tried_four_times_in_all(world: World, provider: str) -> None:
    await imported(world, provider, Fault("html_200", "page", page=1, times=None))
    assert world.sandbox.stats.faults["html_200"] == 4


@PROVIDERS
@pytest.mark.gen_test
async def test_a_provider_that_is_away_is_asked_four_times_for_each_size(world: World, provider: str) -> None:
    job = await imported(world, provider, Fault("http_500", "page", times=None))
    # Graph is asked for a single contact, too, and for that one and the next at last.
    asked = {"google": len(SIZES) * 4, "microsoft": (len(SIZES) + 1) * 4 + 4 * 2}[provider]
    assert (job["status"], world.sandbox.stats.faults["http_500"]) == ("failed", asked)
    # A retry begins with full pages: what was the matter may be over.
    assert (await world.stored(job["id"]))["cursor"] == {**msgspec.to_builtins(Cursor()), "again": True}


@pytest.mark.parametrize("slot", [0, 33, 47])
@pytest.mark.gen_test
async def test_a_contact_that_cannot_be_rendered_fails_alone(world: World, slot: int) -> None:
    world.sandbox.list_every = 0
    job = await imported(world, "microsoft", Fault("poison", "page", slot=slot))
    assert (job["status"], job["processed_contacts"], job["failed_contacts"]) == ("completed", SIZE, 1)
    row = await world.database["imported_contacts"].find_one({"action": "failed"})
    assert row
    assert row["error_message"] == "The provider cannot read this contact."


@pytest.mark.gen_test
async def test_a_page_that_can_be_had_in_smaller_ones_is_listed_from_the_beginning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await imported(world, "google", Fault("http_500", "page", page=3, times=4))
    check_whole(world, job)
    assert world.sandbox.stats.faults["http_500"] == 4
    assert world.sandbox.stats.pages[ACCOUNT] >= SIZE / SIZES[1]


@PROVIDERS
@pytest.mark.gen_test
async def test_a_page_waits_for_its_next_try_outside_a_worker(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setbacks, "TRY_AGAIN_SECONDS", (1000.0,))
    world.sandbox.faults.add(Fault("http_503", "page", page=1))
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    async with asyncio.timeout(10):
        while not (stored := await world.stored(job_id)).get("tries"):
            await asyncio.sleep(0.02)
    assert (stored["status"], stored["lease_owner"], stored["tries"]) == ("processing", None, 1)
    await world.database["contact_import_jobs"].update_one(
        {"_id": job_id}, {"$set": {"not_before": stored["created_at"]}}
    )
    check_whole(world, await world.ended(job_id, user))


def test_an_outage_of_half_a_minute_is_outlasted() -> None:
    assert WAITS == (1.0, 8.0, 45.0)


@pytest.mark.settings(everreach_max_imports=2)
@pytest.mark.gen_test
async def test_answers_that_trickle_do_not_hold_up_another_person(world: World) -> None:
    slow = [new_user() for _ in range(2)]
    for number, user in enumerate(slow):
        world.sandbox.faults.add(Fault("trickle", "page", times=None, account=f"slow{number}@x.example", seconds=0.1))
        await world.consent("google", user, account=f"slow{number}@x.example")
    user = new_user()
    job_id = await world.consent("google", user, size=10)
    assert (await world.ended(job_id, user, 8))["status"] == "completed"


@pytest.mark.parametrize("page", [0, 1])
@PROVIDERS
@pytest.mark.gen_test
async def test_a_listing_that_ends_short_is_read_once_more(world: World, provider: str, page: int) -> None:
    job = await imported(world, provider, Fault("gap", "page", page=page, skip=40))
    check_whole(world, job)
    assert job["notice"] is None


@PROVIDERS
@pytest.mark.gen_test
async def test_a_listing_that_is_short_twice_completes_with_a_notice(world: World, provider: str) -> None:
    world.sandbox.list_every = 0
    job = await imported(world, provider, Fault("gap", "page", page=0, times=None, skip=40))
    assert (job["status"], job["processed_contacts"], job["total_contacts"]) == ("completed", 44, 44)
    # Microsoft counts distribution lists, too: what a second reading does not bring may be such.
    assert job["notice"] == ("Google announced 84 contacts and listed 44." if provider == "google" else None)


@pytest.mark.gen_test
async def test_a_second_reading_that_brings_more_and_not_all_is_told(world: World) -> None:
    gaps = Fault("gap", "page", page=0, skip=40), Fault("gap", "page", page=1, times=None, skip=20)
    job = await imported(world, "microsoft", *gaps)
    assert job["status"] == "completed"
    assert re.fullmatch(r"Microsoft announced \d\d contacts and listed \d\d\.", job["notice"])


@pytest.mark.gen_test
async def test_a_few_that_are_missing_are_no_reason_to_read_again(world: World) -> None:
    job = await imported(world, "google", Fault("gap", "page", page=0, skip=5))
    assert (job["status"], job["processed_contacts"], job["notice"]) == ("completed", SIZE - 5, None)
    assert world.sandbox.stats.pages[ACCOUNT] == 4


@pytest.mark.gen_test
async def test_a_count_that_cannot_be_had_fails_no_import(world: World) -> None:
    check_whole(world, await imported(world, "microsoft", Fault("not_found", "count", times=None)))


@pytest.mark.gen_test
async def test_a_mailbox_with_many_folders_is_imported_and_its_job_stays_small(world: World) -> None:
    world.sandbox.empty_folders = 60
    user = new_user()
    job_id = await world.consent("microsoft", user, size=SIZE)
    largest = 0
    while not (stored := await world.stored(job_id))["completed_at"]:
        largest = max(largest, len(stored["cursor"].get("position") or ""))
        await asyncio.sleep(0.005)
    check_whole(world, await world.status(job_id, user))
    assert 0 < largest < 16_384
    assert stored["cursor"] == {}


@PROVIDERS
@pytest.mark.gen_test
async def test_a_contact_that_is_too_large_fails_by_itself(world: World, provider: str) -> None:
    check_whole(world, await imported(world, provider, Fault("huge_entry", "page", page=0)), failed=1)


@pytest.mark.gen_test
async def test_a_link_to_a_foreign_host_ends_the_job(world: World) -> None:
    job = await imported(world, "microsoft", Fault("foreign_next_link", "page", page=1, times=None))
    assert (job["status"], "foreign" in job["error_message"]) == ("failed", True)
    assert job["processed_contacts"] >= PAGE


@pytest.mark.settings(everreach_max_contacts=100)
@PROVIDERS
@pytest.mark.gen_test
async def test_an_endless_listing_ends_at_the_most_contacts_of_one_import(world: World, provider: str) -> None:
    job = await imported(world, provider, Fault("endless", "page", page=1))
    assert (job["status"], job["processed_contacts"]) == ("failed", 100)
    assert "more than 100 contacts" in job["error_message"]


@pytest.mark.settings(everreach_max_contacts=SIZE)
@PROVIDERS
@pytest.mark.gen_test
async def test_a_book_of_just_the_most_contacts_is_imported_whole(world: World, provider: str) -> None:
    check_whole(world, await imported(world, provider))


@PROVIDERS
@pytest.mark.gen_test
async def test_a_job_that_is_throttled_says_that_it_is_being_processed(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "FIRST_WAIT_SECONDS", 1000.0)
    world.sandbox.faults.add(Fault("status_429", "page", page=1))
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    while not (stored := await world.stored(job_id))["throttled_since"]:
        pass
    assert (await world.status(job_id, user))["status"] == "processing"
    # It is the stored moment that holds it up, and no worker.
    assert stored["lease_owner"] is None
    await world.database["contact_import_jobs"].update_one(
        {"_id": job_id}, {"$set": {"not_before": stored["created_at"]}}
    )
    check_whole(world, await world.ended(job_id, user))


@PROVIDERS
@pytest.mark.gen_test
async def test_throttling_without_end_ends_the_job(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "THROTTLE_LIMIT_SECONDS", 1.0)
    job = await imported(world, provider, Fault("status_429", "page", page=1, times=None, retry_after="86400"))
    assert (job["status"], "slow down" in job["error_message"]) == ("failed", True)
    assert job["processed_contacts"] >= PAGE
