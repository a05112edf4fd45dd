"""Thousands of followers of one server, in a few processes of their own."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

import msgspec

from bench.notes import Plan, Reached, Ready, Seen
from bench.process import Process
from bench.processes import Bench

PROCESSES = 2
SECONDS = 300.0
"""They give up after that, whatever became of the bench."""


class _Some(Process):
    """The followers of one process."""

    async def __aexit__(self, *_: object) -> None:
        # What it may have to say nobody would hear.
        await self.end(signal.SIGKILL)

    async def ready(self) -> Ready:
        return msgspec.json.decode(await self.line(), type=Ready)

    async def reached(self) -> float:
        return msgspec.json.decode(await self.line(), type=Reached).at

    async def seen(self) -> Seen:
        return msgspec.json.decode((await self.rest()).splitlines()[-1], type=Seen)


class Followers:
    """All of them. Entered they begin to knock; by websocket, or by long-polls."""

    def __init__(
        self, bench: Bench, port: int, jobs: Sequence[tuple[str, str]], followers: int, *, polls: bool = False
    ) -> None:
        each = [followers // PROCESSES + (number < followers % PROCESSES) for number in range(PROCESSES)]
        plans = [Plan(port, count, polls, SECONDS, list(jobs)) for count in each]
        self._parts = [_Some("bench.follower", bench.plan(plan)) for plan in plans]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for part in self._parts:
                await stack.enter_async_context(part)
            self._begun = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._begun.aclose()

    async def ready(self) -> float:
        """Wait until all have seen their job's first state. Returns the seconds from the first knock."""
        parts = await asyncio.gather(*(part.ready() for part in self._parts))
        return max(part.ready for part in parts) - min(part.began for part in parts)

    async def reached(self) -> float:
        """Wait until all have seen a version that none has seen before. Returns that moment, in seconds since 1970."""
        return max(await asyncio.gather(*(part.reached() for part in self._parts)))

    async def seen(self, patience: float) -> list[Seen]:
        """What those of each process saw: once there is nothing left to see, or so many seconds have passed."""
        timer = asyncio.get_running_loop().call_later(patience, self._ask)
        try:
            return await asyncio.gather(*(part.seen() for part in self._parts))
        finally:
            timer.cancel()

    def _ask(self) -> None:
        for part in self._parts:
            if part.child.returncode is None:
                part.child.send_signal(signal.SIGTERM)
