"""What a worker may do once its lease is over, what it believes of its job, and what it looks for when it begins."""

import asyncio

import pytest

from everreach.contacts.contact import Contact
from everreach.engine.time_slice import TimeSlice
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Job, Lease, Tally
from storage import transitions
from storage.contacts.store import ContactStore
from storage.indexes import JOBS
from storage.mongo import Collection, Document
from tests.storage.builders import failing
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
async def test_an_answer_that_comes_late_does_not_replace_a_newer_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await leased(world)
    leases = world.node.services.runner._leases
    apply, applied = transitions.apply, asyncio.Event()

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


@pytest.mark.parametrize("handed_back", [True, False])
@pytest.mark.gen_test
async def test_only_what_nobody_handed_back_is_searched_for_a_half_written_page(
    world: World, monkeypatch: pytest.MonkeyPatch, handed_back: bool
) -> None:
    lease = await leased(world)
    runner = world.node.services.runner
    await runner._leases.begin(lease)
    if handed_back:
        await runner._leases.release(lease)
    else:
        await world.database[JOBS].update_one({"_id": lease.job.id}, {"$set": {"not_before": lease.job.created_at}})
    searched = []

    async def searching(_: ContactStore, job: Job) -> None:
        searched.append(job.id)

    monkeypatch.setattr(ContactStore, "record_unrecorded", searching)
    taken = await runner._leases.claim(lease.job.id, lease.job.user_id)
    assert taken
    await runner._importer.run(TimeSlice(taken, 60, lambda: False))
    assert (await world.stored(lease.job.id))["status"] == "completed"
    assert searched == ([] if handed_back else [lease.job.id])


@pytest.mark.gen_test
async def test_a_database_that_takes_no_contacts_is_not_asked_without_a_pause_nor_is_the_provider(world: World) -> None:
    user = new_user()
    async with failing(world.database, "insert", errorCode=89):
        job_id = await world.consent("google", user, size=100)
        await asyncio.sleep(3)
        assert 2 <= world.sandbox.stats.pages.total() <= 8
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", 100)
