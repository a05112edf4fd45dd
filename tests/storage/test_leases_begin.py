"""To begin on a claimed job: what it counts as a takeover, and when a page may stand in the database half written."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from everreach.engine.importer import TAKEOVER_LIMIT
from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Lease, Tally
from tests.storage.builders import LEASE_SECONDS, NO_COUNTS, USER, Stores, writes

CLEAN: Final[dict[str, Callable[[Stores, Lease], Awaitable[object]]]] = {
    "a page is committed": lambda stores, lease: stores.other_node.advance(lease, Tally(), Cursor("next"), None),
    "the import is finished": lambda stores, lease: stores.other_node.finish(lease, Tally()),
    "the job has failed": lambda stores, lease: stores.other_node.fail(lease, "It failed.", NO_COUNTS),
}


def seen(lease: Lease) -> tuple[int, bool]:
    return lease.job.takeovers, lease.job.half_written


@pytest.mark.gen_test
async def test_the_first_worker_takes_nobodys_place(stores: Stores) -> None:
    lease = await stores.leased()
    assert (lease.job.begun, seen(lease)) == (1, (0, False))


@pytest.mark.gen_test
async def test_a_worker_that_began_and_went_away_was_taken_over(stores: Stores) -> None:
    lease = await stores.leased()
    for takeovers in (1, 2, 3):
        lease = await stores.taken_over(lease)
        assert (lease.job.begun, seen(lease)) == (lease.fence, (takeovers, True))


@pytest.mark.gen_test
async def test_beginning_again_after_a_lost_answer_counts_no_second_takeover(stores: Stores) -> None:
    lease = await stores.taken_over(await stores.leased())
    await stores.other_node.begin(lease)
    assert seen(lease) == (1, True)


@pytest.mark.gen_test
async def test_whoever_begins_again_may_have_left_a_page_half_written_itself(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.begin(lease)
    assert seen(lease) == (0, True)


@pytest.mark.gen_test
async def test_claims_that_nobody_heard_of_are_no_takeovers(stores: Stores) -> None:
    job = await stores.fetching()
    for _ in range(TAKEOVER_LIMIT + 1):
        await stores.claimed_in_vain(job.id)
    lease = await stores.leased(job=job)
    assert (lease.fence, seen(lease)) == (TAKEOVER_LIMIT + 2, (0, False))


@pytest.mark.gen_test
async def test_a_claim_that_nobody_heard_of_does_not_hide_who_began_before_it(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.abandon(lease.job.id)
    await stores.claimed_in_vain(lease.job.id)
    await stores.claimed_in_vain(lease.job.id)
    assert seen(await stores.leased(job=lease.job)) == (1, True)


@pytest.mark.gen_test
async def test_a_worker_that_died_before_it_began_was_no_takeover(stores: Stores) -> None:
    job = await stores.fetching()
    lease = await stores.leases.claim(job.id, USER)
    assert lease
    assert seen(await stores.taken_over(lease)) == (0, False)


@pytest.mark.gen_test
async def test_what_was_handed_back_is_not_taken_over(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.release(lease)
    lease = await stores.leased(job=lease.job)
    assert (lease.fence, seen(lease)) == (2, (0, False))


@pytest.mark.parametrize("arrow", ["release", "postpone", "wait_out"])
@pytest.mark.gen_test
async def test_handing_back_keeps_what_was_found(stores: Stores, arrow: str) -> None:
    lease = await stores.taken_over(await stores.leased())
    await writes(stores.other_node, lease)[arrow]()
    assert lease.job.begun == 0
    await stores.abandon(lease.job.id)
    lease = await stores.leased(job=lease.job)
    assert seen(lease) == (1, True)
    assert seen(await stores.taken_over(lease)) == (2, True)


@pytest.mark.parametrize("clean", CLEAN)
@pytest.mark.gen_test
async def test_nothing_is_half_written_any_more_once(stores: Stores, clean: str) -> None:
    lease = await stores.taken_over(await stores.leased())
    await CLEAN[clean](stores, lease)
    assert not lease.job.half_written
    assert lease.job.begun == (0 if lease.job.status.ended else lease.fence)


@pytest.mark.gen_test
async def test_a_committed_page_resets_the_takeovers(stores: Stores) -> None:
    lease = await stores.taken_over(await stores.leased())
    await stores.other_node.advance(lease, Tally(), Cursor("next"), None)
    assert lease.job.takeovers == 0


@pytest.mark.gen_test
async def test_a_retry_begins_as_if_nobody_had_before(stores: Stores) -> None:
    lease = await stores.taken_over(await stores.leased())
    await stores.other_node.fail(lease, "It failed.", NO_COUNTS)
    retried = await stores.jobs.retry(lease.job.id, USER)
    assert seen(await stores.leased(job=retried)) == (0, False)


@pytest.mark.gen_test
async def test_beginning_gives_the_full_time_again(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.abandon(lease.job.id)
    lease.valid_until = 0.0
    before = time.monotonic()
    await stores.leases.begin(lease)
    assert LEASE_SECONDS - 10 < await stores.seconds_left(lease.job.id) <= LEASE_SECONDS
    assert before + LEASE_SECONDS <= lease.valid_until <= time.monotonic() + LEASE_SECONDS


@pytest.mark.gen_test
async def test_whoever_lost_the_job_before_it_began_signs_for_nothing(stores: Stores) -> None:
    job = await stores.fetching()
    late = await stores.leases.claim(job.id, USER)
    assert late
    other = await stores.taken_over(late)
    with pytest.raises(LeaseLostError):
        await stores.leases.begin(late)
    assert (await stores.stored(job.id))["begun"] == other.fence
