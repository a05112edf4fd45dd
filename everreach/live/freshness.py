"""Whether what the change stream keeps fresh still is: by the signs that the stream gives."""

import time
from typing import Final

from everreach.observability.metrics import STREAM_HEARTBEAT
from storage.change_stream import LIFE_SECONDS, Sign, Told

STALE_SECONDS: Final = 4 * LIFE_SECONDS
"""How long after its last sign the stream's word still counts."""


class Freshness:
    """Of one process's memory. It lasts from a sign to the next, and ends where none comes in time."""

    def __init__(self) -> None:
        self._sign_at: float | None = None

    @property
    def lasts(self) -> bool:
        """Whether the memory may answer in the database's place."""
        return self._sign_at is not None and time.monotonic() < self._sign_at + STALE_SECONDS

    def hear(self, told: Told) -> None:
        """Take what the stream told for a sign."""
        if told is Sign.BEHIND or told is Sign.OVER:
            self._sign_at = None
        elif told is Sign.CURRENT or self.lasts:
            # While what was missed is being told, one change says nothing of the others.
            self._sign_at = time.monotonic()
            STREAM_HEARTBEAT.give()
        if told is Sign.OVER:
            STREAM_HEARTBEAT.end()
