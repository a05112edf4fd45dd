"""Raw data goes when its time is over: that of contacts that were left out, and nothing else of anybody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everreach.jobs.job import Lease, Tally
from storage import raw_data as module
from storage.indexes import JOBS, LEDGER
from storage.raw_data import RawData
from tests.storage.builders import LONG_AGO, STRANGER, USER, Stores, entry, people, unreadable
from tests.storage.test_indexes import used, watched

BEFORE = datetime(2021, 1, 1, tzinfo=UTC)


@pytest.fixture
def raw_data(stores: Stores) -> RawData:
    return RawData(stores.database)


async def running(stores: Stores, user: str = USER) -> Lease:
    """A job with a contact that was created, two that were skipped and one that failed."""
    lease = await stores.leased(user)
    await stores.commit(lease, [*people("ada"), entry("twin", "ada@example.org"), entry("mute"), unreadable("odd")])
    return lease


async def ended(stores: Stores, user: str = USER, moment: datetime = LONG_AGO) -> str:
    """The same job, which completed at this moment."""
    lease = await running(stores, user)
    await stores.leases.finish(lease, Tally())
    return await aged(stores, lease.job.id, moment)


async def aged(stores: Stores, job_id: str, moment: datetime = LONG_AGO) -> str:
    await stores.database[LEDGER].update_many({"import_job_id": job_id}, {"$set": {"created_at": moment}})
    await stores.put(job_id, completed_at=moment)
    return job_id


async def kept(stores: Stores, job_id: str) -> set[str]:
    return {row["provider_contact_id"] for row in await stores.rows(import_job_id=job_id) if row["raw_data"]}


async def forget_all(raw_data: RawData, before: datetime = BEFORE) -> int:
    return sum([await raw_data.forget(job, before) for job in await raw_data.due(before, 100)])


@pytest.mark.gen_test
async def test_what_was_sent_is_forgotten_and_what_became_of_it_is_not(stores: Stores, raw_data: RawData) -> None:
    job_id = await ended(stores)
    rows, job = await stores.rows(), await stores.stored(job_id)
    assert await kept(stores, job_id) == {"twin", "mute", "odd"}
    assert await forget_all(raw_data) == 3
    assert await stores.rows() == [{**row, "raw_data": None} for row in rows]
    assert await stores.stored(job_id) == {**job, "raw_forgotten": True}
    # Nobody who follows the job is woken, and its counters are those of its rows.
    present = await stores.jobs.get(job_id, USER)
    assert present
    counts = await stores.ledger.count(present)
    assert counts == {name: job[name] for name in counts}


@pytest.mark.gen_test
async def test_it_is_done_once(stores: Stores, raw_data: RawData) -> None:
    await ended(stores)
    (job,) = await raw_data.due(BEFORE, 100)
    assert [await raw_data.forget(job, BEFORE) for _ in range(2)] == [3, 0]
    assert await raw_data.due(BEFORE, 100) == []


@pytest.mark.gen_test
async def test_a_younger_job_and_one_that_has_not_ended_keep_theirs(stores: Stores, raw_data: RawData) -> None:
    young, old = await ended(stores, moment=BEFORE), await ended(stores, STRANGER, BEFORE - timedelta(seconds=1))
    at_work = (await running(stores)).job.id
    await stores.database[LEDGER].update_many({"import_job_id": at_work}, {"$set": {"created_at": LONG_AGO}})
    assert [job.id for job in await raw_data.due(BEFORE, 100)] == [old]
    assert await forget_all(raw_data) == 3
    # The books are one and the same, so that this one was left out whole.
    assert [len(await kept(stores, job_id)) for job_id in (young, old, at_work)] == [3, 0, 4]


@pytest.mark.gen_test
async def test_of_many_the_oldest_comes_first(stores: Stores, raw_data: RawData) -> None:
    ids = [await ended(stores, moment=LONG_AGO + timedelta(days=days)) for days in (3, 1, 2)]
    assert [job.id for job in await raw_data.due(BEFORE, 2)] == [ids[1], ids[2]]


@pytest.mark.gen_test
async def test_a_job_that_is_retried_meanwhile_keeps_what_is_new_until_its_next_end(
    stores: Stores, raw_data: RawData
) -> None:
    lease = await running(stores)
    await stores.leases.fail(lease, "It failed.", await stores.ledger.count(lease.job))
    job_id = await aged(stores, lease.job.id)
    assert await forget_all(raw_data) == 3
    assert await stores.jobs.retry(job_id, USER)
    again = await stores.started(stores.leases, lease.job)
    await stores.commit(again, [entry("quiet")])
    # Somebody who had read it before it was retried comes late.
    assert await raw_data.forget(module.EndedJob(job_id, USER, LONG_AGO), BEFORE) == 0
    await stores.leases.finish(again, Tally())
    assert await kept(stores, job_id) == {"quiet"}
    await aged(stores, job_id)
    assert await forget_all(raw_data) == 1
    assert await kept(stores, job_id) == set()


@pytest.mark.gen_test
async def test_it_reaches_nobody_else_and_goes_on_in_batches(
    stores: Stores, raw_data: RawData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    mine, theirs = await ended(stores), await ended(stores, STRANGER)
    (job,) = [job for job in await raw_data.due(BEFORE, 100) if job.id == mine]
    assert await raw_data.forget(job, BEFORE) == 3
    assert len(await kept(stores, theirs)) == 3


@pytest.mark.parametrize("broken", [{"user_id": None}, {"status": 7}, {"version": "x"}])
@pytest.mark.gen_test
async def test_a_job_that_cannot_be_read_keeps_no_other_waiting(
    stores: Stores, raw_data: RawData, broken: dict[str, Any]
) -> None:
    await stores.put(await ended(stores), **broken)
    other = await ended(stores, STRANGER)
    await forget_all(raw_data)
    assert await kept(stores, other) == set()
    assert await raw_data.due(BEFORE, 100) == []


@pytest.mark.gen_test
async def test_nothing_is_scanned_for_it_and_no_row_has_an_index_of_its_own(stores: Stores, raw_data: RawData) -> None:
    for _ in range(3):
        await ended(stores)
    (search,) = await watched(stores.database, JOBS, raw_data.due(BEFORE, 1))
    assert await used(stores.database, search) == {"raw_data"}
    assert search["docsExamined"] == 1
    (job, *_) = await raw_data.due(BEFORE, 1)
    search, update = await watched(stores.database, LEDGER, raw_data.forget(job, BEFORE))
    assert await used(stores.database, search) == {"outcome"}
    assert (search["docsExamined"], update["nModified"]) == (3, 3)
    assert set(await stores.database[LEDGER].index_information()) == {"_id_", "once", "outcome"}
    await forget_all(raw_data)
    *_, search = await watched(stores.database, JOBS, raw_data.due(BEFORE, 1))
    assert (search["keysExamined"], search["docsExamined"]) == (0, 0)
