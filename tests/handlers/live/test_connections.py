"""Those who hold a line: kept alive, dropped when dead, told when we stop; and nothing of them stays behind."""

import asyncio
import gc
import logging
import sys
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest
from aiohttp import WSMsgType
from tornado.iostream import IOStream
from tornado.web import RequestHandler

from everreach.jobs.job import Status
from everreach.jobs.status_document import View
from handlers.live import connections
from handlers.live.connections import HeldConnections
from handlers.status import ViewHandler, _Wait
from storage.rate_limits import RateLimits
from tests.handlers.edge import until
from tests.handlers.following import (
    KINDS,
    change,
    complete,
    events,
    following,
    next_event,
    next_state,
    running_job,
    websocket,
)
from tests.handlers.raw_line import RawLine
from tests.world import World, new_user

BEAT = 0.3
EACH = 100


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has to stand before `world`, whose heart begins at once."""
    monkeypatch.setattr(connections, "BEAT_SECONDS", BEAT)


QUICK_BEATS = pytest.mark.usefixtures("quick_beats")


def test_a_line_is_never_idle_as_long_as_a_proxy_waits() -> None:
    assert connections.BEAT_SECONDS < 30


async def beat(world: World) -> None:
    """One beat of the heart, now."""
    await world.node.services.followers._each(lambda one: one.beat())


def only_follower(world: World, job_id: str) -> Any:
    (one,) = world.node.services.hub._memory._kept[job_id].followers
    return one


@pytest.mark.gen_test
async def test_who_answers_pings_stays_and_who_does_not_is_dropped_at_the_next_beat(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with websocket(world.origin, job_id, user) as living:
        one = only_follower(world, job_id)
        await next_state(living)
        # Its client answers while it reads.
        reading = asyncio.create_task(next_state(living))
        async with websocket(world.origin, job_id, user, autoping=False) as dead:
            await next_state(dead)
            for _ in range(2):
                await beat(world)

                async def answered() -> bool:
                    return bool(one._alive)

                await until(answered)
            assert (await dead.receive(5)).type is WSMsgType.PING
            assert (await dead.receive(5)).type in {WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}
            await following(world.node, 1)
        await change(world, job_id)
        assert (await reading)["version"] == 3
        assert only_follower(world, job_id) is one


@QUICK_BEATS
@pytest.mark.gen_test
async def test_comments_keep_an_event_stream_open(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with events(world.origin, job_id, user) as answer:
        told = [await next_event(answer) for _ in range(4)]
        assert [sorted(fields) for fields in told] == [["data", "id"], [""], [""], [""]]
        await change(world, job_id)
        while (fields := await next_event(answer)) == {"": ""}:
            pass
        assert fields["id"] == "3"


@pytest.mark.parametrize("kind", ["ws", "events"])
@pytest.mark.gen_test
async def test_who_does_not_read_for_a_while_is_dropped(world: World, kind: str) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    line = RawLine(world.config.port, buffer=4096)
    await line.ask(kind, job_id, user)
    await following(world.node, 1)
    one = only_follower(world, job_id)
    # More than the two sockets' buffers hold, in states of 60 KB.
    for version in range(3, 300):
        one.show(View(user, version, Status.PROCESSING, b"x" * 60_000))
    await beat(world)
    await beat(world)
    await following(world.node, 0)
    await beat(world)
    line.abort()


class Held:
    """A line that counts what it is told."""

    kind = "websocket"

    def __init__(self) -> None:
        self.beats = self.leaves = 0

    def beat(self) -> None:
        self.beats += 1

    def leave(self) -> None:
        self.leaves += 1


def hold(stack: ExitStack, several: HeldConnections) -> Held:
    one = Held()
    stack.enter_context(several.holding(one))
    return one


@pytest.mark.gen_test
async def test_all_are_dismissed_and_so_is_whoever_comes_later() -> None:
    several, late, gone = HeldConnections(), Held(), Held()
    several.start()
    with ExitStack() as stack:
        many = [hold(stack, several) for _ in range(1000)]
        with several.holding(gone):
            assert len(several) == 1001
        await several.dismiss()
        with several.holding(late):
            pass
    assert {one.leaves for one in (*many, late)} == {1}
    assert len(several) == 0
    assert gone.leaves == 0
    assert several._beating
    assert several._beating.done()


@pytest.mark.gen_test
async def test_every_line_has_every_beat_and_others_get_their_turn_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BEAT_SECONDS", 0.01)
    several, turns = HeldConnections(), 0
    with ExitStack() as stack:
        many = [hold(stack, several) for _ in range(1000)]
        several.start()
        while not many[-1].beats:
            turns += many[0].beats
            await asyncio.sleep(0)
        assert turns >= 4
        assert {one.beats for one in many} == {1}
        await several.dismiss()


def tasks() -> Counter[str]:
    """How many run of each kind."""
    return Counter(str(task.get_coro()).split()[2] for task in asyncio.all_tasks())


def timers() -> int:
    """How many are to ring later than anything that this server does by itself."""
    loop: Any = asyncio.get_running_loop()
    return sum(not timer.cancelled() and timer.when() > loop.time() + 10 for timer in loop._scheduled)


def objects() -> int:
    """How many handlers, waits and sockets there are."""
    gc.collect()
    return sum(isinstance(one, (RequestHandler, IOStream, _Wait)) for one in gc.get_objects())


async def nobody_left(world: World, before: Counter[str]) -> None:
    """Wait until there is no follower, and no task of one."""
    await following(world.node, 0)

    async def no_task() -> bool:
        return tasks() <= before

    await until(no_task)
    assert world.node.services.hub._memory._kept == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.gen_test
async def test_who_goes_before_being_let_in_is_never_held(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    before, timers_before = tasks(), timers()
    asked, go_on, noticed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    hit, on_connection_close = RateLimits.hit, ViewHandler.on_connection_close

    async def slow(*args: Any) -> None:
        asked.set()
        await go_on.wait()
        await hit(*args)

    def noticing(handler: ViewHandler) -> None:
        on_connection_close(handler)
        noticed.set()

    monkeypatch.setattr(RateLimits, "hit", slow)
    monkeypatch.setattr(ViewHandler, "on_connection_close", noticing)
    line = RawLine(world.config.port)
    await line.ask(kind, job_id, user)
    await asked.wait()
    line.abort()
    await noticed.wait()
    go_on.set()
    # Sooner than an alarm of theirs would ring.
    async with asyncio.timeout(40):
        await nobody_left(world, before)
    assert timers() <= timers_before


async def come_and_go(world: World, job_id: str, user: str) -> None:
    """So many of each kind follow, are shown a state, and abort their sockets."""
    lines = [(kind, RawLine(world.config.port)) for kind in KINDS for _ in range(EACH)]
    await asyncio.gather(*(line.ask(kind, job_id, user) for kind, line in lines))
    await following(world.node, len(lines))
    assert timers() >= len(lines)
    for place, (_, line) in enumerate(lines):
        line.abort()
        if place == len(lines) // 2:
            # Some of those who are gone are told of this before anybody knows that they are.
            await change(world, job_id)


@pytest.mark.gen_test(timeout=170)
async def test_three_hundred_who_abort_leave_nothing_behind(world: World, caplog: pytest.LogCaptureFixture) -> None:
    user = new_user()
    jobs = [await running_job(world, user) for _ in range(5)]
    await world.status(jobs[0], user)
    before, timers_before = tasks(), timers()
    caplog.set_level(logging.INFO)
    # The first three hundred fill what is kept for everybody: pools, caches, buffers.
    await come_and_go(world, jobs[0], user)
    await nobody_left(world, before)
    # What anybody asked is logged once, and nothing is said of how it ended.
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert [message for message in caplog.messages if not message.startswith("GET ")] == []
    assert len(caplog.messages) <= 3 * EACH
    caplog.clear()
    # The test's own memory of the log would count as ours.
    caplog.set_level(logging.WARNING)
    grown = []
    for job_id in jobs[1:]:
        objects_before, blocks_before = objects(), sys.getallocatedblocks()
        await come_and_go(world, job_id, user)
        await nobody_left(world, before)
        assert objects() <= objects_before
        # On a busy machine one that was there before may have come near its end.
        assert timers() <= timers_before
        grown.append(sys.getallocatedblocks() - blocks_before)
        # Others in this process fill their pools now and then; what is lost with each follower is lost each time.
        if grown[-1] < 3 * EACH * 5:
            break
    assert min(grown) < 3 * EACH * 5, grown
    assert caplog.messages == []
    await complete(world, jobs[1])
    # Whoever asks afterwards is told the truth, as soon as the change stream has brought it.
    assert (await world.ended(jobs[1], user))["status"] == "completed"
