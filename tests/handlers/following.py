"""What the tests of followers share: jobs that only the test changes, and clients that hold a line open."""

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from everreach.server.app import Node
from handlers import BASE
from storage.indexes import JOBS
from tests.handlers.edge import until
from tests.storage.builders import Stores
from tests.world import World, bearer

SECONDS: Final = 40.0
"""No client waits longer for anything, on a machine however busy."""

KINDS: Final = ("poll", "ws", "events")
_HANDSHAKE: Final = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def path_of(kind: str, job_id: str, *, since: int = 2) -> str:
    """Where a job is followed in this way; a poll waits for what comes after `since`."""
    return f"{BASE}/status/{job_id}" + {"poll": f"?since={since}&wait=60", "ws": "/ws", "events": "/events"}[kind]


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
        return node.services.hub.followers == len(node.services.followers) == number

    await until(as_many)


async def knows(node: Node, *, fresh: bool) -> None:
    """Wait until the node knows that its change stream is open, or that it is broken."""

    async def known() -> bool:
        watch = node.services.hub._freshness
        return watch.lasts if fresh else watch._sign_at is None

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


class Line(NamedTuple):
    """A client that is shown states, in whatever way: the next one, and all until the server says that it is over."""

    next: Callable[[], Awaitable[dict[str, Any]]]
    to_the_end: Callable[[], Awaitable[list[dict[str, Any]]]]


@asynccontextmanager
async def shown(kind: str, origin: str, job_id: str, user: str) -> AsyncIterator[Line]:
    """A client of this kind that is let in."""
    if kind == "ws":
        async with websocket(origin, job_id, user) as line:
            yield Line(partial(next_state, line), partial(states_to_the_end, line))
    else:
        async with events(origin, job_id, user) as answer:
            assert answer.status == 200
            yield Line(partial(_next_told, answer), partial(events_to_the_end, answer))


async def _next_told(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((await next_event(answer))["data"])
    return state
