"""Everybody who holds a connection open to follow a job: kept alive, dropped when dead, and told when we stop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from everreach.observability.metrics import FOLLOWING

BEAT_SECONDS: Final = 25.0
"""Proxies cut a line that is idle for a minute; whoever leaves one beat unanswered until the next is gone."""

GOODBYE_SECONDS: Final = 1.0
"""How long a server that stops waits for answers to be taken, and for closes to be answered."""

_BATCH: Final = 200


class Held(Protocol):
    """A connection that is held open."""

    kind: str
    """Which of metrics.FOLLOWERS."""

    def beat(self) -> None:
        """Show a sign of life, or give up one that showed none since the last beat."""

    def leave(self) -> None:
        """End it properly, because this server is about to stop."""


class HeldConnections:
    """Those of one process."""

    def __init__(self) -> None:
        self._held: dict[Held, None] = {}
        self._beating: asyncio.Task[None] | None = None
        self._leaving = False
        self._empty: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._held)

    def start(self) -> None:
        """Begin to beat."""
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")

    async def dismiss(self) -> None:
        """End all of them, and whoever comes from now on."""
        self._leaving = True
        if self._beating:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        await self._each(lambda one: one.leave())

    async def gone(self) -> None:
        """Wait until the last of those who were dismissed is gone, but not long: some are dead and do not answer."""
        if self._held:
            self._empty = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._empty.wait()

    def holding(self, one: Held) -> "Holding":
        """While inside, it is kept alive."""
        return Holding(self, one)

    def take(self, one: Held) -> None:
        """Keep it alive from now on."""
        self._held[one] = None
        FOLLOWING[one.kind].inc()
        if self._leaving:
            one.leave()

    def drop(self, one: Held) -> None:
        """It is gone."""
        del self._held[one]
        FOLLOWING[one.kind].dec()
        if self._empty and not self._held:
            self._empty.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self._each(lambda one: one.beat())

    async def _each(self, do: Callable[[Held], None]) -> None:
        # Thousands at once would keep everybody else waiting.
        for place, one in enumerate(list(self._held), 1):
            if one in self._held:
                do(one)
            if place % _BATCH == 0:
                await asyncio.sleep(0)


class Holding:
    """One of those who are held. There are thousands, so it is kept small."""

    __slots__ = ("_followers", "_one")

    def __init__(self, followers: HeldConnections, one: Held) -> None:
        self._followers = followers
        self._one = one

    def __enter__(self) -> None:
        self._followers.take(self._one)

    def __exit__(self, *_: object) -> None:
        self._followers.drop(self._one)
