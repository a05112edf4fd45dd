"""What is known of one job, and who follows it."""

import asyncio
import time
from typing import Final, Protocol

from everreach.documents import View

SETTLING_SECONDS: Final = 2.0
"""A worker that has not let go of a cancelled job by then is taken for gone, and the job is shown as it stands."""

_BATCH: Final = 100  # Followers that are told at a time: a few milliseconds, and then requests are answered.
_SOONEST: Final = 0.01  # Seconds between two looks, at the least and at the most.
_SELDOM: Final = 0.2


class Follower(Protocol):
    """Somebody who wants to see a job's states."""

    def show(self, view: View) -> None:
        """Take the latest state, or one that was shown before. Must neither block nor raise."""

    def gone(self) -> None:
        """Hear that there is no such job any more. Must neither block nor raise."""


class Followed:
    """One job. `gone` says that it was deleted, and nothing that was read of it before is to be taken."""

    def __init__(self, job_id: str, *, gone: bool = False) -> None:
        self.job_id = job_id
        self.gone = gone
        self.view: View | None = None
        self.keepers = 0
        self.followers: dict[Follower, None] = {}
        self.told_at = 0.0
        self.telling = False
        self._settling_since: float | None = None

    async def patience(self) -> bool:
        """Wait until it is worth to look again whether the job is settled, first soon, then seldom; False at the end.

        It begins with the first look of this process, and is used up once and for all.
        """
        now = time.monotonic()
        self._settling_since = self._settling_since or now
        waited = now - self._settling_since
        if waited >= SETTLING_SECONDS:
            return False
        await asyncio.sleep(min(max(waited / 4, _SOONEST), _SELDOM, SETTLING_SECONDS - waited))
        return True

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
