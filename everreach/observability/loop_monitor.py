"""The pulse of the event loop: how late it is when it is to wake up, and when it last did."""

import asyncio
import time
from typing import Final

from everreach.observability import metrics

BEAT_SECONDS: Final = 0.25
"""How often it is felt."""


class LoopMonitor:
    """Use as an async context manager: it is felt while inside."""

    async def __aenter__(self) -> None:
        self._beating = asyncio.create_task(self._beat(), name="pulse")

    async def __aexit__(self, *_: object) -> None:
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        metrics.LOOP_HEARTBEAT.end()

    async def _beat(self) -> None:
        while True:
            due = time.monotonic() + BEAT_SECONDS
            metrics.LOOP_HEARTBEAT.give()
            await asyncio.sleep(BEAT_SECONDS)
            metrics.LOOP_LAG_SECONDS.observe(max(0.0, time.monotonic() - due))
