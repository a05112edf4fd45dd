"""What a worker may do once its lease is over, and what it believes of its job: nothing, and only the newest."""

import asyncio

import pytest

from everreach.contact import Contact, Entry
from everreach.cursor import Cursor
from everreach.errors import LeaseLostError
from everreach.job import Job, Lease, Tally
from storage import arrows
from storage.indexes import LEDGER
from storage.mongo import Collection, Document
from tests.world import World, new_user

NOBODY: Contact = {
    "display_name": None,
    "email": "ada@example.org",
    "phone": None,
    "emails": [],
    "phones": [],
    "addresses": [],
    "organizations": [],
}


async def leased(world: World) -> Lease:
    """A job that only this test works on."""
    runner = world.node.services.runner
    runner.stopping = True
    user = new_user()
    lease = await runner._leases.claim(await world.consent("microsoft", user), user)
    assert lease
    return lease


@pytest.mark.gen_test
async def test_a_worker_whose_lease_is_over_records_nothing_when_its_provider_fails(world: World) -> None:
    lease = await leased(world)
    importer = world.node.services.runner._importer
    # Whoever holds the job by now has inserted this contact and not yet recorded it.
    await importer._contacts.insert(lease, 0, [Entry("1", None, NOBODY, {})])
    lease.valid_until = 0
    with pytest.raises(LeaseLostError):
        await importer._fail(lease, "The provider is out of order.")
    assert await world.database[LEDGER].count_documents({}) == 0
    assert (await world.stored(lease.job.id))["status"] == "fetching"


@pytest.mark.gen_test
async def test_an_answer_that_comes_late_does_not_replace_a_newer_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await leased(world)
    leases = world.node.services.runner._leases
    apply, applied = arrows.apply, asyncio.Event()

    async def answered_late(jobs: Collection, query: Document, pipeline: list[Document]) -> Job | None:
        job = await apply(jobs, query, pipeline)
        if not applied.is_set():
            applied.set()
            await asyncio.sleep(0.1)
        return job

    monkeypatch.setattr("storage.leases.apply", answered_late)
    refreshing = asyncio.ensure_future(leases.store_tokens(lease, {"access_token": "v1.rotated"}))
    await applied.wait()
    await leases.advance(lease, Tally(1), Cursor("next"), 2)
    await refreshing
    assert (lease.job.page, lease.job.access_token, lease.job.imported_contacts) == (1, "v1.rotated", 1)
