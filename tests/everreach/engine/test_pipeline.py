"""The pages of a turn, on their way into the database after another worker died: nobody comes twice."""

import asyncio
import weakref
from collections.abc import Sequence
from typing import Any, cast

import pytest

from everreach.contacts.page import Entry, Page
from everreach.engine.pipeline import Pipeline
from everreach.engine.prefetch import Prefetch
from everreach.engine.time_slice import TimeSlice
from everreach.errors import LeaseLostError, ProviderError
from everreach.jobs.job import Lease
from providers.source import ContactSource, Reading
from storage.mongo import Database
from tests.providers.wire import connected, playing, reply
from tests.storage.builders import Stores, entry, people


def listing_of(lease: Lease) -> Prefetch:
    """A listing of which the cursor is all that matters here."""
    source = cast("ContactSource", connected("google", playing(reply())).source)
    return Prefetch(source, cast("Reading", None), TimeSlice(lease, 60, lambda: False))


async def put(
    stores: Stores, lease: Lease, entries: Sequence[Entry], *, then: str | None = None, **settings: Any
) -> None:
    """Take a page of a job that another worker left, the last one unless there is one to come `then`."""
    options = {"max_contacts": 1000, "recovering": True, **settings}
    listing = listing_of(lease)
    async with Pipeline(stores.contacts, stores.ledger, stores.leases, lease, listing, **options) as pages:
        await pages.put(Page(entries, then))


@pytest.mark.gen_test
async def test_who_was_edited_after_a_worker_died_in_the_middle_of_their_page_does_not_come_twice(
    database: Database,
) -> None:
    stores = Stores(database)
    dead = await stores.leased()
    await stores.insert(dead, 0, people("ada", "bob"))
    lease = await stores.taken_over(dead)
    await stores.contacts.record_unrecorded(lease.job)
    await put(stores, lease, [entry("ada", "new-ada@example.org"), *people("bob", "cleo")])
    assert [one["email"] for one in await stores.people()] == [
        "ada@example.org",
        "bob@example.org",
        "cleo@example.org",
    ]
    job = await stores.jobs.get(dead.job.id, dead.job.user_id)
    assert job
    assert (job.status, job.imported_contacts, job.processed_contacts) == ("completed", 3, 3)


@pytest.mark.gen_test
async def test_who_is_there_already_does_not_count_toward_the_most_of_one_import(database: Database) -> None:
    stores = Stores(database)
    dead = await stores.leased()
    await stores.insert(dead, 0, people("ada", "bob"))
    lease = await stores.taken_over(dead)
    await stores.contacts.record_unrecorded(lease.job)
    await put(stores, lease, people("ada", "bob", "cleo"), max_contacts=1)
    job = await stores.jobs.get(dead.job.id, dead.job.user_id)
    assert job
    assert (job.status, job.imported_contacts) == ("completed", 3)


async def put_two(stores: Stores, lease: Lease, *, max_contacts: int, at_once: bool) -> None:
    """Take two pages of two, the second while the first is being committed, or after that."""
    options: Any = {"max_contacts": max_contacts, "recovering": False}
    listing = listing_of(lease)
    async with Pipeline(stores.contacts, stores.ledger, stores.leases, lease, listing, **options) as pages:
        await pages.put(Page(people("ada", "bob"), "2"))
        if not at_once:
            await pages.emptied()
        await pages.put(Page(people("cleo", "dora"), None))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.gen_test
async def test_a_book_of_as_many_as_one_import_may_have_is_imported_whole(database: Database, at_once: bool) -> None:
    stores = Stores(database)
    lease = await stores.leased()
    await put_two(stores, lease, max_contacts=4, at_once=at_once)
    assert (lease.job.status, lease.job.imported_contacts) == ("completed", 4)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.gen_test
async def test_of_a_book_of_more_no_more_are_imported(database: Database, at_once: bool) -> None:
    stores = Stores(database)
    lease = await stores.leased()
    with pytest.raises(ProviderError, match="more than 3 contacts"):
        await put_two(stores, lease, max_contacts=3, at_once=at_once)
    assert [one["display_name"] for one in await stores.people()] == ["ada", "bob", "cleo"]


@pytest.mark.gen_test
async def test_a_job_that_is_beyond_a_limit_lowered_meanwhile_imports_nobody_more(database: Database) -> None:
    stores = Stores(database)
    lease = await stores.leased()
    await stores.commit(lease, people("ada", "bob"))
    with pytest.raises(ProviderError, match="more than 1 contacts"):
        await put(stores, lease, people("cleo", "dora", "edna"), max_contacts=1, recovering=False)
    assert await stores.names() == ["ada", "bob"]


async def failed(stores: Stores, lease: Lease) -> None:
    """Its worker fails the job in the middle of a page, as the importer does."""
    await stores.contacts.record_unrecorded(lease.job)
    await stores.leases.fail(lease, "It failed.", await stores.ledger.count(lease.job))


@pytest.mark.gen_test
async def test_who_was_edited_between_a_failure_and_the_retry_does_not_come_twice(database: Database) -> None:
    """Their page was half written, the one after it inserted ahead, and each comes again in a turn of its own."""
    stores = Stores(database)
    lease = await stores.leased()
    await stores.insert(lease, 0, people("ada", "bob"))
    await stores.insert(lease, 1, people("cleo"))
    await failed(stores, lease)
    retried = await stores.jobs.retry(lease.job.id, lease.job.user_id)
    assert retried
    assert retried.imported_contacts == 3
    lease = await stores.leased(job=retried)
    await put(stores, lease, [entry("ada", "new-ada@example.org"), *people("bob")], then="2", recovering=False)
    await stores.leases.release(lease)
    lease = await stores.leased(job=lease.job)
    await put(stores, lease, [entry("cleo", "new-cleo@example.org"), *people("dora")], recovering=False)
    assert await stores.names() == ["ada", "bob", "cleo", "dora"]
    assert (lease.job.status, lease.job.imported_contacts, lease.job.processed_contacts) == ("completed", 4, 4)


@pytest.mark.gen_test
async def test_who_was_inserted_ahead_by_a_worker_that_died_does_not_come_twice_in_a_later_turn(
    database: Database,
) -> None:
    stores = Stores(database)
    dead = await stores.leased()
    await stores.insert(dead, 0, people("ada"))
    await stores.insert(dead, 1, people("bob"))
    lease = await stores.taken_over(dead)
    await stores.contacts.record_unrecorded(lease.job)
    await stores.commit(lease, people("ada"), recovering=True)
    await stores.other_node.release(lease)
    lease = await stores.leased(job=lease.job)
    await put(stores, lease, [entry("bob", "new-bob@example.org"), *people("cleo")], recovering=False)
    assert await stores.names() == ["ada", "bob", "cleo"]
    assert (lease.job.status, lease.job.imported_contacts) == ("completed", 3)


@pytest.mark.gen_test
@pytest.mark.usefixtures("no_collector")
async def test_a_page_that_could_not_be_committed_is_let_go(database: Database) -> None:
    stores = Stores(database)
    dead = await stores.leased()
    await stores.taken_over(dead)
    try:
        await put(stores, dead, people("ada"))
    except LeaseLostError as error:
        lost = weakref.ref(error)
    # The loop holds for a moment what woke this test.
    await asyncio.sleep(0)
    assert lost() is None
