"""How often one person may ask, counted in the database so that it holds across processes, nodes and restarts."""

import time
from math import ceil

from limits import RateLimitItem
from limits.aio.storage import MongoDBStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pymongo.write_concern import WriteConcern

from everreach.errors import TooManyRequestsError
from storage.mongo import Database, prompt


class RateLimits:
    """Moving windows: never more than the rate's amount in any stretch of its length."""

    def __init__(self, database: Database) -> None:
        self._limiter = MovingWindowRateLimiter(_Storage(database))

    @prompt
    async def hit(self, rate: RateLimitItem, action: str, user_id: str) -> None:
        """Count one request. Raises TooManyRequestsError where it is one too many; such a one does not count."""
        if not await self._limiter.hit(rate, action, user_id):
            reset, _ = await self._limiter.get_window_stats(rate, action, user_id)
            raise TooManyRequestsError(max(1, ceil(reset - time.time())))


class _Storage(MongoDBStorage):
    """The library's storage, over our own client and database."""

    def __init__(self, database: Database) -> None:
        # Its own client stays idle, and ours takes its place.
        super().__init__(
            "async+mongodb://127.0.0.1/", database.name, window_collection_name="rate_limits", connect=False
        )
        self.storage.close()
        self.storage = database.client
        self._own = database.with_options(write_concern=WriteConcern(w=1))

    @property
    def database(self) -> Database:
        """The library's collections. A hit that a dying primary forgets is no harm, and waiting for others is slow."""
        return self._own

    def __del__(self) -> None:
        """The library closes its client here; ours is not its to close."""

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take a place in the window.

        Two first requests at one moment both insert the window, and the library takes the loser's duplicate key for a
        full window. So a refusal is believed only when the window is there and full.
        """
        while not await super().acquire_entry(key, limit, expiry, amount):
            _, taken = await self.get_moving_window(key, limit, expiry)
            if taken + amount > limit:
                return False
        return True
