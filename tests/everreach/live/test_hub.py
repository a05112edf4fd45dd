"""The hub: memory answers only where it is fresh, strangers learn and spoil nothing, and no follower sticks."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest
from tornado.ioloop import IOLoop

from everreach.errors import DatabaseAwayError, JobNotFoundError
from everreach.jobs.job import Job, Status
from everreach.jobs.status_document import View
from everreach.live import freshness, memory
from everreach.live.change_feed import ChangeFeed
from everreach.live.hub import FRAME_SECONDS, Hub
from everreach.observability.metrics import STREAM_HEARTBEAT
from storage.change_stream import Gone, Sign, Told
from storage.jobs import JobStore
from tests.handlers.edge import until

OWNER, STRANGER = str(uuid.uuid4()), str(uuid.uuid4())
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(version: int, status: Status = Status.PROCESSING, id_: str = "a") -> Job:
    return Job(id=id_, user_id=OWNER, provider="google", status=status, version=version, created_at=NOW, updated_at=NOW)


class Jobs:
    """A database of jobs that counts how often it is asked, and answers when it may."""

    def __init__(self) -> None:
        self.stored: dict[str, Job] = {}
        self.reads = 0
        self.away = False
        self.answering = asyncio.Event()
        self.answering.set()

    def put(self, *jobs: Job) -> None:
        self.stored.update({one.id: one for one in jobs})

    async def get(self, job_id: str, user_id: str) -> Job | None:
        self.reads += 1
        found = self.stored.get(job_id)
        await self.answering.wait()
        if self.away:
            raise DatabaseAwayError
        return found if found and found.user_id == user_id else None

    async def these(self, job_ids: list[str]) -> dict[str, Job | None]:
        self.reads += 1
        if self.away:
            raise DatabaseAwayError
        return {job_id: self.stored[job_id] for job_id in job_ids if job_id in self.stored}


class Scene:
    """A hub whose change stream is the test."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        self.closed = False
        self._told: asyncio.Queue[Told] = asyncio.Queue()
        self.demand = ChangeFeed(self._changes)
        self.demand.joined()
        self.hub = Hub(cast("JobStore", self.jobs), self.demand)
        self.hub.start()

    async def _changes(self) -> AsyncGenerator[Told, None]:
        try:
            while True:
                yield await self._told.get()
                self._told.task_done()
        finally:
            self.closed = True

    async def tell(self, *told: Told) -> None:
        """Tell, and wait until all was heard."""
        for one in told:
            self._told.put_nowait(one)
        await asyncio.wait_for(self._told.join(), 40)

    async def fresh(self, *jobs: Job) -> None:
        """The stream is open, and these are known."""
        self.jobs.put(*jobs)
        await self.tell(Sign.GAP, Sign.CURRENT)
        for one in jobs:
            await self.hub.view(one.id, OWNER)
        self.jobs.reads = 0

    async def version(self, user: str = OWNER, id_: str = "a") -> int:
        return (await self.hub.view(id_, user)).version


class Seer:
    """A follower that remembers what it was shown, and when."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.at: list[float] = []
        self.dismissed = asyncio.Event()

    def show(self, view: View) -> None:
        self.seen.append(view.version)
        self.at.append(time.monotonic())

    def gone(self) -> None:
        self.dismissed.set()

    async def saw(self, version: int) -> None:
        async def newest() -> bool:
            return self.seen[-1:] == [version]

        await until(newest)


@pytest.fixture
def scene(io_loop: IOLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    # However busy the machine is, the stream's word counts as long as a test goes on.
    monkeypatch.setattr(freshness, "STALE_SECONDS", 600.0)

    async def made() -> Scene:
        return Scene()

    scene: Scene = io_loop.run_sync(made)
    yield scene
    io_loop.run_sync(scene.hub.stop)


@pytest.mark.gen_test
async def test_memory_answers_while_the_stream_says_that_it_is_fresh(scene: Scene) -> None:
    await scene.fresh(job(1))
    assert [await scene.version() for _ in range(10)] == [1] * 10
    await scene.tell(job(2))
    assert (await scene.version(), scene.jobs.reads) == (2, 0)
    # What was told before is older than what is known.
    await scene.tell(job(1))
    assert (await scene.version(), scene.jobs.reads) == (2, 0)


@pytest.mark.parametrize("status", [Status.PENDING, Status.AUTHENTICATING, Status.FAILED])
@pytest.mark.gen_test
async def test_what_another_node_may_end_at_any_moment_is_always_read(scene: Scene, status: Status) -> None:
    await scene.fresh(job(1, status))
    scene.jobs.put(job(2, Status.FETCHING))
    assert (await scene.version(), scene.jobs.reads) == (2, 1)


@pytest.mark.gen_test
async def test_before_the_stream_is_open_and_while_it_is_broken_the_database_answers(scene: Scene) -> None:
    scene.jobs.put(job(1))
    for version in (1, 2):
        scene.jobs.put(job(version))
        assert await scene.version() == version
    await scene.fresh(job(3))
    await scene.tell(Sign.BEHIND)
    for version in (4, 5):
        scene.jobs.put(job(version))
        assert await scene.version() == version
    # It is open again, and tells what was missed: one change says nothing of the others.
    scene.jobs.put(job(8))
    await scene.tell(job(6))
    assert await scene.version() == 8
    scene.jobs.put(job(9))
    await scene.tell(job(7), job(8))
    assert await scene.version() == 9
    scene.jobs.reads = 0
    await scene.tell(job(9), Sign.CURRENT)
    assert (await scene.version(), scene.jobs.reads) == (9, 0)


@pytest.mark.gen_test
async def test_a_stream_that_says_nothing_for_a_while_counts_as_broken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.fresh(job(1), job(1, id_="b"))
    scene.jobs.put(job(2))
    monkeypatch.setattr(freshness, "STALE_SECONDS", 0.0)
    assert await scene.version() == 2
    # And one change does not make it fresh again: the driver may have opened it anew without a word.
    monkeypatch.setattr(freshness, "STALE_SECONDS", 0.05)
    await asyncio.sleep(0.06)
    scene.jobs.put(job(3))
    await scene.tell(job(2, id_="b"))
    assert await scene.version() == 3


@pytest.mark.gen_test
async def test_while_nobody_needs_the_stream_the_database_answers_and_no_lag_grows(scene: Scene) -> None:
    await scene.fresh(job(1))
    await asyncio.sleep(0.01)
    assert STREAM_HEARTBEAT.age() > 0
    await scene.tell(Sign.OVER)
    assert STREAM_HEARTBEAT.age() == 0
    scene.jobs.put(job(2))
    assert (await scene.version(), await scene.version(), scene.jobs.reads) == (2, 2, 2)


@pytest.mark.gen_test
async def test_who_follows_and_who_polls_make_demand(scene: Scene) -> None:
    scene.demand.left()
    await scene.fresh(job(1))
    assert scene.demand._followers == 0
    with scene.hub.following("a", Seer()):
        assert scene.demand._followers == 1
    assert scene.demand._followers == 0
    before = scene.demand._polls
    await scene.version()
    assert scene.demand._polls == before + 1


@pytest.mark.gen_test
async def test_a_stranger_learns_nothing_and_spoils_nothing(scene: Scene) -> None:
    await scene.fresh(job(1))
    seer = Seer()
    with scene.hub.following("a", seer):
        for _ in range(3):
            with pytest.raises(JobNotFoundError):
                await scene.version(STRANGER)
            with pytest.raises(JobNotFoundError):
                await scene.version(id_="unknown")
        assert (await scene.version(), scene.jobs.reads) == (1, 3)
        await scene.tell(Sign.BEHIND)
        with pytest.raises(JobNotFoundError):
            await scene.version(STRANGER)
        await scene.tell(Sign.CURRENT, job(2))
        await seer.saw(2)
    assert scene.hub._memory._kept == {}
    assert set(scene.hub._memory._recent) == {"a"}


@pytest.mark.gen_test
async def test_a_change_told_during_the_look_is_not_lost_whatever_a_stranger_does_meanwhile(scene: Scene) -> None:
    await scene.fresh()
    scene.jobs.put(job(1))
    scene.jobs.answering.clear()
    looking = asyncio.create_task(scene.version())
    await asyncio.sleep(0)
    prying = asyncio.create_task(scene.version(STRANGER))
    await asyncio.sleep(0)
    prying.cancel()
    await scene.tell(job(2))
    scene.jobs.answering.set()
    assert await looking == 2
    assert await scene.version() == 2
    assert scene.hub._memory._kept == {}


@pytest.mark.gen_test
async def test_what_was_read_before_a_gap_is_not_shown_after_it(scene: Scene) -> None:
    await scene.fresh(job(1, id_="b"))
    await scene.tell(Sign.BEHIND)
    scene.jobs.put(job(1))
    scene.jobs.answering.clear()
    looking = asyncio.create_task(scene.version())
    await asyncio.sleep(0)
    # The change happens while the stream is gone, and after the look: nobody will ever tell of it.
    scene.jobs.put(job(2, Status.COMPLETED))
    await scene.tell(Sign.GAP, Sign.CURRENT)
    scene.jobs.answering.set()
    assert await looking == 2
    assert await scene.version() == 2


@pytest.mark.gen_test
async def test_after_a_gap_whoever_follows_is_shown_what_was_missed(scene: Scene) -> None:
    await scene.fresh(job(1), job(1, id_="b"), job(1, id_="c"))
    seer, other = Seer(), Seer()
    with scene.hub.following("a", seer), scene.hub.following("b", other):
        await scene.tell(Sign.BEHIND)
        scene.jobs.put(job(5, Status.COMPLETED), job(7, id_="c"))
        scene.jobs.away = True
        telling = asyncio.create_task(scene.tell(Sign.GAP, Sign.CURRENT))
        await asyncio.sleep(0.05)
        assert not telling.done()
        scene.jobs.away = False
        await telling
        await seer.saw(5)
        assert other.seen == []
    # What nobody followed was forgotten.
    assert await scene.version(id_="c") == 7


@pytest.mark.gen_test
async def test_followers_are_shown_at_most_four_states_a_second_and_always_the_last(scene: Scene) -> None:
    await scene.fresh(job(1))
    seer, late = Seer(), Seer()
    with scene.hub.following("a", seer):
        began = time.monotonic()
        for version in range(2, 200):
            await scene.tell(job(version))
            await asyncio.sleep(0.003)
        with scene.hub.following("a", late):
            await scene.tell(job(200, Status.COMPLETED))
            await seer.saw(200)
            await late.saw(200)
    assert 2 <= len(seer.seen) <= 4 * (time.monotonic() - began) + 1
    assert seer.seen == sorted(set(seer.seen))
    gaps = [later - earlier for earlier, later in zip([began, *seer.at], seer.at, strict=False)]
    # Between the moment that counts and this one the machine may be busy with something else.
    assert min(gaps) > FRAME_SECONDS / 2
    # The next waits for as long, and nobody is told who has gone.
    await scene.tell(job(201))
    await asyncio.sleep(FRAME_SECONDS + 0.05)
    assert (seer.seen[-1], late.seen) == (200, [200])


@pytest.mark.gen_test
async def test_who_goes_while_the_others_are_told_is_told_no_more(scene: Scene) -> None:
    await scene.fresh(job(1))
    seers = [Seer() for _ in range(250)]
    lines = [scene.hub.following("a", seer) for seer in seers]
    for line in lines:
        line.__enter__()
    assert scene.hub.followers == 250
    await scene.tell(job(2))
    while not seers[0].seen:
        await asyncio.sleep(0)
    # They are told in parts, so that requests are answered in between.
    assert not seers[-1].seen
    for line in lines[125:]:
        line.__exit__(None, None, None)
    await seers[124].saw(2)
    assert not any(seer.seen for seer in seers[125:])
    for line in lines[:125]:
        line.__exit__(None, None, None)
    assert (scene.hub.followers, scene.hub._memory._kept) == (0, {})


@pytest.mark.gen_test
async def test_a_stop_ends_all_that_was_begun_whatever_it_is_at(scene: Scene) -> None:
    await scene.fresh(job(1), job(1, id_="b"))
    with scene.hub.following("a", Seer()):
        with scene.hub.following("b", Seer()):
            await scene.tell(job(2), job(2, id_="b"))
        # Both are told in a moment, though nobody follows one of them any more. And the stream is told of a gap.
        scene.jobs.away = True
        telling = asyncio.create_task(scene.tell(Sign.GAP))
        await asyncio.sleep(0)
        await scene.hub.stop()
    assert scene.closed
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.gen_test
async def test_what_is_remembered_has_a_bound_in_bytes(scene: Scene) -> None:
    name = "a" * (memory._BYTES // 10)
    long = [msgspec.structs.replace(job(1, id_=str(number)), provider_account_name=name) for number in range(12)]
    await scene.fresh(*long)
    assert set(scene.hub._memory._recent) == {str(number) for number in range(3, 12)}
    # One that is longer than everything is shown, and not remembered.
    await scene.tell(msgspec.structs.replace(long[-1], version=2, provider_account_name=name * 11))
    scene.jobs.put(msgspec.structs.replace(long[-1], version=3, provider_account_name=name * 11))
    assert await scene.version(id_="11") == 3
    assert set(scene.hub._memory._recent) == {str(number) for number in range(3, 11)}


@pytest.mark.gen_test
async def test_a_job_that_was_deleted_is_forgotten_at_once_and_nobody_follows_it(scene: Scene) -> None:
    await scene.fresh(job(1), job(1, id_="b"))
    seer, other = Seer(), Seer()
    with scene.hub.following("a", seer), scene.hub.following("b", other):
        scene.jobs.stored.clear()
        await scene.tell(Gone("a"))
        async with asyncio.timeout(5):
            await seer.dismissed.wait()
        with pytest.raises(JobNotFoundError):
            await scene.version()
        assert not other.dismissed.is_set()
        # The stream may say of it what it was told before.
        await scene.tell(job(2))
        with pytest.raises(JobNotFoundError):
            await scene.version()
    # Of what nobody follows nothing is left either.
    await scene.tell(Gone("b"))
    with pytest.raises(JobNotFoundError):
        await scene.version(id_="b")
    assert set(scene.hub._memory._recent) == set()


@pytest.mark.gen_test
async def test_what_was_read_just_before_a_deletion_is_not_remembered_after_it(scene: Scene) -> None:
    await scene.fresh()
    scene.jobs.put(job(1))
    scene.jobs.answering.clear()
    looking = asyncio.create_task(scene.version())
    await asyncio.sleep(0)
    scene.jobs.stored.clear()
    await scene.tell(Gone("a"))
    scene.jobs.answering.set()
    with pytest.raises(JobNotFoundError):
        await looking
    assert set(scene.hub._memory._recent) == set()


@pytest.mark.gen_test
async def test_whoever_was_let_in_just_before_a_deletion_does_not_follow_for_ever(scene: Scene) -> None:
    await scene.fresh(job(1))
    await scene.tell(Gone("a"))
    seer = Seer()
    with scene.hub.following("a", seer):
        assert seer.dismissed.is_set()


@pytest.mark.gen_test
async def test_a_deletion_that_went_by_in_a_gap_is_noticed_and_an_unreadable_job_is_none(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.fresh(job(1), job(1, id_="b"))

    async def these(_: list[str]) -> dict[str, Job | None]:
        return {"b": None}

    monkeypatch.setattr(scene.jobs, "these", these)
    seer, other = Seer(), Seer()
    with scene.hub.following("a", seer), scene.hub.following("b", other):
        await scene.tell(Sign.GAP, Sign.CURRENT)
        async with asyncio.timeout(5):
            await seer.dismissed.wait()
        assert not other.dismissed.is_set()
