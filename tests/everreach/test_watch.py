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

from everreach import watch
from everreach.demand import Demand
from everreach.documents import View
from everreach.errors import DatabaseAwayError, JobNotFoundError
from everreach.job import Job, Status
from everreach.metrics import STREAM_SIGN
from everreach.watch import FRAME_SECONDS, Watch
from storage.changes import Gone, Sign, Told
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


class Hub:
    """A hub whose change stream is the test."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        self.closed = False
        self._told: asyncio.Queue[Told] = asyncio.Queue()
        self.demand = Demand(self._changes)
        self.demand.joined()
        self.watch = Watch(cast("JobStore", self.jobs), self.demand)
        self.watch.start()

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
            await self.watch.view(one.id, OWNER)
        self.jobs.reads = 0

    async def version(self, user: str = OWNER, id_: str = "a") -> int:
        return (await self.watch.view(id_, user)).version


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
def hub(io_loop: IOLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    # However busy the machine is, the stream's word counts as long as a test goes on.
    monkeypatch.setattr(watch, "STALE_SECONDS", 600.0)

    async def made() -> Hub:
        return Hub()

    hub: Hub = io_loop.run_sync(made)
    yield hub
    io_loop.run_sync(hub.watch.stop)


@pytest.mark.gen_test
async def test_memory_answers_while_the_stream_says_that_it_is_fresh(hub: Hub) -> None:
    await hub.fresh(job(1))
    assert [await hub.version() for _ in range(10)] == [1] * 10
    await hub.tell(job(2))
    assert (await hub.version(), hub.jobs.reads) == (2, 0)
    # What was told before is older than what is known.
    await hub.tell(job(1))
    assert (await hub.version(), hub.jobs.reads) == (2, 0)


@pytest.mark.parametrize("status", [Status.PENDING, Status.AUTHENTICATING, Status.FAILED])
@pytest.mark.gen_test
async def test_what_another_node_may_end_at_any_moment_is_always_read(hub: Hub, status: Status) -> None:
    await hub.fresh(job(1, status))
    hub.jobs.put(job(2, Status.FETCHING))
    assert (await hub.version(), hub.jobs.reads) == (2, 1)


@pytest.mark.gen_test
async def test_before_the_stream_is_open_and_while_it_is_broken_the_database_answers(hub: Hub) -> None:
    hub.jobs.put(job(1))
    for version in (1, 2):
        hub.jobs.put(job(version))
        assert await hub.version() == version
    await hub.fresh(job(3))
    await hub.tell(Sign.BEHIND)
    for version in (4, 5):
        hub.jobs.put(job(version))
        assert await hub.version() == version
    # It is open again, and tells what was missed: one change says nothing of the others.
    hub.jobs.put(job(8))
    await hub.tell(job(6))
    assert await hub.version() == 8
    hub.jobs.put(job(9))
    await hub.tell(job(7), job(8))
    assert await hub.version() == 9
    hub.jobs.reads = 0
    await hub.tell(job(9), Sign.CURRENT)
    assert (await hub.version(), hub.jobs.reads) == (9, 0)


@pytest.mark.gen_test
async def test_a_stream_that_says_nothing_for_a_while_counts_as_broken(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.fresh(job(1), job(1, id_="b"))
    hub.jobs.put(job(2))
    monkeypatch.setattr(watch, "STALE_SECONDS", 0.0)
    assert await hub.version() == 2
    # And one change does not make it fresh again: the driver may have opened it anew without a word.
    monkeypatch.setattr(watch, "STALE_SECONDS", 0.05)
    await asyncio.sleep(0.06)
    hub.jobs.put(job(3))
    await hub.tell(job(2, id_="b"))
    assert await hub.version() == 3


@pytest.mark.gen_test
async def test_while_nobody_needs_the_stream_the_database_answers_and_no_lag_grows(hub: Hub) -> None:
    await hub.fresh(job(1))
    await asyncio.sleep(0.01)
    assert STREAM_SIGN.age() > 0
    await hub.tell(Sign.OVER)
    assert STREAM_SIGN.age() == 0
    hub.jobs.put(job(2))
    assert (await hub.version(), await hub.version(), hub.jobs.reads) == (2, 2, 2)


@pytest.mark.gen_test
async def test_who_follows_and_who_polls_make_demand(hub: Hub) -> None:
    hub.demand.left()
    await hub.fresh(job(1))
    assert hub.demand._followers == 0
    with hub.watch.following("a", Seer()):
        assert hub.demand._followers == 1
    assert hub.demand._followers == 0
    before = hub.demand._polls
    await hub.version()
    assert hub.demand._polls == before + 1


@pytest.mark.gen_test
async def test_a_stranger_learns_nothing_and_spoils_nothing(hub: Hub) -> None:
    await hub.fresh(job(1))
    seer = Seer()
    with hub.watch.following("a", seer):
        for _ in range(3):
            with pytest.raises(JobNotFoundError):
                await hub.version(STRANGER)
            with pytest.raises(JobNotFoundError):
                await hub.version(id_="unknown")
        assert (await hub.version(), hub.jobs.reads) == (1, 3)
        await hub.tell(Sign.BEHIND)
        with pytest.raises(JobNotFoundError):
            await hub.version(STRANGER)
        await hub.tell(Sign.CURRENT, job(2))
        await seer.saw(2)
    assert hub.watch._kept == {}
    assert set(hub.watch._recent) == {"a"}


@pytest.mark.gen_test
async def test_a_change_told_during_the_look_is_not_lost_whatever_a_stranger_does_meanwhile(hub: Hub) -> None:
    await hub.fresh()
    hub.jobs.put(job(1))
    hub.jobs.answering.clear()
    looking = asyncio.create_task(hub.version())
    await asyncio.sleep(0)
    prying = asyncio.create_task(hub.version(STRANGER))
    await asyncio.sleep(0)
    prying.cancel()
    await hub.tell(job(2))
    hub.jobs.answering.set()
    assert await looking == 2
    assert await hub.version() == 2
    assert hub.watch._kept == {}


@pytest.mark.gen_test
async def test_what_was_read_before_a_gap_is_not_shown_after_it(hub: Hub) -> None:
    await hub.fresh(job(1, id_="b"))
    await hub.tell(Sign.BEHIND)
    hub.jobs.put(job(1))
    hub.jobs.answering.clear()
    looking = asyncio.create_task(hub.version())
    await asyncio.sleep(0)
    # The change happens while the stream is gone, and after the look: nobody will ever tell of it.
    hub.jobs.put(job(2, Status.COMPLETED))
    await hub.tell(Sign.GAP, Sign.CURRENT)
    hub.jobs.answering.set()
    assert await looking == 2
    assert await hub.version() == 2


@pytest.mark.gen_test
async def test_after_a_gap_whoever_follows_is_shown_what_was_missed(hub: Hub) -> None:
    await hub.fresh(job(1), job(1, id_="b"), job(1, id_="c"))
    seer, other = Seer(), Seer()
    with hub.watch.following("a", seer), hub.watch.following("b", other):
        await hub.tell(Sign.BEHIND)
        hub.jobs.put(job(5, Status.COMPLETED), job(7, id_="c"))
        hub.jobs.away = True
        telling = asyncio.create_task(hub.tell(Sign.GAP, Sign.CURRENT))
        await asyncio.sleep(0.05)
        assert not telling.done()
        hub.jobs.away = False
        await telling
        await seer.saw(5)
        assert other.seen == []
    # What nobody followed was forgotten.
    assert await hub.version(id_="c") == 7


@pytest.mark.gen_test
async def test_followers_are_shown_at_most_four_states_a_second_and_always_the_last(hub: Hub) -> None:
    await hub.fresh(job(1))
    seer, late = Seer(), Seer()
    with hub.watch.following("a", seer):
        began = time.monotonic()
        for version in range(2, 200):
            await hub.tell(job(version))
            await asyncio.sleep(0.003)
        with hub.watch.following("a", late):
            await hub.tell(job(200, Status.COMPLETED))
            await seer.saw(200)
            await late.saw(200)
    assert 2 <= len(seer.seen) <= 4 * (time.monotonic() - began) + 1
    assert seer.seen == sorted(set(seer.seen))
    gaps = [later - earlier for earlier, later in zip([began, *seer.at], seer.at, strict=False)]
    # Between the moment that counts and this one the machine may be busy with something else.
    assert min(gaps) > FRAME_SECONDS / 2
    # The next waits for as long, and nobody is told who has gone.
    await hub.tell(job(201))
    await asyncio.sleep(FRAME_SECONDS + 0.05)
    assert (seer.seen[-1], late.seen) == (200, [200])


@pytest.mark.gen_test
async def test_who_goes_while_the_others_are_told_is_told_no_more(hub: Hub) -> None:
    await hub.fresh(job(1))
    seers = [Seer() for _ in range(250)]
    lines = [hub.watch.following("a", seer) for seer in seers]
    for line in lines:
        line.__enter__()
    assert hub.watch.followers == 250
    await hub.tell(job(2))
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
    assert (hub.watch.followers, hub.watch._kept) == (0, {})


@pytest.mark.gen_test
async def test_a_stop_ends_all_that_was_begun_whatever_it_is_at(hub: Hub) -> None:
    await hub.fresh(job(1), job(1, id_="b"))
    with hub.watch.following("a", Seer()):
        with hub.watch.following("b", Seer()):
            await hub.tell(job(2), job(2, id_="b"))
        # Both are told in a moment, though nobody follows one of them any more. And the stream is told of a gap.
        hub.jobs.away = True
        telling = asyncio.create_task(hub.tell(Sign.GAP))
        await asyncio.sleep(0)
        await hub.watch.stop()
    assert hub.closed
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.gen_test
async def test_what_is_remembered_has_a_bound_in_bytes(hub: Hub) -> None:
    name = "a" * (watch._REMEMBERED_BYTES // 10)
    long = [msgspec.structs.replace(job(1, id_=str(number)), provider_account_name=name) for number in range(12)]
    await hub.fresh(*long)
    assert set(hub.watch._recent) == {str(number) for number in range(3, 12)}
    # One that is longer than everything is shown, and not remembered.
    await hub.tell(msgspec.structs.replace(long[-1], version=2, provider_account_name=name * 11))
    hub.jobs.put(msgspec.structs.replace(long[-1], version=3, provider_account_name=name * 11))
    assert await hub.version(id_="11") == 3
    assert set(hub.watch._recent) == {str(number) for number in range(3, 11)}


@pytest.mark.gen_test
async def test_a_job_that_was_deleted_is_forgotten_at_once_and_nobody_follows_it(hub: Hub) -> None:
    await hub.fresh(job(1), job(1, id_="b"))
    seer, other = Seer(), Seer()
    with hub.watch.following("a", seer), hub.watch.following("b", other):
        hub.jobs.stored.clear()
        await hub.tell(Gone("a"))
        async with asyncio.timeout(5):
            await seer.dismissed.wait()
        with pytest.raises(JobNotFoundError):
            await hub.version()
        assert not other.dismissed.is_set()
        # The stream may say of it what it was told before.
        await hub.tell(job(2))
        with pytest.raises(JobNotFoundError):
            await hub.version()
    # Of what nobody follows nothing is left either.
    await hub.tell(Gone("b"))
    with pytest.raises(JobNotFoundError):
        await hub.version(id_="b")
    assert set(hub.watch._recent) == set()


@pytest.mark.gen_test
async def test_what_was_read_just_before_a_deletion_is_not_remembered_after_it(hub: Hub) -> None:
    await hub.fresh()
    hub.jobs.put(job(1))
    hub.jobs.answering.clear()
    looking = asyncio.create_task(hub.version())
    await asyncio.sleep(0)
    hub.jobs.stored.clear()
    await hub.tell(Gone("a"))
    hub.jobs.answering.set()
    with pytest.raises(JobNotFoundError):
        await looking
    assert set(hub.watch._recent) == set()


@pytest.mark.gen_test
async def test_whoever_was_let_in_just_before_a_deletion_does_not_follow_for_ever(hub: Hub) -> None:
    await hub.fresh(job(1))
    await hub.tell(Gone("a"))
    seer = Seer()
    with hub.watch.following("a", seer):
        assert seer.dismissed.is_set()


@pytest.mark.gen_test
async def test_a_deletion_that_went_by_in_a_gap_is_noticed_and_an_unreadable_job_is_none(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.fresh(job(1), job(1, id_="b"))

    async def these(_: list[str]) -> dict[str, Job | None]:
        return {"b": None}

    monkeypatch.setattr(hub.jobs, "these", these)
    seer, other = Seer(), Seer()
    with hub.watch.following("a", seer), hub.watch.following("b", other):
        await hub.tell(Sign.GAP, Sign.CURRENT)
        async with asyncio.timeout(5):
            await seer.dismissed.wait()
        assert not other.dismissed.is_set()
