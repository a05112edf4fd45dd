"""What is known of one job, and who follows it."""

import asyncio
from typing import Final, Protocol

from everreach.documents import View

_BATCH: Final = 100  # Followers that are told at a time: a few milliseconds, and then requests are answered.


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
