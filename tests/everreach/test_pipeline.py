"""The pages of a turn, on their way into the database after another worker died: nobody comes twice."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from everreach.contact import Entry, Page
from everreach.cursor import Cursor
from everreach.job import Lease
from everreach.listing import Listing
from everreach.pipeline import Pipeline
from storage.mongo import Database
from tests.storage.builders import Stores, entry, people


class OnePage:
    """A listing of which the cursor is all that matters here."""

    cursor = Cursor()


async def put(stores: Stores, lease: Lease, entries: Sequence[Entry], **settings: Any) -> None:
    """Take the last page of a job that another worker left."""
    options = {"max_contacts": 1000, "recovering": True, **settings}
    listing = cast("Listing", OnePage())
    async with Pipeline(stores.contacts, stores.ledger, stores.leases, lease, listing, **options) as pages:
        await pages.put(Page(entries, None))


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
