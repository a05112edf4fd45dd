"""A listening socket that neither stops nor spins where the process has no file left for the next connection."""

import asyncio
import logging
from collections.abc import Callable
from socket import socket
from typing import Any, Final

from everreach import seldom

AT_ONCE: Final = 128
"""So many connections are taken before it is anybody else's turn."""

PAUSE_SECONDS: Final = 0.5
"""How long no connection is taken after there was no file for one."""

_SHARE: Final = 32  # One of so many connections ends where there is no room; about as many stay above it.
_log = logging.getLogger(__name__)


class Listening:
    """A socket from which connections are taken until stop().

    With `room` files open new connections cost old ones: `make_room` ends so many, and says whether there was one.
    """

    def __init__(
        self, listening: socket, take: Callable[[socket, Any], None], room: int, make_room: Callable[[int], bool]
    ) -> None:
        self._listening = listening
        self._take = take
        self._room = room
        self._make_room = make_room
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._go_on()

    def stop(self) -> None:
        """Take no more of them."""
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._listening)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = self._listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._wait(error)
                return
            # The kernel gives the lowest free number, so that a high one says how many are in use.
            if connection.fileno() >= self._room:
                self._squeeze_in(connection, address)
                return
            self._take(connection, address)

    def _squeeze_in(self, connection: socket, address: Any) -> None:
        """Take it in the place of others, whose files are free only in the loop's next turn.

        Their numbers are given out first, and only then one above the room again. To end but one each time would let
        two come for one that goes; to end a share of all keeps those above the room as few.
        """
        if self._make_room(self._room // _SHARE + 1):
            self._take(connection, address)
        else:
            connection.close()

    def _wait(self, error: OSError) -> None:
        """The socket stays readable: to try again at once would be to do nothing else."""
        if seldom.due("accept"):
            _log.error("no connection can be taken: %s", error.strerror)
        self._make_room(AT_ONCE)
        self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._go_on)
