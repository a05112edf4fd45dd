"""A hundred people who import and follow, one book after the other, each time as somebody new."""

import asyncio
import random
import time
from typing import Final

from bench.life import Account, Course, Person
from bench.processes import Bench, Server
from storage.mongo import Database

PEOPLE: Final = 100
REST_SECONDS: Final = 25.0
"""Between two imports of one of them."""
SIZES: Final = (300, 500, 800)
CANCELLED: Final = 0.1
"""So many of the imports."""


class People:
    """`exact` says how many imports ended as they should, `wrong` how the others did not."""

    def __init__(self, bench: Bench, server: Server, database: Database) -> None:
        self._bench, self._server, self._database = bench, server, database
        self.exact = 0
        self.wrong: list[str] = []

    async def live(self, seconds: float) -> None:
        """Go on for so long, and finish what was begun."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(PEOPLE):
                # They do not come all at once.
                wait = min(REST_SECONDS, seconds) * number / PEOPLE
                group.create_task(self._live(number, wait, began + seconds))

    async def _live(self, number: int, wait: float, until: float) -> None:
        account = Account("google", f"siege{number % 5}@sandbox.example", SIZES[number % len(SIZES)])
        while True:
            await asyncio.sleep(wait)
            await self._import(account)
            wait = REST_SECONDS
            if time.monotonic() + wait > until:
                return

    async def _import(self, account: Account) -> None:
        course = Course.CANCELLED if random.random() < CANCELLED else Course.WHOLE
        try:
            await Person(self._bench, self._server, self._database, account).live(course)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
        else:
            self.exact += 1
