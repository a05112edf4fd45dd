"""One place among the workers of a parent: a worker lives there, or one that died is replaced after a pause."""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from typing import Final

from everreach.observability import shared_memory
from everreach.server.serve import ENDINGS

_SETTLED_SECONDS: Final = 5.0  # Who lived so long did not die of its start.
_PAUSES: Final = (0.0, 0.1, 0.3, 1.0, 3.0, 5.0)  # Seconds before the next try, after so many that died at once.
_log = logging.getLogger(__name__)


class WorkerPlace:
    """One worker after the other. `report` is where the one that lives speaks, None where none does."""

    def __init__(self, number: int, work: Callable[[int, Connection], None]) -> None:
        self._number = number
        self._work = work
        self._hasty = 0
        self.report: Connection | None = None
        self.tries = 0
        self.due = 0.0

    def fill(self) -> None:
        """Fork a worker; one that cannot be forked counts as one that died at once."""
        self.tries += 1
        self._born = time.monotonic()
        self.report, own = Pipe(duplex=False)
        self.process = get_context("fork").Process(target=self._work, args=(self._number, own))
        # A signal that comes before the worker has a handler would end it uncleanly, so it has to wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        with own, suppress(OSError):
            self.process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)

    def listen(self) -> str:
        """What the worker has to say: nothing where it serves, else why it does not, and at last that it ended."""
        with suppress(EOFError, OSError):
            return str(self.report.recv()) if self.report else ""
        self.report = None
        self._hasty = self._hasty + 1 if time.monotonic() < self._born + _SETTLED_SECONDS else 0
        self.due = time.monotonic() + _PAUSES[min(self._hasty, len(_PAUSES) - 1)]
        return self._ending()

    def _ending(self) -> str:
        if self.process.pid is None:
            return "A worker could not be forked."
        self.process.join()
        shared_memory.clear(self._number)
        return f"Worker {self.process.pid} ended with exit code {self.process.exitcode}."

    def end(self, deadline: float) -> None:
        """Wait until it has; past the deadline it is killed."""
        self.process.join(max(0.0, deadline - time.monotonic()))
        if self.process.is_alive():
            _log.warning("worker %d did not end in time and is killed", self.process.pid)
            self.process.kill()
            self.process.join()
