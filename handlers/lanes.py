"""What may take long: little of it of one person at once, so that nobody else waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Final

from everreach.errors import TooManyRequestsError

AT_ONCE: Final = 2
"""So many of one person's are with the database at the same moment, of each process."""

MOST: Final = 20
"""So many of one person's are let in; a client that asks for more at once has to come again."""

_RETRY_SECONDS: Final = 1


class Lanes:
    """Those of one process, a lane for each person who asks at the moment.

    Of one person so many run `at_once`, and as many as are `most` are let in; of everybody together `in_all`.
    """

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST, in_all: float = inf) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._at_once = at_once
        self._most = most
        self._in_all = in_all
        self._present = 0

    @asynccontextmanager
    async def lane(self, user_id: str) -> AsyncIterator[None]:
        """While inside, the person has room for one fewer. Raises TooManyRequestsError where too many wait."""
        lane = self._lanes.get(user_id) or _Lane(self._at_once)
        if lane.present >= self._most or self._present >= self._in_all:
            raise TooManyRequestsError(_RETRY_SECONDS)
        self._lanes[user_id] = lane
        self._present += 1
        lane.present += 1
        try:
            async with lane.places:
                yield
        finally:
            self._present -= 1
            lane.present -= 1
            if not lane.present:
                del self._lanes[user_id]


class _Lane:
    def __init__(self, at_once: int) -> None:
        self.present = 0
        self.places = asyncio.Semaphore(at_once)
