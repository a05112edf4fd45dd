"""A node forgets raw data in time, whatever befalls one job, and only where it is told for how long to keep it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from everreach.errors import DatabaseError
from everreach.maintenance import retention as module
from everreach.maintenance.retention import Retention
from storage.mongo import Database
from storage.raw_data import EndedJob, RawData
from tests.storage.builders import STRANGER, USER, Stores
from tests.storage.test_raw_data import aged, ended, kept
from tests.world import World, new_user

KEPT = timedelta(days=90)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database)


@asynccontextmanager
async def running(retention: Retention) -> AsyncIterator[None]:
    retention.start()
    yield
    await retention.stop()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0.01)


@pytest.mark.gen_test
async def test_what_is_over_its_time_goes_while_a_node_runs(stores: Stores) -> None:
    async with running(Retention(RawData(stores.database), KEPT)):
        for user in (USER, STRANGER):
            job_id = await ended(stores, user)

            async def forgotten(job_id: str = job_id) -> bool:
                return not await kept(stores, job_id)

            await until(forgotten)


@pytest.mark.parametrize("error", [ValueError, DatabaseError])
@pytest.mark.gen_test
async def test_a_job_that_cannot_be_tidied_keeps_no_other_waiting(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, log_lines: list[str], error: type[Exception]
) -> None:
    cursed, other = await ended(stores), await ended(stores, STRANGER)
    forget = RawData.forget

    async def failing(self: RawData, job: EndedJob, *rest: object) -> int:
        if job.id == cursed:
            raise error("ada@private.example")
        return await forget(self, job, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(RawData, "forget", failing)

    async def forgotten() -> bool:
        return not await kept(stores, other)

    async with running(Retention(RawData(stores.database), KEPT)):
        await until(forgotten)
    assert len(await kept(stores, cursed)) == 3
    assert any(cursed in line and error.__name__ in line for line in log_lines)
    assert not any("private" in line for line in log_lines)


@pytest.mark.gen_test
async def test_more_than_a_look_takes_are_taken_at_once(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600)
    monkeypatch.setattr(module, "_DUE_LIMIT", 1)
    jobs = [await ended(stores, user) for user in (USER, STRANGER)]

    async def forgotten() -> bool:
        return not any([await kept(stores, job_id) for job_id in jobs])

    async with running(Retention(RawData(stores.database), KEPT)):
        await until(forgotten)


@pytest.mark.settings(ledger_retention="1d")
@pytest.mark.gen_test
async def test_a_server_does_it_by_itself(world: World) -> None:
    stores, user = Stores(world.database), new_user()
    job_id = await world.consent("google", user)
    await world.ended(job_id, user)
    assert await kept(stores, job_id)
    await aged(stores, job_id)

    async def forgotten() -> bool:
        return not await kept(stores, job_id)

    await until(forgotten)


@pytest.mark.settings(ledger_retention="off")
@pytest.mark.gen_test
async def test_a_server_that_is_to_keep_it_for_ever_does_not_look(world: World) -> None:
    assert not [task for task in asyncio.all_tasks() if "raw data" in task.get_name()]
