"""One step behind the other: an error goes on, and takes along what it went through."""

import asyncio
import weakref
from contextlib import suppress

import pytest

from everreach.behind import Behind


class Page:
    """What a step has in its hands."""


@pytest.mark.gen_test
@pytest.mark.usefixtures("no_collector")
async def test_what_a_failed_step_held_is_let_go_with_its_error() -> None:
    async def write() -> None:
        page = Page()
        left.append(weakref.ref(page))
        raise LookupError

    left: list[weakref.ref[Page]] = []
    with suppress(LookupError):
        async with Behind() as steps:
            await steps.follow(write())
    # The loop holds for a moment what woke this test.
    await asyncio.sleep(0)
    assert left[0]() is None
