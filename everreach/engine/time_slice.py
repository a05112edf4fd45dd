"""A worker's turn at a job: how long it may go on, and what can call it off."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from everreach.jobs.job import Lease

T = TypeVar("T")


class TimeSliceOverError(Exception):
    """The turn was called off before the awaited result came."""


class TimeSlice:
    """One stretch of work under one lease.

    After `seconds` the turn ends at the next page, if `contended` says that other jobs wait for a worker. It is called
    off at once when the lease is lost, the person cancels, or the process stops.
    """

    def __init__(self, lease: Lease, seconds: float, contended: Callable[[], bool]) -> None:
        self.lease = lease
        self._ends = time.monotonic() + seconds
        self._contended = contended
        self._off = asyncio.Event()

    def call_off(self) -> None:
        """End the turn: nothing more is fetched; a write under way is finished."""
        self._off.set()

    @property
    def over(self) -> bool:
        """Whether the job should be handed back now, between two pages."""
        return self._off.is_set() or (time.monotonic() > self._ends and self._contended())

    async def waited(self, seconds: float) -> bool:
        """Wait; whether the whole time has passed without the turn being called off."""
        try:
            await self.during(asyncio.sleep(seconds))
        except TimeSliceOverError:
            return False
        return True

    async def during(self, awaitable: Awaitable[T]) -> T:
        """The awaited result. Raises TurnOverError, and cancels what was awaited, where the turn is called off."""
        task = asyncio.ensure_future(awaitable)
        off = asyncio.ensure_future(self._off.wait())
        try:
            await asyncio.wait({task, off}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TimeSliceOverError
            return task.result()
        finally:
            off.cancel()
            task.cancel()
            # An error holds the task's frames and this one. If this one held the task, the error would hold itself, and
            # all that the import had in its hands would stay until the garbage collector's next long look.
            del task, awaitable
