"""A look now and then for what the database has for this node, and at once where somebody knows of something."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from everreach.errors import DatabaseError
from everreach.observability.logs import describe

SCAN_SECONDS: Final = 1.0
"""How often, at the least, a node looks for what somebody waits for."""

_log = logging.getLogger(__name__)


class Poller:
    """Calls `look` again and again, whatever it raises, SCAN_SECONDS or so many `seconds` after the last time.

    `sought` says in the log what it looks for.
    """

    def __init__(self, look: Callable[[], Awaitable[None]], sought: str, *, seconds: float | None = None) -> None:
        self._look = look
        self._sought = sought
        self._seconds = seconds
        self._nudged = asyncio.Event()
        self._scanning: asyncio.Task[None] | None = None

    @property
    def started(self) -> bool:
        """Whether start() was called."""
        return self._scanning is not None

    @property
    def died(self) -> bool:
        """Whether nobody looks any more, though it was begun."""
        return self._scanning is not None and self._scanning.done()

    def start(self) -> None:
        """Begin to look."""
        self._scanning = asyncio.create_task(self._scan(), name=f"looking for {self._sought}")

    def nudge(self) -> None:
        """Look again now."""
        self._nudged.set()

    async def stop(self) -> None:
        """Look no longer; a look under way is broken off."""
        if self._scanning:
            self._scanning.cancel()
            await asyncio.gather(self._scanning, return_exceptions=True)

    async def _scan(self) -> None:
        while True:
            self._nudged.clear()
            try:
                await self._look()
            except DatabaseError:
                _log.warning("the database does not answer; looking for %s again in a moment", self._sought)
            except Exception as error:
                # Whatever is wrong with one, the others must not be forgotten for it.
                _log.error("looking for %s failed on %s", self._sought, describe(error))
            # Jitter keeps nodes that started together from asking together. A timeout is a block, and not wait_for(),
            # which in Python 3.11 loses a stop that comes together with a nudge.
            with suppress(TimeoutError):
                seconds = SCAN_SECONDS if self._seconds is None else self._seconds
                async with asyncio.timeout(seconds * random.uniform(0.7, 1.3)):  # noqa: S311
                    await self._nudged.wait()
