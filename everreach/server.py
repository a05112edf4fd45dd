"""The listening end of a node: takes connections, keeps room for the next one, and ends those that are silent."""

import copy
import logging
import resource
import sys
from collections.abc import Awaitable, Iterable
from itertools import islice
from socket import socket
from typing import Final, cast

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.httputil import HTTPServerConnectionDelegate as Application
from tornado.iostream import UnsatisfiableReadError

from everreach import seldom
from everreach.listening import Listening

HEADER_LIMIT: Final = 32768
"""Bytes of a request's head: a signed-in person's token may be of 16 KiB."""

HEADER_SECONDS: Final = 60.0
"""How long a new connection may take to say what it wants."""

IDLE_SECONDS: Final = 300.0
"""How long a connection is kept for another request. Longer than proxies do: who ends it while they ask loses that."""

BODY_SECONDS: Final = 30.0
"""For a body to arrive; whoever sends slower only holds the connection."""

SPARE_FILES: Final = 700
"""So many files below the limit connections end: the database's, the providers', the log and what is to come."""

MOST_FILES: Final = 65536
"""A process that may have more open files than these needs no more."""

_BUFFER_LIMIT: Final = 131072  # Bytes that have come and that nobody has taken yet; the head has to fit.
_log = logging.getLogger(__name__)


def raise_file_limit() -> None:
    """Raise the soft limit of open files towards the hard one: each connection is a file, and 1024 are soon used."""
    soft, hard = (_finite(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    if soft < min(hard, MOST_FILES):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(hard, MOST_FILES), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )


def room_for_connections() -> int:
    """How many files may be open before a new connection costs an old one."""
    limit = _finite(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return max(limit - SPARE_FILES, limit // 2)


def _finite(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


class Server(HTTPServer):
    """Serves an application over HTTP/1.1. With `room` files open, who has been silent the longest makes room."""

    def initialize(self, application: Application, *, room: int) -> None:  # type: ignore[override]
        """Nobody has called yet."""
        super().initialize(
            application,
            max_header_size=HEADER_LIMIT,
            max_buffer_size=_BUFFER_LIMIT,
            # How large a body may be is for its route to say.
            max_body_size=sys.maxsize,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=BODY_SECONDS,
        )
        self._at_first = copy.copy(self.conn_params)
        self._at_first.header_timeout = HEADER_SECONDS
        self._room = room
        # Those from whom something has to come, the longest silent first, and those that wait for us.
        self._silent: dict[HTTP1ServerConnection, None] = {}
        self._served: set[HTTP1ServerConnection] = set()

    def add_sockets(self, sockets: Iterable[socket]) -> None:
        """Take connections from these, in a way that an exhausted table of files neither stops nor makes spin."""
        for listening in sockets:
            self._sockets[listening.fileno()] = listening
            taking = Listening(listening, self._handle_connection, self._room, self._make_room)
            self._handlers[listening.fileno()] = taking.stop

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Wait for the next request of a connection, and not long for the first one."""
        connection = cast(HTTP1ServerConnection, server_conn)
        if connection not in self._served:
            cast(HTTP1Connection, request_conn).params = self._at_first
        self._served.discard(connection)
        self.heard(connection)
        return _Heard(super().start_request(server_conn, request_conn), self, connection)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that has ended."""
        super().on_close(server_conn)
        connection = cast(HTTP1ServerConnection, server_conn)
        self._silent.pop(connection, None)
        self._served.discard(connection)
        if isinstance(connection.stream.error, UnsatisfiableReadError) and seldom.due("too large"):
            _log.warning("a request was refused whose head is larger than %d bytes", HEADER_LIMIT)

    def heard(self, connection: HTTP1ServerConnection) -> None:
        """Something came, and more has to come."""
        self._silent.pop(connection, None)
        self._silent[connection] = None

    def whole(self, connection: HTTP1ServerConnection) -> None:
        """The request is there; who waits now is the client."""
        self._silent.pop(connection, None)
        self._served.add(connection)

    def _make_room(self, number: int) -> bool:
        """End so many connections, those that have been silent the longest; whether there was one."""
        if seldom.due("room"):
            _log.warning("nearly all files that this process may open are in use: silent connections are closed")
        longest = list(islice(self._silent, number))
        for connection in longest:
            del self._silent[connection]
            connection.stream.close()
        return bool(longest)


class _Heard(HTTPMessageDelegate):
    """Passes a request on, and tells the server whenever something of it comes."""

    def __init__(self, passed: HTTPMessageDelegate, server: Server, connection: HTTP1ServerConnection) -> None:
        self._passed = passed
        self._server = server
        self._connection = connection

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._server.heard(self._connection)
        return self._passed.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._server.heard(self._connection)
        return self._passed.data_received(chunk)

    def finish(self) -> None:
        self._server.whole(self._connection)
        self._passed.finish()

    def on_connection_close(self) -> None:
        self._passed.on_connection_close()
