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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
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
from everreach.server.worker_place import WorkerPlace
from storage.embedded.mongod import EmbeddedMongod

_GRACE_SECONDS: Final = 3.0  # What a clean stop may take beside the pages in flight.
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
        self._places = [WorkerPlace(number, self._work) for number in range(1, count + 1)]
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

    def _missing(self) -> list[WorkerPlace]:
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
