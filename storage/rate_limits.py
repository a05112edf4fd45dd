"""How often one person may ask, counted in the database so that it holds across processes, nodes and restarts.

A process asks the database for several hits at once and gives them out from memory: one at first, then a quarter of
what the window has left, so that blocks shrink to single hits as it fills. Small rates, such as 5/hour, never see a
larger block than one and are exact everywhere.

The slack that this costs, for larger rates:

- The database never counts more than the rate's amount in any stretch of the rate's length. Where one process serves a
  person, that many requests at a stretch pass and the next is refused, and nobody is refused who has not made them:
  what memory holds ends only when its count does.
- A hit may be used later than it was counted, by the rate's length at most. So a stretch may see more requests than the
  amount, by what processes held for this person at its beginning: less than a quarter of the amount, and less than
  MOST, in each process.
- What one process holds no other can give. A person who moves to another node may be refused early, by as many hits as
  were counted and not used. So may one whose node dies, hears from the database too late, or forgets: it remembers
  what it holds for PEOPLE.

The windows themselves are ours and not the library's (limits), whose statement says only yes or no, goes by each
node's clock, and takes a race between two first requests for a full window.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Final

from cachetools import TLRUCache
from limits import RateLimitItem
from pymongo import ReturnDocument
from pymongo.write_concern import WriteConcern

from everreach.errors import TooManyRequestsError
from storage.indexes import RATE_LIMITS
from storage.mongo import Database, Document, prompt, translated

MOST: Final = 16
"""Hits in one block, however large the rate: a larger one would save little more."""
PEOPLE: Final = 20_000
"""For so many of those who asked last a process remembers what it holds, at half a kilobyte each."""
_SINGLE: Final = 8
"""Of a rate below this no block is larger than one hit, and there is nothing to remember once that is used."""

# The server's clock, in seconds: the same for every node.
_NOW: Final = {"$divide": [{"$toLong": "$$NOW"}, 1000]}


@dataclass(slots=True)
class _Block:
    """Hits that the database has counted and nobody has used yet; and how long it counts them, in seconds."""

    left: int
    seconds: int


class RateLimits:
    """Moving windows: never more than the rate's amount counted in any stretch of its length. `clock` is in seconds."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = monotonic) -> None:
        # A hit that a dying primary forgets is no harm, and waiting for others is slow.
        self._windows = database.get_collection(RATE_LIMITS, write_concern=WriteConcern(w=1))
        self._blocks: TLRUCache[str, _Block] = TLRUCache(PEOPLE, lambda _, block, now: now + block.seconds, timer=clock)
        self._asking: dict[str, asyncio.Task[int]] = {}

    async def hit(self, rate: RateLimitItem, action: str, user_id: str) -> None:
        """Count one request. Raises TooManyRequestsError where it is one too many; such a one does not count."""
        key = rate.key_for(action, user_id)
        if not self._take(key, rate):
            await self._ask_and_take(key, rate)

    @translated
    async def count(self, user_id: str) -> int:
        """How many windows the person has, whatever the action and the rate."""
        return await self._windows.count_documents(_of(user_id))

    @translated
    async def forget(self, user_id: str) -> int:
        """Delete the person's windows, and return how many there were."""
        windows = self._windows.with_options(write_concern=WriteConcern("majority"))
        return (await windows.delete_many(_of(user_id))).deleted_count

    def _take(self, key: str, rate: RateLimitItem) -> bool:
        block = self._blocks.get(key)
        if block is None or not block.left:
            return False
        block.left -= 1
        if rate.amount < _SINGLE:
            del self._blocks[key]
        return True

    @prompt
    async def _ask_and_take(self, key: str, rate: RateLimitItem) -> None:
        while True:
            # Unlike awaiting the task, this does not cancel it when one of those who wait is cancelled.
            wait = await asyncio.shield(self._shared_question(key, rate))
            if wait:
                raise TooManyRequestsError(wait)
            if self._take(key, rate):
                return

    def _shared_question(self, key: str, rate: RateLimitItem) -> asyncio.Task[int]:
        # One at a time for each person: many requests at one moment share its answer instead of one block each.
        if key not in self._asking:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(key, rate))
            # Everybody who asked may have given up waiting, and then nobody hears of a failure.
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._asking[key]

    @prompt
    async def _ask(self, key: str, rate: RateLimitItem) -> int:
        """Fill an empty block. The seconds to wait where the window is full, else 0."""
        try:
            window = await self._windows.find_one_and_update(
                {"_id": key},
                # Whoever asks for the first time may never ask again.
                _count(rate, MOST if key in self._blocks else 1),
                projection={"granted": 1, "wait": _wait(rate)},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        finally:
            del self._asking[key]
        if not window["granted"]:
            wait: float = window["wait"]
            return max(1, ceil(wait))
        self._blocks[key] = _Block(window["granted"], rate.get_expiry())
        return 0


def _of(user_id: str) -> Document:
    # The action stands before it and the rate behind it. What asked lately is little, so all keys may be looked at.
    return {"_id": {"$regex": f"/{re.escape(user_id)}/"}}


def _count(rate: RateLimitItem, most: int) -> list[Document]:
    """Forget the hits that are older than the window, see how many it has room for, and count some of them now.

    A refusal after a refusal changes nothing, so that hammering costs the database no write.
    """
    since = {"$subtract": [_NOW, rate.get_expiry()]}
    recent = {"$filter": {"input": {"$ifNull": ["$entries", []]}, "cond": {"$gt": ["$$this", since]}}}
    room = {"$subtract": [rate.amount, {"$size": "$entries"}]}
    granted = {"$min": [most, room, {"$max": [1, {"$toInt": {"$divide": [room, 4]}}]}]}
    added = {"$map": {"input": {"$range": [0, "$granted"]}, "in": _NOW}}
    expiry = {"$add": ["$$NOW", 1000 * rate.get_expiry()]}
    return [
        {"$set": {"entries": recent}},
        {"$set": {"granted": granted}},
        {
            "$set": {
                "entries": {"$concatArrays": [added, "$entries"]},
                "expireAt": {"$cond": ["$granted", expiry, "$expireAt"]},
            }
        },
    ]


def _wait(rate: RateLimitItem) -> Document:
    """The seconds until the oldest hit leaves the window."""
    oldest = {"$ifNull": [{"$min": "$entries"}, _NOW]}
    return {"$subtract": [{"$add": [oldest, rate.get_expiry()]}, _NOW]}
