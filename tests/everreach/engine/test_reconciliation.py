"""What is done for a job that its worker no longer holds, or that is not there any more."""

import pytest

from everreach.engine.reconciliation import Reconciliation
from everreach.jobs.job import Lease
from storage.indexes import CONTACTS, JOBS
from storage.mongo import Database
from tests.storage.builders import USER, Stores, people


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database)


@pytest.fixture
def settlement(stores: Stores) -> Reconciliation:
    return Reconciliation(stores.jobs, stores.contacts, stores.ledger)


async def half_written(stores: Stores) -> Lease:
    """One page committed, and the contacts of the next inserted."""
    lease = await stores.leased()
    await stores.commit(lease, people("ada"))
    await stores.insert(lease, 1, people("bob"))
    return lease


@pytest.mark.gen_test
async def test_a_cancelled_job_is_settled_by_the_worker_who_lost_it(stores: Stores, settlement: Reconciliation) -> None:
    lease = await half_written(stores)
    await stores.jobs.cancel(lease.job.id, USER)
    await settlement.lost(lease.job)
    assert (await stores.stored(lease.job.id))["imported_contacts"] == 2
    assert await stores.actions(lease.job) == {"ada": "created", "bob": "created"}


@pytest.mark.gen_test
async def test_a_job_that_somebody_else_works_on_is_left_to_them(stores: Stores, settlement: Reconciliation) -> None:
    lease = await half_written(stores)
    await stores.taken_over(lease)
    before = await stores.stored(lease.job.id)
    await settlement.lost(lease.job)
    assert await stores.stored(lease.job.id) == before
    assert await stores.names() == ["ada", "bob"]


@pytest.mark.gen_test
async def test_what_was_written_for_an_erased_job_is_taken_back(stores: Stores, settlement: Reconciliation) -> None:
    lease = await half_written(stores)
    own = {"_id": "the app's own", "user_id": USER, "email": "eve@example.org"}
    await stores.database[CONTACTS].insert_one(own)
    await stores.database[JOBS].delete_one({"_id": lease.job.id})
    await settlement.lost(lease.job)
    assert await stores.rows() == []
    assert await stores.people() == [own]


@pytest.mark.gen_test
async def test_a_job_that_is_erased_while_it_is_being_settled_leaves_nothing(
    stores: Stores, settlement: Reconciliation
) -> None:
    lease = await half_written(stores)
    cancelled = await stores.jobs.cancel(lease.job.id, USER)
    assert cancelled
    # Its rows are about to be written; the erasure does not see them any more.
    await stores.database[JOBS].delete_one({"_id": lease.job.id})
    await settlement.settle(cancelled)
    assert (await stores.rows(), await stores.people()) == ([], [])
