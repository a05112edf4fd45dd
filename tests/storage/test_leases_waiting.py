"""A job that waits for its provider: for how long, what is kept meanwhile, and that nobody works on it."""

from datetime import timedelta

import pytest

from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Lease, Status, Tally
from storage import leases as module
from storage.throttling import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, THROTTLE_LIMIT_SECONDS
from tests.storage.builders import USER, Stores


async def again(stores: Stores, lease: Lease) -> Lease:
    """The lease of whoever goes on when the wait is over."""
    await stores.abandon(lease.job.id)
    return await stores.leased(job=lease.job)


@pytest.mark.gen_test
async def test_a_job_that_waits_is_nobodys_and_still_under_way(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.postpone(lease, 45)
    assert 30 < await stores.seconds_left(lease.job.id) <= 45
    assert await stores.other_node.claim(lease.job.id, USER) is None
    assert (lease.job.lease_owner, lease.job.status) == (None, Status.FETCHING)


@pytest.mark.gen_test
async def test_tries_are_counted_until_a_page_comes_through(stores: Stores) -> None:
    lease = await stores.leased()
    for tries in (1, 2):
        await stores.leases.postpone(lease, 1)
        assert lease.job.tries == tries
        lease = await again(stores, lease)
    await stores.leases.release(lease)
    lease = await again(stores, lease)
    assert lease.job.tries == 2
    await stores.leases.advance(lease, Tally(imported=1), Cursor("next"), None)
    assert lease.job.tries == 0


@pytest.mark.gen_test
async def test_another_cursor_begins_with_no_try(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.postpone(lease, 1)
    lease = await again(stores, lease)
    await stores.leases.postpone(lease, 1, Cursor("smaller", shrunk=True))
    assert (lease.job.tries, lease.job.cursor) == (0, Cursor("smaller", shrunk=True))


@pytest.mark.gen_test
async def test_a_job_of_an_older_version_has_had_no_try(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.database["contact_import_jobs"].update_one({"_id": lease.job.id}, {"$unset": {"tries": 1}})
    await stores.leases.postpone(lease, 1)
    assert lease.job.tries == 1


@pytest.mark.gen_test
async def test_a_retry_has_all_its_tries_again(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.postpone(lease, 1)
    lease = await again(stores, lease)
    await stores.leases.fail(lease, "It failed.", {"processed_contacts": 0})
    retried = await stores.jobs.retry(lease.job.id, USER)
    assert retried
    assert retried.tries == 0


@pytest.mark.gen_test
async def test_the_beginning_of_throttling_is_kept_until_a_page_comes_through(stores: Stores) -> None:
    lease = await stores.leased()
    before = await stores.now()
    assert await stores.leases.wait_out(lease, None)
    since = lease.job.throttled_since
    assert since
    assert before <= since <= await stores.now()
    lease = await again(stores, lease)
    assert await stores.leases.wait_out(lease, None)
    assert lease.job.throttled_since == since
    # A worker that hands back for another reason does not forget it either.
    lease = await again(stores, lease)
    await stores.leases.release(lease)
    lease = await stores.leased(job=lease.job)
    assert lease.job.throttled_since == since
    await stores.leases.advance(lease, Tally(imported=1), Cursor("next"), None)
    assert (await stores.stored(lease.job.id))["throttled_since"] is None


@pytest.mark.parametrize(
    ("waited", "advised", "least"),
    [
        (0, None, FIRST_WAIT_SECONDS),
        (20, None, 20),
        (400, None, LONGEST_WAIT_SECONDS),
        (0, 30, 30),
        (0, 0, 0.1),
        (800, 3600, THROTTLE_LIMIT_SECONDS - 801),
    ],
)
@pytest.mark.gen_test
async def test_a_wait_is_as_long_as_advised_else_as_all_before_it(
    stores: Stores, waited: float, advised: float | None, least: float
) -> None:
    lease = await stores.leased()
    await stores.put(lease.job.id, throttled_since=await stores.now() - timedelta(seconds=waited))
    assert await stores.leases.wait_out(lease, advised)
    left = await stores.seconds_left(lease.job.id)
    assert least - 1 < left <= min(least * 1.2 + 1, THROTTLE_LIMIT_SECONDS - waited)


@pytest.mark.gen_test
async def test_after_a_quarter_of_an_hour_by_the_database_s_clock_it_is_long_enough(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.put(lease.job.id, throttled_since=await stores.now() - timedelta(seconds=THROTTLE_LIMIT_SECONDS))
    before = await stores.stored(lease.job.id)
    assert not await stores.leases.wait_out(lease, 5)
    # The lease is still ours, for what has to be written now.
    assert await stores.stored(lease.job.id) == before
    assert not hasattr(module, "datetime")
