"""A process that serves: told to end while it starts, it ends what it has begun and does not begin to serve."""

import asyncio

import pytest

from everreach.server.serve import _unless


class Hanging:
    """A node whose database hangs at the start."""

    def __init__(self) -> None:
        self.begun, self.undone = asyncio.Event(), False

    async def start(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.undone = True


@pytest.mark.gen_test
async def test_nobody_waits_for_a_start_that_hangs() -> None:
    stop, node = asyncio.Event(), Hanging()
    starting = asyncio.create_task(_unless(stop, node.start()))  # type: ignore[arg-type]
    await node.begun.wait()
    stop.set()
    async with asyncio.timeout(5):
        assert await starting is None
    assert node.undone


@pytest.mark.gen_test
async def test_what_keeps_it_from_starting_is_told() -> None:
    async def broken() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await _unless(asyncio.Event(), broken())  # type: ignore[arg-type]
