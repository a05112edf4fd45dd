"""The end of a process: how much of the time that it may take is left."""

import time
from typing import Final

END_SECONDS: Final = 7.5
"""How long an end may take until the embedded mongod's: a supervisor waits for ten, and some of them are its own."""

_AFTERWARDS_SECONDS: Final = 3.0  # What an end takes beside the pages in flight, where those get more than usual.
_LEAST_SECONDS: Final = 0.5


class ShutdownClock:
    """One end. `pages_seconds` is how long the pages in flight are waited for."""

    def __init__(self, pages_seconds: float) -> None:
        self._seconds = max(END_SECONDS, pages_seconds + _AFTERWARDS_SECONDS)
        self._begun: float | None = None

    def begin(self) -> None:
        """It begins now."""
        self._begun = time.monotonic()

    def left(self) -> float:
        """Seconds that are left, a few where it has not begun, and never none."""
        spent = time.monotonic() - self._begun if self._begun is not None else 0.0
        return max(_LEAST_SECONDS, self._seconds - spent)
