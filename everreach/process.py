"""A process that serves: its event loop, its interpreter, the signals that end it, and one node from start to stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn

import uvloop

from everreach import heap
from everreach.app import Node
from everreach.config import Config
from everreach.seldom import complain
from everreach.server import raise_file_limit

ENDINGS: Final = (signal.SIGTERM, signal.SIGINT)
"""Each of them ends a server cleanly."""

_log = logging.getLogger(__name__)


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command on the product's event loop; returns its exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(command)


def live(command: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a server's whole life, and end the process with its exit code; raises what kept it from living.

    All that was begun is ended by then. What may be left are threads of the driver, and of look-ups of names, that wait
    for somebody who hangs; Python would join them first. What has to last stands in the database.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(command)
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            # Whoever read it may be gone.
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def announce(port: int, workers: int = 1) -> None:
    """Say where the server listens."""
    _log.info("listening on port %d%s", port, f" with {workers} workers" if workers > 1 else "")


def warn(config: Config) -> None:
    """Say what is risky in the settings."""
    for sentence in config.warnings:
        _log.warning("%s", sentence)


async def serve(
    config: Config, sockets: Sequence[socket.socket] = (), started: Callable[[int], None] = announce
) -> int:
    """Be a node until a signal ends it; `started` is told the port as soon as it serves. Returns the exit code."""
    heap.share()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.set_exception_handler(complain)
    for number in ENDINGS:
        loop.add_signal_handler(number, stop.set)
    raise_file_limit()
    # A parent holds them back until there is somebody to take them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
    node = await _unless(stop, Node(config, sockets).__aenter__())
    if node is None:
        return 0
    try:
        _tune()
        started(node.port)
        await stop.wait()
    finally:
        await node.stop()
    return 0


async def _unless(stop: asyncio.Event, starting: Coroutine[Any, Any, Node]) -> Node | None:
    """What is started, or None where it is to end before: nobody has to wait for a database that hangs at the start."""
    start, told = asyncio.create_task(starting), asyncio.create_task(stop.wait())
    await asyncio.wait({start, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if start.done():
        return start.result()
    start.cancel()
    with suppress(asyncio.CancelledError):
        return await start
    return None


def _tune() -> None:
    # A page makes thousands of small objects that all die young; looking for cycles among them finds none. The look at
    # the newest is kept so short that nobody who asks for a status notices it, and the longer looks are rare: one for
    # each million of objects that are left. What lives as long as the process is not looked at again.
    gc.freeze()
    gc.set_threshold(10_000, 100, 20)
    # The driver's threads ask for the interpreter several times in each statement, while the loop works on the next
    # page; at the usual 5 ms a time the database waits for us.
    sys.setswitchinterval(0.0005)


@contextmanager
def told_to_end() -> Iterator[socket.socket]:
    """A socket that has something to read once such a signal came, for a process that has no event loop."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in ENDINGS:
            signal.signal(number, lambda *_: None)
        yield reader
        signal.set_wakeup_fd(-1)
