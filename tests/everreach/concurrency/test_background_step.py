"""One step in the background: finished before the next, its errors not lost, and broken off only with its owner."""

import asyncio
import weakref
from contextlib import suppress

import pytest

from everreach.concurrency.background_step import BackgroundStep


async def hanging(begun: asyncio.Event) -> None:
    begun.set()
    await asyncio.Event().wait()


@pytest.mark.gen_test
async def test_a_step_that_was_begun_is_finished() -> None:
    done: list[int] = []

    async def step() -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    async with BackgroundStep() as behind:
        await behind.follow(step())
    assert done == [1]


@pytest.mark.gen_test
async def test_it_is_finished_where_what_is_done_meanwhile_fails() -> None:
    done: list[int] = []

    async def step() -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    async def owner() -> None:
        async with BackgroundStep() as behind:
            await behind.follow(step())
            raise LookupError

    with pytest.raises(LookupError):
        await owner()
    assert done == [1]


@pytest.mark.gen_test
async def test_what_it_raised_is_raised_to_whoever_follows() -> None:
    async def broken() -> None:
        raise LookupError

    async with BackgroundStep() as behind:
        await behind.follow(broken())
        with pytest.raises(LookupError):
            await behind.follow(asyncio.sleep(0))


@pytest.mark.gen_test
async def test_whoever_is_cancelled_waits_for_none_of_the_steps_that_hang() -> None:
    one, other = asyncio.Event(), asyncio.Event()

    async def owner() -> None:
        async with BackgroundStep() as committing, BackgroundStep() as inserting:
            await committing.follow(hanging(one))
            await inserting.follow(hanging(other))
            await asyncio.Event().wait()

    task = asyncio.create_task(owner())
    await one.wait()
    await other.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


@pytest.mark.gen_test
@pytest.mark.usefixtures("no_collector")
async def test_what_a_failed_step_held_is_let_go_with_its_error() -> None:
    class Page:
        """What a step has in its hands."""

    async def write() -> None:
        page = Page()
        left.append(weakref.ref(page))
        raise LookupError

    left: list[weakref.ref[Page]] = []
    with suppress(LookupError):
        async with BackgroundStep() as steps:
            await steps.follow(write())
    # The loop holds for a moment what woke this test.
    await asyncio.sleep(0)
    assert left[0]() is None
