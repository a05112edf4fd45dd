"""Queries that may take long: few of one person's at once, so that nobody else waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from everreach.errors import TooManyRequestsError

AT_ONCE: Final = 2
"""So many of one person's are with the database at the same moment, of each process."""

MOST: Final = 20
"""So many of one person's are let in; a client that asks for more at once has to come again."""

_RETRY_SECONDS: Final = 1


class Lanes:
    """Those of one process, a lane for each person who asks at the moment."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def lane(self, user_id: str) -> AsyncIterator[None]:
        """While inside, the person has one query fewer to come. Raises TooManyRequestsError where too many wait."""
        lane = self._lanes.setdefault(user_id, _Lane())
        if lane.present >= MOST:
            raise TooManyRequestsError(_RETRY_SECONDS)
        lane.present += 1
        try:
            async with lane.places:
                yield
        finally:
            lane.present -= 1
            if not lane.present:
                del self._lanes[user_id]


class _Lane:
    def __init__(self) -> None:
        self.present = 0
        self.places = asyncio.Semaphore(AT_ONCE)
