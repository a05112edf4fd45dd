"""What the tests of followers share: jobs that only the test changes, and clients that hold a line open."""

import asyncio
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from everreach.app import Node
from handlers import BASE
from storage.indexes import JOBS
from tests.handlers.edge import until
from tests.storage.builders import Stores
from tests.world import World, bearer

SECONDS: Final = 10.0
"""No client waits longer for anything."""

KINDS: Final = ("poll", "ws", "events")
_HANDSHAKE: Final = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def path_of(kind: str, job_id: str, *, since: int = 2) -> str:
    """Where a job is followed in this way; a poll waits for what comes after `since`."""
    return f"{BASE}/status/{job_id}" + {"poll": f"?since={since}&wait=30", "ws": "/ws", "events": "/events"}[kind]


def handshake(kind: str) -> dict[str, str]:
    """What a request of this kind carries beside the token."""
    return _HANDSHAKE if kind == "ws" else {}


async def running_job(world: World, user: str) -> str:
    """A job at version 2 that runs and that nobody but the test changes: its worker's lease lasts for an hour."""
    stores = Stores(world.database)
    job_id = (await stores.waiting(user)).job_id
    later = await stores.now() + timedelta(hours=1)
    await change(world, job_id, status="processing", not_before=later, total_contacts=1000)
    return job_id


async def change(world: World, job_id: str, **values: Any) -> None:
    """What a worker does, on whatever node: one more version."""
    await world.database[JOBS].update_one({"_id": job_id}, {"$set": values, "$inc": {"version": 1}})


async def complete(world: World, job_id: str) -> None:
    """The job's end."""
    counts = {f"{name}_contacts": 1000 for name in ("total", "processed", "imported")}
    await change(world, job_id, status="completed", completed_at=await Stores(world.database).now(), **counts)


async def following(node: Node, number: int) -> None:
    """Wait until the node has so many followers, and holds as many lines."""

    async def as_many() -> bool:
        return node.services.watch.followers == len(node.services.followers) == number

    await until(as_many)


async def knows(node: Node, *, fresh: bool) -> None:
    """Wait until the node knows that its change stream is open, or that it is broken."""

    async def known() -> bool:
        watch = node.services.watch
        return watch._fresh if fresh else watch._sign_at is None

    await until(known)


@asynccontextmanager
async def websocket(
    origin: str,
    job_id: str,
    user: str | None = None,
    *,
    autoping: bool = True,
    protocols: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[ClientWebSocketResponse]:
    """A websocket's client that is let in."""
    headers = {**(bearer(user) if user else {}), **(headers or {})}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"{origin}{path_of('ws', job_id)}", headers=headers, protocols=protocols, autoping=autoping
        ) as line,
    ):
        yield line


async def next_state(line: ClientWebSocketResponse) -> dict[str, Any]:
    """The next frame."""
    message = await line.receive(SECONDS)
    assert message.type is WSMsgType.TEXT, message
    state: dict[str, Any] = json.loads(message.data)
    return state


async def states_to_the_end(line: ClientWebSocketResponse, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Every frame until the server closes the line; its reason is in `close_code` then."""
    states = []
    while (message := await line.receive(seconds)).type is WSMsgType.TEXT:
        states.append(json.loads(message.data))
    return states


@asynccontextmanager
async def events(origin: str, job_id: str, user: str, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """A client of server-sent events, whatever it is answered."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=SECONDS)) as session,
        session.get(f"{origin}{path_of('events', job_id)}", headers={**bearer(user), **headers}) as answer,
    ):
        yield answer


async def next_event(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The fields of the next event, a comment's under the empty name; none at the end."""
    fields: dict[str, str] = {}
    async for line in answer.content:
        if line == b"\n":
            break
        name, _, value = line.decode().rstrip("\n").partition(":")
        assert name not in fields
        fields[name] = value.removeprefix(" ")
    return fields


async def events_to_the_end(answer: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    """The states of all events; their ids are their versions."""
    states = []
    while fields := await next_event(answer):
        if "data" in fields:
            states.append(json.loads(fields["data"]))
            assert fields == {"id": str(states[-1]["version"]), "data": fields["data"]}
    return states


def check_states(states: list[dict[str, Any]]) -> None:
    """They are in order, none comes twice, and they are all of one job that never goes back."""
    for earlier, later in itertools.pairwise(states):
        assert later["version"] > earlier["version"]
        assert later["processed_contacts"] >= earlier["processed_contacts"]
        assert later["id"] == earlier["id"]
        assert earlier["completed_at"] is None


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
