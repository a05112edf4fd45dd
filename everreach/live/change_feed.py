"""When word of what changes is worth its price: while somebody follows a job, and while many poll."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from storage.change_stream import Sign, Told

POLLS: Final = 100
"""So many within COUNTED_SECONDS are many: then it pays to answer them from memory."""

COUNTED_SECONDS: Final = 5.0

LINGER_SECONDS: Final = 30.0
"""How long demand outlasts the last who made it: an app that is closed is often opened again."""


class ChangeFeed:
    """Of one process for the change stream that `follow` opens.

    A stream has the database look at every write of anybody: while a large book is imported that is a fourth of all it
    does (bench/README.md). A poll costs it the reading of one document.
    """

    def __init__(self, follow: Callable[[], AsyncGenerator[Told, None]]) -> None:
        self._follow = follow
        self._arisen = asyncio.Event()
        self._followers = 0
        self._polls = 0
        self._counted_from = 0.0
        self._last = 0.0

    def polled(self) -> None:
        """Somebody asked for the state of a job."""
        now = time.monotonic()
        if now > self._counted_from + COUNTED_SECONDS:
            self._counted_from, self._polls = now, 0
        self._polls += 1
        if self._polls >= POLLS:
            self._arise()

    def joined(self) -> None:
        """Somebody follows a job from now on."""
        self._followers += 1
        self._arise()

    def left(self) -> None:
        """One of those who follow does so no more."""
        self._followers -= 1
        self._last = time.monotonic()

    async def changes(self) -> AsyncGenerator[Told, None]:
        """What the stream says, opened whenever demand arises; it says that it is OVER once there is none. Never ends.

        A stream that is opened again begins behind a GAP, as the first one does.
        """
        while True:
            await self._arisen.wait()
            async with aclosing(self._follow()) as told:
                async for one in told:
                    yield one
                    if self._lapsed():
                        # Before the stream is closed, which takes a moment: what happens meanwhile is told to nobody.
                        yield Sign.OVER
                        break

    def _arise(self) -> None:
        self._last = time.monotonic()
        self._arisen.set()

    def _lapsed(self) -> bool:
        lapsed = not self._followers and time.monotonic() > self._last + LINGER_SECONDS
        if lapsed:
            self._arisen.clear()
        return lapsed
