"""A follower's client below HTTP: one that reads slowly, sends what it likes, and goes without a word."""

import asyncio
import socket
import struct

from everreach.jobs.job import Status
from everreach.jobs.status_document import View
from everreach.live.followed import Follower
from tests.handlers.following import SECONDS, following, handshake, path_of
from tests.world import World, bearer

SMALL = 4096
"""Bytes that the buffers of a slow client hold."""


class RawLine:
    """A client that is no more than a socket: it can read slowly, and go without a word."""

    def __init__(self, port: int, *, buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.setblocking(False)
        self._port = port

    def __del__(self) -> None:
        # A test that fails must not make a later one fail, too, over what it left open.
        self.socket.close()

    async def ask(self, kind: str, job_id: str, user: str, **headers: str) -> None:
        """Connect, and send the request."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        lines = {"Host": "127.0.0.1", **handshake(kind), **bearer(user), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await loop.sock_sendall(self.socket, f"GET {path_of(kind, job_id)} HTTP/1.1\r\n{head}\r\n".encode())

    async def read(self, until_: bytes) -> bytes:
        """What has come, once it holds this; or all, where the server ends it."""
        read = b""
        async with asyncio.timeout(SECONDS):
            while until_ not in read:
                try:
                    more = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
                except ConnectionError:
                    return read
                if not more:
                    return read
                read += more
        return read

    def abort(self) -> None:
        """Be gone, as a phone in a tunnel is when its network gives it up: a reset and no goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


async def slow_line(world: World, kind: str, job_id: str, user: str) -> tuple[RawLine, Follower]:
    """A client that reads when the test does, and the server's side of it."""
    line = RawLine(world.config.port, buffer=SMALL)
    await line.ask(kind, job_id, user)
    await following(world.node, 1)
    (one,) = world.node.services.hub._memory._kept[job_id].followers
    return line, one


def large_view(user: str, version: int) -> View:
    """A state of some nine kilobytes."""
    return View(user, version, Status.PROCESSING, b'{"version":%d,"padding":"%s"}' % (version, b"x" * 9000))
