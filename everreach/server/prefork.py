"""`everreach serve --workers N`: a parent forks N nodes onto one port, replaces those that die, and ends them all.

The parent has neither an event loop nor a thread, so that it can fork at any moment. Workers are nodes like any others;
they share the listening sockets. Each says once that it serves, or why it cannot. The kernel closes the lifeline when
the parent is gone, whatever ended that, and so tells the workers to end.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait
from typing import Final

from pydantic import SecretStr

from everreach.config import Config
from everreach.errors import EverReachError
from everreach.observability import shared_memory
from everreach.observability.logs import describe
from everreach.server.app import listen
from everreach.server.serve import ENDINGS, announce, live, serve, told_to_end
from everreach.server.shutdown_clock import ShutdownClock
from storage.embedded.mongod import EmbeddedMongod

_GRACE_SECONDS: Final = 3.0  # What a clean stop may take beside the pages in flight.
_SETTLED_SECONDS: Final = 5.0  # Who lived so long did not die of its start.
_PAUSES: Final = (0.0, 0.1, 0.3, 1.0, 3.0, 5.0)  # Seconds before the next try, after so many that died at once.
_log = logging.getLogger(__name__)


def serve_together(config: Config, count: int) -> int:
    """Serve with so many workers until a signal. Returns 0; raises EverReachError where none of them can start."""
    with ExitStack() as stack:
        told = stack.enter_context(told_to_end())
        sockets = [stack.enter_context(opened) for opened in listen(config)]
        parting = ShutdownClock(config.everreach_shutdown_seconds)
        _Parent(stack.enter_context(_with_database(config, parting)), sockets, told, count).run(parting)
    return 0


@contextmanager
def _with_database(config: Config, parting: ShutdownClock) -> Iterator[Config]:
    """The settings with the address of a database: where there is none, of one embedded mongod for all workers."""
    if config.mongodb_uri:
        yield config
        return
    mongod = EmbeddedMongod(config.everreach_data_dir)
    try:
        uri = asyncio.run(mongod.start())
        # The driver's threads take a moment to end; a fork beside them could copy a lock that nobody opens again.
        for thread in set(threading.enumerate()) - {threading.main_thread()}:
            thread.join()
        yield config.model_copy(update={"mongodb_uri": SecretStr(uri)})
    finally:
        asyncio.run(mongod.stop(parting.left()))


class _Parent:
    """Keeps so many workers on the sockets until `told` has something to read."""

    def __init__(self, config: Config, sockets: Sequence[socket.socket], told: socket.socket, count: int) -> None:
        self._config = config
        self._sockets = sockets
        self._told = told
        self._lifeline, self._held = Pipe(duplex=False)
        shared_memory.share(count)
        self._places = [_Place(number, self._work) for number in range(1, count + 1)]
        self._served = False
        self._reason = ""

    def run(self, parting: ShutdownClock) -> None:
        """Return once it was told to end and all have ended. Raises EverReachError where no worker could start."""
        # The workers share what is imported by now for as long as no garbage collector writes into it.
        gc.freeze()
        try:
            while self._told not in (heard := wait([self._told, *self._reports()], self._patience())):
                for place in [place for place in self._places if place.report in heard]:
                    self._hear(place.listen())
                self._fill()
        finally:
            parting.begin()
            self._end()

    def _reports(self) -> list[Connection]:
        return [place.report for place in self._places if place.report]

    def _missing(self) -> list["_Place"]:
        # Until one has served nothing is tried twice: what keeps them from it is told, and the operator decides.
        return [place for place in self._places if not place.report and (self._served or not place.tries)]

    def _patience(self) -> float | None:
        pauses = [place.due - time.monotonic() for place in self._missing()]
        return max(0.0, min(pauses)) if pauses else None

    def _hear(self, said: str) -> None:
        self._reason = self._reason or said
        if said and self._served:
            _log.warning("%s", said)
        elif not said and not self._served:
            self._served = True
            announce(self._sockets[0].getsockname()[1], len(self._places))

    def _fill(self) -> None:
        for place in self._missing():
            if place.due <= time.monotonic():
                place.fill()
        if not self._served and not self._reports():
            raise EverReachError(self._reason)

    def _end(self) -> None:
        # Whoever calls now shall be refused at once, and not wait for a worker that never takes the call.
        for opened in self._sockets:
            opened.close()
        living = [place for place in self._places if place.report and place.process.pid]
        for place in living:
            place.process.terminate()
        deadline = time.monotonic() + self._config.everreach_shutdown_seconds + _GRACE_SECONDS
        for place in living:
            place.end(deadline)

    def _work(self, number: int, report: Connection) -> None:
        """A worker's whole life. What its parent has put off until its own end is not the worker's to do."""
        try:
            signal.set_wakeup_fd(-1)
            shared_memory.settle(number)
            self._held.close()
            live(self._serve(report))
        except EverReachError as error:
            report.send(error.message)
        except Exception as error:
            report.send(f"A worker stopped on {describe(error)}.")
        finally:
            os._exit(1)

    async def _serve(self, report: Connection) -> int:
        asyncio.get_running_loop().add_reader(self._lifeline.fileno(), self._orphaned)
        try:
            return await serve(self._config, self._sockets, lambda _: report.send(""))
        finally:
            # The loop gives up its handlers, and then a second signal would make an unclean end of a clean one.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline.fileno())
        signal.raise_signal(signal.SIGTERM)


class _Place:
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
