"""What is known of one job, and who follows it."""

import asyncio
import time
from typing import Final, Protocol

from cachetools import LRUCache

from everreach.documents import View

SETTLING_SECONDS: Final = 2.0
"""A worker that has not let go of a cancelled job by then is taken for gone, and the job is shown as it stands."""

_BATCH: Final = 100  # Followers that are told at a time: a few milliseconds, and then requests are answered.
_SOONEST: Final = 0.01  # Seconds between two looks, at the least and at the most.
_SELDOM: Final = 0.2
_REMEMBERED: Final = 1000


class Follower(Protocol):
    """Somebody who wants to see a job's states."""

    def show(self, view: View) -> None:
        """Take the latest state, or one that was shown before. Must neither block nor raise."""

    def gone(self) -> None:
        """Hear that there is no such job any more. Must neither block nor raise."""


class Followed:
    """One job. `gone` says that it was deleted, and nothing that was read of it before is to be taken."""

    def __init__(self, view: View | None, *, gone: bool) -> None:
        self.view = view
        self.gone = gone
        self.keepers = 0
        self.followers: dict[Follower, None] = {}
        self.told_at = 0.0
        self.telling = False

    async def show(self, view: View) -> None:
        """Show its followers a state."""
        for place, follower in enumerate(list(self.followers), 1):
            if follower in self.followers:
                follower.show(view)
            if place % _BATCH == 0:
                await asyncio.sleep(0)

    async def dismiss(self) -> None:
        """Tell its followers that it is gone."""
        for place, follower in enumerate(list(self.followers), 1):
            if follower in self.followers:
                follower.gone()
            if place % _BATCH == 0:
                await asyncio.sleep(0)


class Patience:
    """Of one process with the workers of cancelled jobs. For each job it begins with the first look, and ends once."""

    def __init__(self) -> None:
        self._since: LRUCache[str, float] = LRUCache(_REMEMBERED)

    async def lasts(self, job_id: str) -> bool:
        """Wait until it is worth to look again whether it is settled, first soon, then seldom; False at the end."""
        waited = time.monotonic() - self._since.setdefault(job_id, time.monotonic())
        if waited >= SETTLING_SECONDS:
            return False
        await asyncio.sleep(min(max(waited / 4, _SOONEST), _SELDOM, SETTLING_SECONDS - waited))
        return True
