"""What the holder of a lease reports: pages that count once, totals that never go back, and the two ends."""

import copy
from datetime import timedelta
from typing import Final

import pytest
from msgspec.structs import replace

from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Status, Tally
from storage.transitions import RETRY_WINDOW_SECONDS, as_job
from tests.storage.builders import NEW_TOKENS, NO_TOKENS, TOKENS, Stores, writes

PAGE: Final = Tally(imported=5, skipped=3, failed=2)
COUNTS: Final = {"processed_contacts": 7, "imported_contacts": 4, "skipped_contacts": 2, "failed_contacts": 1}


@pytest.mark.gen_test
async def test_a_page_is_counted_and_the_place_kept_in_one_statement(stores: Stores) -> None:
    lease = await stores.leased()
    cursor = Cursor("page 2", barren=1, restarts=2, mark="abc", steps=3, power=4)
    await stores.leases.advance(lease, PAGE, cursor, 40)
    job = lease.job
    assert (job.status, job.page, job.cursor) == (Status.PROCESSING, 1, cursor)
    assert (job.processed_contacts, job.imported_contacts, job.skipped_contacts, job.failed_contacts) == (10, 5, 3, 2)
    assert (job.total_contacts, job.progress_percent) == (40, 25.0)
    assert as_job(await stores.stored(job.id)) == job


@pytest.mark.gen_test
async def test_pages_add_up(stores: Stores) -> None:
    lease = await stores.leased()
    for number in range(3):
        await stores.leases.advance(lease, PAGE, Cursor(f"page {number}"), None)
    job = lease.job
    assert (job.processed_contacts, job.imported_contacts, job.skipped_contacts, job.failed_contacts) == (30, 15, 9, 6)
    assert (job.page, job.cursor.position) == (3, "page 2")


@pytest.mark.parametrize(
    ("totals", "shown"),
    [
        ([None, None], [10, 20]),
        ([500, None], [500, 500]),
        ([500, 400], [500, 500]),
        ([400, 500], [400, 500]),
        ([3, 3], [10, 20]),
        ([15, 15], [15, 20]),
        ([0, 0], [10, 20]),
    ],
)
@pytest.mark.gen_test
async def test_the_total_is_never_lowered_and_never_below_what_was_processed(
    stores: Stores, totals: list[int | None], shown: list[int]
) -> None:
    lease = await stores.leased()
    seen = []
    for total in totals:
        await stores.leases.advance(lease, PAGE, Cursor("next"), total)
        seen.append(lease.job.total_contacts)
    assert seen == shown


@pytest.mark.parametrize("end", ["advance", "finish"])
@pytest.mark.gen_test
async def test_a_page_that_was_committed_already_counts_once(stores: Stores, end: str) -> None:
    lease = await stores.leased()
    unanswered = copy.copy(lease)
    await stores.leases.advance(unanswered, PAGE, Cursor("next"), None)
    before = await stores.stored_bytes(lease.job.id)
    with pytest.raises(LeaseLostError):
        await writes(stores.leases, lease)[end]()
    assert await stores.stored_bytes(lease.job.id) == before


@pytest.mark.parametrize("text", ["$status", "$$NOW", "{}"])
@pytest.mark.gen_test
async def test_a_providers_text_is_stored_as_it_is(stores: Stores, text: str) -> None:
    lease = await stores.leased()
    await stores.leases.identify(lease, text, text)
    await stores.leases.store_tokens(lease, {**NEW_TOKENS, "access_token": text})
    await stores.leases.advance(lease, PAGE, Cursor(text, mark=text), None)
    document = await stores.stored(lease.job.id)
    assert (document["provider_account_id"], document["provider_account_name"]) == (text, text)
    assert (document["access_token"], document["cursor"]["position"], document["cursor"]["mark"]) == (text, text, text)
    await stores.leases.fail(lease, text, COUNTS)
    assert (await stores.stored(lease.job.id))["error_message"] == text


@pytest.mark.gen_test
async def test_refreshed_tokens_take_the_place_of_the_old_ones_and_nothing_else(stores: Stores) -> None:
    lease = await stores.leased()
    before = await stores.stored(lease.job.id)
    await stores.leases.store_tokens(lease, NEW_TOKENS)
    assert await stores.stored(lease.job.id) == {**before, **NEW_TOKENS}
    assert lease.job.access_token == NEW_TOKENS["access_token"]


@pytest.mark.gen_test
async def test_the_account_is_named(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.identify(lease, "id-1", "ada@example.org")
    assert (lease.job.provider_account_id, lease.job.provider_account_name) == ("id-1", "ada@example.org")
    assert lease.job.provider_account_name == "ada@example.org"


@pytest.mark.gen_test
async def test_a_finished_job_is_complete_and_has_no_tokens_any_more(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.advance(lease, PAGE, Cursor("page 2"), 500)
    await stores.leases.finish(lease, PAGE, "Google listed fewer.")
    job = lease.job
    assert (job.notice, job.cursor) == ("Google listed fewer.", Cursor())
    assert (job.status, job.processed_contacts, job.total_contacts, job.page) == (Status.COMPLETED, 20, 20, 2)
    assert (job.progress_percent, job.error_message) == (100.0, None)
    assert job.completed_at == job.updated_at
    document = await stores.stored(job.id)
    assert {**document, **NO_TOKENS, "lease_owner": None} == document
    assert "not_before" not in document


@pytest.mark.gen_test
async def test_an_empty_address_book_is_complete_too(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.finish(lease, Tally())
    assert (lease.job.status, lease.job.total_contacts, lease.job.progress_percent) == (Status.COMPLETED, 0, 100.0)


@pytest.mark.gen_test
async def test_tokens_outlive_the_job_where_they_are_kept_for_a_later_sync(stores: Stores) -> None:
    keeping = stores.node("node-1", keep_tokens=True)
    finished = await stores.leased()
    await keeping.finish(finished, PAGE)
    document = await stores.stored(finished.job.id)
    assert {**document, **TOKENS, "status": "completed"} == document
    failed = await stores.leased()
    await keeping.fail(failed, "It failed.", COUNTS)
    document = await stores.stored(failed.job.id)
    assert {**document, **TOKENS, "status": "failed"} == document
    # Nobody ever has to come back to delete them.
    assert "not_before" not in document


@pytest.mark.gen_test
async def test_a_failed_job_says_why_shows_what_stands_and_can_be_retried_for_a_day(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.fail(lease, "The provider is out of order.", COUNTS)
    job = lease.job
    assert (job.status, job.error_message) == (Status.FAILED, "The provider is out of order.")
    assert replace(job, **COUNTS, total_contacts=7) == job
    document = await stores.stored(job.id)
    assert {**document, **TOKENS, "lease_owner": None} == document
    assert document["completed_at"] == document["updated_at"]
    assert document["not_before"] - document["completed_at"] == timedelta(seconds=RETRY_WINDOW_SECONDS)
    assert timedelta(seconds=RETRY_WINDOW_SECONDS) == timedelta(days=1)


@pytest.mark.gen_test
async def test_a_failed_job_keeps_its_total(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.advance(lease, PAGE, Cursor("page 2"), 500)
    await stores.leases.fail(lease, "It failed.", COUNTS)
    assert (lease.job.total_contacts, lease.job.processed_contacts) == (500, 7)
