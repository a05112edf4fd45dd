"""A node looks again whatever happens, and at once when somebody knows of something."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from everreach.concurrency import poller as module
from everreach.concurrency.poller import Poller
from everreach.errors import DatabaseAwayError


def looking(*errors: Exception) -> tuple[Callable[[], Awaitable[None]], asyncio.Queue[int]]:
    """A look that fails so often and then does not, and its number each time."""
    looks: asyncio.Queue[int] = asyncio.Queue()
    left = list(errors)

    async def look() -> None:
        looks.put_nowait(1)
        if left:
            raise left.pop(0)

    return look, looks


async def times(looks: asyncio.Queue[int], count: int) -> None:
    async with asyncio.timeout(40):
        for _ in range(count):
            await looks.get()


@pytest.mark.gen_test
async def test_whatever_a_look_raises_another_follows_and_the_log_has_no_text_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SCAN_SECONDS", 0.01)
    look, looks = looking(DatabaseAwayError(), ValueError("ada@private.example"))
    scan = Poller(look, "parcels")
    scan.start()
    await times(looks, 4)
    await scan.stop()
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said[0] == "the database does not answer; looking for parcels again in a moment"
    assert said[1].startswith("looking for parcels failed on ValueError")
    assert "private" not in "".join(said)


@pytest.mark.gen_test
async def test_a_nudge_is_not_waited_for_even_where_it_comes_during_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCAN_SECONDS", 3600)
    look, looks = looking()

    async def nudging() -> None:
        await look()
        if nudges.pop():
            scan.nudge()

    nudges = [False, False, True]
    scan = Poller(nudging, "parcels")
    scan.start()
    await times(looks, 2)
    scan.nudge()
    await times(looks, 1)
    await scan.stop()


@pytest.mark.gen_test
async def test_one_that_was_stopped_looks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCAN_SECONDS", 0)
    look, looks = looking()
    scan = Poller(look, "parcels")
    await scan.stop()
    scan.start()
    await times(looks, 1)
    await scan.stop()
    seen = looks.qsize()
    for _ in range(20):
        await asyncio.sleep(0)
    assert looks.qsize() == seen


@pytest.mark.parametrize("passes", range(5))
@pytest.mark.gen_test
async def test_a_nudge_just_before_keeps_nobody_from_stopping(monkeypatch: pytest.MonkeyPatch, passes: int) -> None:
    monkeypatch.setattr(module, "SCAN_SECONDS", 3600)
    look, looks = looking()
    scan = Poller(look, "parcels")
    scan.start()
    await times(looks, 1)
    await asyncio.sleep(0)
    scan.nudge()
    for _ in range(passes):
        await asyncio.sleep(0)
    async with asyncio.timeout(40):
        await scan.stop()
    assert scan.died
