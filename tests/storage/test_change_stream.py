"""The change stream: every change that somebody may see, on whatever node; and a word where one may be missing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from everreach.jobs.job import Job, Status
from storage import change_stream
from storage.change_stream import Gone, JobChanges, Sign, Told
from storage.indexes import JOBS
from storage.mongo import Database, connect
from tests.handlers.edge import until
from tests.storage.builders import LONG_AGO, USER, Stores, failing, people

HISTORY_LOST = {"errorCode": 286}
HANG_UP = {"closeConnection": True}


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_stream, "LIFE_SECONDS", 0.1)
    monkeypatch.setattr(change_stream, "_PAUSE_SECONDS", 0.1)


class Heard:
    """All that the stream said."""

    def __init__(self) -> None:
        self.all: list[Told] = []
        self._more = asyncio.Event()

    async def listen(self, told: AsyncIterator[Told]) -> None:
        async for one in told:
            self.all.append(one)
            self._more.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(40):
            while not condition():
                self._more.clear()
                await self._more.wait()

    async def current(self) -> None:
        """Wait until every change until now was told."""
        # One may be on its way that was said before the last change.
        for _ in range(2):
            before = len(self.all)
            await self.until(lambda before=before: Sign.CURRENT in self.all[before:])  # type: ignore[misc]

    def versions(self, job_id: str) -> list[int]:
        return [one.version for one in self.all if isinstance(one, Job) and one.id == job_id]

    def signs(self) -> list[Sign]:
        """But for that all is well."""
        return [one for one in self.all if isinstance(one, Sign) and one is not Sign.CURRENT]


@asynccontextmanager
async def listening(stores: Stores) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(heard.listen(JobChanges(stores.database).follow()))
    try:
        await heard.until(lambda: Sign.CURRENT in heard.all)
        yield heard
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def streams(database: Database) -> int:
    """How many change streams the database keeps open for this one, whether one is asked for more just now or not."""
    looking = {"$currentOp": {"allUsers": True, "idleCursors": True}}
    ours = {"$match": {"cursor.tailable": True, "ns": f"{database.name}.{JOBS}"}}
    return len(await database.client.admin.aggregate([looking, ours]).to_list(None))


async def next_answer(told: AsyncGenerator[Told, None]) -> None:
    """Cut off while the database is asked for more."""
    asking = asyncio.ensure_future(anext(told))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def nothing(_: AsyncGenerator[Told, None]) -> None:
    """Cut off while nothing is asked."""


@pytest.mark.parametrize("awaiting", [next_answer, nothing])
@pytest.mark.gen_test
async def test_a_node_that_stops_leaves_nothing_open_in_the_database(
    database: Database, database_uri: str, awaiting: Callable[[AsyncGenerator[Told, None]], Awaitable[None]]
) -> None:
    node = connect(database_uri)
    async with aclosing(JobChanges(node).follow()) as told:
        assert await anext(told) is Sign.GAP
        assert await streams(database) == 1
        await awaiting(told)
    node.client.close()

    async def none_is_left() -> bool:
        return not await streams(database)

    await until(none_is_left, 5)


@pytest.mark.gen_test
async def test_it_begins_with_a_gap_and_tells_each_version_once(stores: Stores) -> None:
    earlier = await stores.fetching()
    async with listening(stores) as heard:
        assert heard.all[0] is Sign.GAP
        assert not heard.versions(earlier.id)
        lease = await stores.leased()
        for number in range(3):
            await stores.commit(lease, people(f"p{number}"))
        await stores.jobs.cancel(lease.job.id, USER)
        await heard.current()
        stored = await stores.jobs.get(lease.job.id, USER)
        assert stored
        versions = heard.versions(lease.job.id)
        # A change may be told as what came right after it; the last one is always there.
        assert versions == sorted(versions)
        assert versions[-1] == stored.version
        assert len(versions) >= 4
        assert heard.signs() == [Sign.GAP]


@pytest.mark.gen_test
async def test_what_nobody_sees_is_not_told_and_no_secret_travels(stores: Stores) -> None:
    async with listening(stores) as heard:
        lease = await stores.leased()
        await stores.put(lease.job.id, version=lease.job.version + 1)
        await heard.current()
        told = [one for one in heard.all if isinstance(one, Job)]
        assert told
        for one in told:
            assert (one.access_token, one.refresh_token, one.pkce_verifier) == (None, None, None)
        before = len(told)
        await stores.leases.renew(lease)
        await stores.abandon(lease.job.id)
        await heard.current()
        assert len([one for one in heard.all if isinstance(one, Job)]) == before
        assert (await stores.stored(lease.job.id))["access_token"]


@pytest.mark.gen_test
async def test_a_job_written_whole_is_told_and_one_that_is_gone_is_no_hindrance(stores: Stores) -> None:
    async with listening(stores) as heard:
        job = await stores.fetching()
        document = await stores.stored(job.id)
        # So does the database itself log an update that changes more than it keeps.
        await stores.database[JOBS].replace_one({"_id": job.id}, {**document, "version": 70, "created_at": LONG_AGO})
        await heard.until(lambda: heard.versions(job.id)[-1:] == [70])
        await stores.put(job.id, version=71)
        await stores.database[JOBS].delete_one({"_id": job.id})
        other = await stores.fetching()
        await heard.until(lambda: other.version in heard.versions(other.id))
        assert heard.signs() == [Sign.GAP]


@pytest.mark.gen_test
async def test_a_job_that_another_version_wrote_keeps_no_other_from_being_told(stores: Stores) -> None:
    strange, plain = await stores.fetching(), await stores.fetching()
    async with listening(stores) as heard:
        await stores.put(strange.id, version=10, status="invented later")
        await stores.put(plain.id, version=10, status=Status.COMPLETED)
        await heard.until(lambda: heard.versions(plain.id) == [10])
        assert heard.versions(strange.id) == []
        assert heard.signs() == [Sign.GAP]


async def changed(stores: Stores, job: Job, *versions: int) -> None:
    for version in versions:
        await stores.put(job.id, version=version)


@pytest.mark.parametrize("fault", [HANG_UP, {"errorCode": 43}], ids=["hang-up", "cursor-lost"])
@pytest.mark.gen_test
async def test_a_stream_that_breaks_goes_on_where_it_was(stores: Stores, fault: dict[str, Any]) -> None:
    job = await stores.fetching()
    async with listening(stores) as heard:
        await changed(stores, job, 10)
        await heard.until(lambda: heard.versions(job.id)[-1:] == [10])
        async with failing(stores.database, "getMore", "aggregate", **fault):
            await changed(stores, job, 11, 12)
            await heard.until(lambda: Sign.BEHIND in heard.all)
            await changed(stores, job, 13)
            assert Sign.CURRENT not in heard.all[heard.all.index(Sign.BEHIND) :]
        await heard.until(lambda: heard.versions(job.id)[-1:] == [13])
        # Nothing was missed, so that nothing has to be read again.
        assert Sign.GAP not in heard.all[1:]
        assert heard.versions(job.id)[-4:] == sorted(heard.versions(job.id)[-4:])


@pytest.mark.gen_test
async def test_a_stream_whose_place_is_forgotten_begins_anew_and_says_so(stores: Stores) -> None:
    job = await stores.fetching()
    async with listening(stores) as heard:
        async with failing(stores.database, "getMore", "aggregate", **HISTORY_LOST):
            await heard.until(lambda: Sign.BEHIND in heard.all)
            await changed(stores, job, 10)
        await heard.until(lambda: Sign.GAP in heard.all[1:])
        await changed(stores, job, 11)
        await heard.until(lambda: heard.versions(job.id) == [11])
        assert heard.signs()[-1] is Sign.GAP


@pytest.mark.gen_test
async def test_it_tells_which_jobs_are_gone_and_nothing_of_them(stores: Stores) -> None:
    job, other = await stores.fetching(), await stores.fetching()
    async with listening(stores) as heard:
        await stores.database[JOBS].delete_one({"_id": job.id})
        await heard.current()
        assert [one for one in heard.all if isinstance(one, Gone)] == [Gone(job.id)]
        assert not heard.versions(other.id)
