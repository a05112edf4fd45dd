"""When there is a change stream: from the first who follows until a while after the last, and while many poll."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace

import pytest

from everreach.live import change_feed
from everreach.live.change_feed import COUNTED_SECONDS, LINGER_SECONDS, POLLS, ChangeFeed
from storage.change_stream import Sign, Told
from tests.handlers.edge import until


class Stream:
    """A change stream on which nothing ever changes, and whether it is open."""

    def __init__(self) -> None:
        self.open = False
        self.opened = 0

    async def follow(self) -> AsyncGenerator[Told, None]:
        self.open, self.opened = True, self.opened + 1
        try:
            yield Sign.GAP
            while True:
                yield Sign.CURRENT
                await asyncio.sleep(0)
        finally:
            self.open = False


@asynccontextmanager
async def listening(needed: ChangeFeed) -> AsyncIterator[list[Told]]:
    """What is heard, but for that all is well."""
    heard: list[Told] = []

    async def listen() -> None:
        async with aclosing(needed.changes()) as changes:
            async for told in changes:
                heard.extend(() if told is Sign.CURRENT else (told,))

    task = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be moved by hand."""
    now = [1000.0]
    monkeypatch.setattr(change_feed, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


async def turned(stream: Stream, *, on: bool) -> None:
    async def so() -> bool:
        return stream.open is on

    await until(so)


async def unmoved(stream: Stream, *, on: bool) -> None:
    """It is, and stays, as it is when everybody had a turn."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert stream.open is on


@pytest.mark.gen_test
async def test_nobody_follows_and_nothing_is_opened() -> None:
    stream = Stream()
    async with listening(ChangeFeed(stream.follow)):
        await unmoved(stream, on=False)


@pytest.mark.gen_test
async def test_the_first_who_follows_opens_it_and_it_outlasts_the_last_by_a_while(clock: list[float]) -> None:
    stream = Stream()
    needed = ChangeFeed(stream.follow)
    async with listening(needed) as heard:
        for _ in range(2):
            needed.joined()
        await turned(stream, on=True)
        needed.left()
        clock[0] += 10 * LINGER_SECONDS
        await unmoved(stream, on=True)
        needed.left()
        clock[0] += LINGER_SECONDS - 1
        await unmoved(stream, on=True)
        clock[0] += 2
        await turned(stream, on=False)
        assert heard == [Sign.GAP, Sign.OVER]


@pytest.mark.gen_test
async def test_who_comes_later_opens_it_again_behind_a_gap(clock: list[float]) -> None:
    stream = Stream()
    needed = ChangeFeed(stream.follow)
    async with listening(needed) as heard:
        for opened in (1, 2):
            needed.joined()
            await turned(stream, on=True)
            assert stream.opened == opened
            needed.left()
            clock[0] += LINGER_SECONDS + 1
            await turned(stream, on=False)
        assert heard == [Sign.GAP, Sign.OVER] * 2


@pytest.mark.gen_test
async def test_many_who_poll_open_it_and_few_do_not(clock: list[float]) -> None:
    stream = Stream()
    needed = ChangeFeed(stream.follow)
    async with listening(needed):
        for _ in range(3):
            for _ in range(POLLS - 1):
                needed.polled()
            clock[0] += COUNTED_SECONDS + 1
        await unmoved(stream, on=False)
        for _ in range(POLLS):
            needed.polled()
        await turned(stream, on=True)
        clock[0] += LINGER_SECONDS + 1
        await turned(stream, on=False)


@pytest.mark.gen_test
async def test_what_is_no_longer_listened_to_is_closed() -> None:
    stream = Stream()
    needed = ChangeFeed(stream.follow)
    needed.joined()
    async with listening(needed):
        await turned(stream, on=True)
    assert not stream.open
