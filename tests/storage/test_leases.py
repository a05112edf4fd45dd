"""A lease: one worker holds a job, and one that has lost it changes nothing any more."""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import pytest
from msgspec import structs

from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import LEASE_MARGIN_SECONDS, RUNNING, Lease, Status, Tally
from storage.indexes import JOBS
from tests.storage.builders import LEASE_SECONDS, NO_COUNTS, STRANGER, USER, WRITES, Stores, writes


async def taken_again(stores: Stores, lease: Lease) -> None:
    await stores.abandon(lease.job.id)
    assert await stores.leases.claim(lease.job.id, USER)


LOSSES: Final[dict[str, Callable[[Stores, Lease], Awaitable[object]]]] = {
    "another node took it over": lambda stores, lease: stores.taken_over(lease),
    "its own node took it over": taken_again,
    "it was handed back": lambda stores, lease: stores.leases.release(copy.copy(lease)),
    "the person cancelled": lambda stores, lease: stores.jobs.cancel(lease.job.id, USER),
    "the job is finished": lambda stores, lease: stores.leases.finish(copy.copy(lease), Tally()),
    "the job has failed": lambda stores, lease: stores.leases.fail(copy.copy(lease), "It failed.", NO_COUNTS),
}


@pytest.mark.gen_test
async def test_of_eight_workers_at_one_moment_one_gets_the_job(stores: Stores) -> None:
    job = await stores.fetching()
    nodes = [stores.node(f"node-{number}") for number in range(8)]
    leases = await asyncio.gather(*(node.claim(job.id, USER) for node in nodes))
    (lease,) = [lease for lease in leases if lease]
    document = await stores.stored(job.id)
    assert (document["lease_owner"], document["fence"], document["takeovers"]) == (lease.owner, 1, 0)


@pytest.mark.gen_test
async def test_a_job_of_another_person_is_not_found(stores: Stores) -> None:
    job = await stores.fetching()
    assert await stores.leases.claim(job.id, STRANGER) is None


@pytest.mark.gen_test
async def test_a_kind_that_only_a_newer_version_knows_is_left_to_its_nodes(stores: Stores) -> None:
    newer, ours, older = [await stores.fetching() for _ in range(3)]
    await stores.put(newer.id, kind="sync")
    await stores.database[JOBS].update_one({"_id": older.id}, {"$unset": {"kind": ""}})
    assert [job.id for job in await stores.jobs.due(RUNNING, 1)] == [ours.id]
    assert await stores.leases.claim(newer.id, USER) is None
    assert (shown := await stores.jobs.get(newer.id, USER))
    assert shown.kind == "sync"
    assert await stores.leases.claim(ours.id, USER)
    assert [job.id for job in await stores.jobs.due(RUNNING, 9)] == [older.id]
    assert await stores.leases.claim(older.id, USER)


@pytest.mark.gen_test
async def test_a_job_that_is_not_due_is_not_taken(stores: Stores) -> None:
    job = await stores.fetching()
    await stores.put(job.id, not_before=await stores.now() + timedelta(minutes=1))
    before = await stores.stored_bytes(job.id)
    assert await stores.leases.claim(job.id, USER) is None
    assert await stores.stored_bytes(job.id) == before


@pytest.mark.gen_test
async def test_a_held_job_is_taken_by_nobody_else_and_not_twice_by_the_same(stores: Stores) -> None:
    lease = await stores.leased()
    before = await stores.stored_bytes(lease.job.id)
    assert await stores.other_node.claim(lease.job.id, USER) is None
    assert await stores.leases.claim(lease.job.id, USER) is None
    assert await stores.stored_bytes(lease.job.id) == before


@pytest.mark.gen_test
async def test_the_worker_believes_in_its_lease_no_longer_than_the_database(stores: Stores) -> None:
    before = time.monotonic()
    lease = await stores.leased()
    after = time.monotonic()
    assert before + LEASE_SECONDS <= lease.valid_until <= after + LEASE_SECONDS
    ends = (await stores.stored(lease.job.id))["not_before"]
    now = await stores.now()
    # Read after the database's clock: what passes in between shortens the belief, never the lease.
    believed = lease.valid_until - time.monotonic()
    assert ends >= now + timedelta(seconds=believed - 0.002)


@pytest.mark.gen_test
async def test_the_fence_grows_with_each_worker(stores: Stores) -> None:
    lease = await stores.leased()
    fences = [lease.fence]
    for _ in range(3):
        lease = await stores.taken_over(lease)
        fences.append(lease.fence)
    assert fences == [1, 2, 3, 4]


@pytest.mark.gen_test
async def test_renewing_gives_the_full_time_again(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.put(lease.job.id, not_before=await stores.now() + timedelta(seconds=1))
    lease.valid_until = 0.0
    began = time.monotonic()
    await stores.leases.renew(lease)
    assert LEASE_SECONDS - 10 < await stores.seconds_left(lease.job.id) <= LEASE_SECONDS
    assert began + LEASE_SECONDS <= lease.valid_until <= time.monotonic() + LEASE_SECONDS
    lease.check()


@pytest.mark.gen_test
async def test_a_lease_that_is_over_can_be_renewed_while_nobody_else_has_taken_the_job(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.abandon(lease.job.id)
    await stores.leases.renew(lease)
    assert await stores.other_node.claim(lease.job.id, USER) is None


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.gen_test
async def test_a_stale_holder_changes_nothing_and_is_told(stores: Stores, loss: str) -> None:
    for write in WRITES:
        lease = await stores.leased()
        await LOSSES[loss](stores, lease)
        before = await stores.stored_bytes(lease.job.id)
        seen, valid_until = copy.copy(lease.job), lease.valid_until
        with pytest.raises(LeaseLostError):
            await writes(stores.leases, lease)[write]()
        assert (lease.job, lease.valid_until) == (seen, valid_until), write
        assert await stores.stored_bytes(lease.job.id) == before, write


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.gen_test
async def test_the_worker_of_a_job_that_is_gone_does_not_bring_it_back(stores: Stores, write: str) -> None:
    lease = await stores.leased()
    await stores.database[JOBS].delete_many({})
    with pytest.raises(LeaseLostError):
        await writes(stores.leases, lease)[write]()
    assert await stores.database[JOBS].count_documents({}) == 0


@pytest.mark.gen_test
async def test_beginning_again_shows_an_advance_whose_answer_was_lost(stores: Stores) -> None:
    lease = await stores.leased()
    unanswered = copy.copy(lease)
    await stores.leases.advance(unanswered, Tally(imported=3), Cursor("page 2"), None)
    assert lease.job.page == 0
    lease.valid_until = 0.0
    await stores.leases.begin(lease)
    signed = structs.replace(unanswered.job, half_written=True, overlaps=True, not_before=lease.job.not_before)
    assert lease.job == signed
    assert (lease.job.page, lease.job.imported_contacts, lease.job.cursor) == (1, 3, Cursor("page 2"))
    lease.check()


@pytest.mark.gen_test
async def test_beginning_again_shows_that_an_advance_never_arrived(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.begin(lease)
    assert (lease.job.page, lease.job.status) == (0, Status.FETCHING)


@pytest.mark.gen_test
async def test_a_released_job_is_anybodys_at_once(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.release(lease)
    assert (await stores.stored(lease.job.id))["lease_owner"] is None
    taken = await stores.other_node.claim(lease.job.id, USER)
    assert taken
    assert (taken.owner, taken.job.throttled_since) == ("node-2", None)


@pytest.mark.parametrize("left", [-1.0, 0.0, LEASE_MARGIN_SECONDS / 2])
@pytest.mark.gen_test
async def test_a_lease_that_may_end_while_a_statement_is_on_its_way_is_not_written_under(
    stores: Stores, left: float
) -> None:
    lease = await stores.leased()
    lease.check()
    lease.valid_until = time.monotonic() + left
    with pytest.raises(LeaseLostError):
        lease.check()
