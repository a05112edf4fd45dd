"""What is to be tidied is tidied, whatever is wrong with some of it."""

import asyncio

import pytest

from everreach.concurrency import poller
from everreach.engine.housekeeping import Housekeeping
from everreach.errors import DatabaseAwayError, DatabaseError
from everreach.jobs.job import Job, Status
from storage.mongo import Database
from tests.storage.builders import LONG_AGO, Stores


class Settling:
    """A settlement that fails for some, and counts how often it was asked for each."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.asked: list[str] = []

    async def settle(self, job: Job) -> None:
        self.asked.append(job.id)
        if error := self.errors.get(job.id):
            raise error
        raise AssertionError("only those that fail are to be settled here")


async def cancelled(stores: Stores) -> str:
    """A cancelled job that nobody has settled."""
    job = await stores.fetching()
    await stores.put(job.id, status=Status.CANCELLED, not_before=LONG_AGO)
    return job.id


@pytest.mark.parametrize("error", [DatabaseError(), DatabaseAwayError(), ValueError("ada@private.example")])
@pytest.mark.gen_test
async def test_one_that_cannot_be_tidied_keeps_no_other_untidy(
    database: Database, monkeypatch: pytest.MonkeyPatch, log_lines: list[str], error: Exception
) -> None:
    monkeypatch.setattr(poller, "SCAN_SECONDS", 0.05)
    stores = Stores(database)
    stuck = await cancelled(stores)
    waiting = await stores.waiting()
    await stores.abandon(waiting.job_id)
    settling = Settling(**{stuck: error})
    tidying = Housekeeping(stores.jobs, settling.settle)
    tidying.start()
    async with asyncio.timeout(40):
        while (await stores.stored(waiting.job_id))["status"] != "failed":
            await asyncio.sleep(0.02)
    await tidying.stop()
    # It rests meanwhile, and is not tried at each look.
    assert settling.asked == [stuck]
    assert "private" not in "".join(log_lines)


@pytest.mark.gen_test
async def test_a_database_that_refuses_is_not_asked_for_everything_at_once(
    database: Database,
) -> None:
    stores = Stores(database)
    ids = [await cancelled(stores) for _ in range(12)]
    settling = Settling(**dict.fromkeys(ids, DatabaseError()))
    tidying = Housekeeping(stores.jobs, settling.settle)
    with pytest.raises(DatabaseError):
        await tidying._look()
    assert len(settling.asked) == 5
    with pytest.raises(DatabaseError):
        await tidying._look()
    assert len(set(settling.asked)) == 10
