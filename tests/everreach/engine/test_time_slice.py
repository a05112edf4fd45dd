"""A worker's turn: it ends between two pages where others wait, and at once where it is called off."""

import asyncio
import time
import weakref
from contextlib import suppress

import pytest

from everreach.engine.time_slice import TimeSlice, TimeSliceOverError
from everreach.jobs.job import Lease
from tests.everreach.jobs.test_job import job


def time_slice(seconds: float = 60, *, contended: bool = False) -> TimeSlice:
    return TimeSlice(Lease(job(), "me", 1, time.monotonic() + 60), seconds, lambda: contended)


@pytest.mark.parametrize(
    ("seconds", "contended", "over"), [(60, False, False), (60, True, False), (-1, False, False), (-1, True, True)]
)
def test_it_is_over_only_when_its_time_is_up_and_others_wait(seconds: float, contended: bool, over: bool) -> None:
    assert time_slice(seconds, contended=contended).over is over


def test_it_is_over_once_called_off_even_if_nobody_waits() -> None:
    called_off = time_slice()
    called_off.call_off()
    called_off.call_off()
    assert called_off.over


@pytest.mark.gen_test
async def test_it_gives_what_was_awaited() -> None:
    async def page() -> str:
        return "a page"

    assert await time_slice().during(page()) == "a page"


@pytest.mark.gen_test
async def test_an_error_of_what_was_awaited_goes_on() -> None:
    async def page() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        await time_slice().during(page())


@pytest.mark.gen_test
@pytest.mark.usefixtures("no_collector")
async def test_what_an_error_went_through_is_let_go_with_it() -> None:
    class Held:
        """What the import has in its hands."""

    async def page() -> None:
        held = Held()
        left.append(weakref.ref(held))
        raise LookupError

    left: list[weakref.ref[Held]] = []
    with suppress(LookupError):
        await time_slice().during(asyncio.ensure_future(page()))
    assert left[0]() is None


@pytest.mark.gen_test
async def test_calling_off_cancels_what_is_awaited() -> None:
    mine, begun = time_slice(), asyncio.Event()

    async def page() -> None:
        begun.set()
        await asyncio.Event().wait()

    fetching = asyncio.ensure_future(page())
    waiting = asyncio.ensure_future(mine.during(fetching))
    await begun.wait()
    mine.call_off()
    with pytest.raises(TimeSliceOverError):
        await waiting
    await asyncio.wait([fetching])
    assert fetching.cancelled()


@pytest.mark.gen_test
async def test_what_has_already_come_is_not_thrown_away() -> None:
    mine = time_slice()
    page: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    page.set_result("a page")
    mine.call_off()
    assert await mine.during(page) == "a page"


@pytest.mark.gen_test
async def test_cancelling_the_worker_cancels_what_it_awaits() -> None:
    page: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    worker = asyncio.ensure_future(time_slice().during(page))
    await asyncio.wait([worker], timeout=0)
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert page.cancelled()


@pytest.mark.gen_test
async def test_a_wait_says_whether_it_lasted() -> None:
    mine = time_slice()
    assert await mine.waited(0)
    waiting = asyncio.ensure_future(mine.waited(3600))
    await asyncio.wait([waiting], timeout=0)
    mine.call_off()
    assert await waiting is False
    assert await mine.waited(3600) is False
