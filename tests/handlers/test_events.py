"""Server-sent events: the websocket's states for whoever cannot hold one, with ids to go on from."""

import asyncio
import re
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from everreach.app import Node
from everreach.errors import TooManyRequestsError
from everreach.tokens import issue
from handlers.events import EventsHandler
from tests.handlers.edge import NOT_FOUND, check_error, not_hers, raw_request
from tests.handlers.following import (
    change,
    complete,
    events,
    events_to_the_end,
    following,
    next_event,
    path_of,
    running_job,
)
from tests.handlers.raw_line import SMALL, large_view, slow_line
from tests.world import SECRET, World, bearer, new_user


def check_stream(headers: Mapping[str, str]) -> None:
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Accel-Buffering"] == "no"
    assert not {"Server", "Content-Encoding", "Content-Length"} & set(headers)


@pytest.mark.gen_test
async def test_who_has_seen_the_end_is_told_not_to_come_again(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    # What has not ended goes on, whatever was seen last.
    for seen in ("2", "999", "x", ""):
        async with events(world.origin, job_id, user, **{"Last-Event-ID": seen}) as answer:
            check_stream(answer.headers)
            assert (await next_event(answer))["id"] == "2"
    await complete(world, job_id)
    await world.ended(job_id, user)
    for seen, status in (("3", 204), ("2", 200), ("x", 200), ("4", 200)):
        async with events(world.origin, job_id, user, **{"Last-Event-ID": seen}) as answer:
            assert answer.status == status
            assert [state["version"] for state in await events_to_the_end(answer)] == ([3] if status == 200 else [])
    await following(world.node, 0)


@pytest.mark.parametrize("wanted", ["keep-alive", "close"])
@pytest.mark.gen_test
async def test_to_http_1_0_the_end_of_the_line_is_the_end(world: World, wanted: str) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Connection": wanted, **bearer(user)}.items())
    asking = raw_request(world, f"GET {path_of('events', job_id)} HTTP/1.0\r\n{lines}\r\n".encode())
    reading = asyncio.create_task(asking)
    await following(world.node, 1)
    await complete(world, job_id)
    head, _, body = (await reading).partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert [line for line in body.split(b"\n") if line.startswith(b"id")] == [b"id: 2", b"id: 3"]
    assert body.endswith(b"}\n\n")


@pytest.mark.gen_test
async def test_a_head_sees_what_a_stream_would_say_of_itself_and_holds_nothing(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    answer = await world.api("HEAD", f"/status/{job_id}/events", user)
    assert (answer.status, answer.body) == (200, b"")
    check_stream(answer.headers)
    await following(world.node, 0)


@pytest.mark.settings(rate_limit_status="40/minute")
@pytest.mark.gen_test
async def test_refusals_are_those_of_every_endpoint(world: World) -> None:
    owner, stranger = new_user(), new_user()
    job_id = await running_job(world, owner)
    path = f"/status/{job_id}/events"
    for headers in ({}, {"Authorization": f"Bearer {issue(SECRET, owner, -60)}"}):
        answer = await world.api("GET", path, **headers)
        check_error(answer, 401, "Unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for name in not_hers(job_id):
        assert (await world.api("GET", f"/status/{name}/events", stranger)).json == NOT_FOUND
    for origin in ("https://evil.example", "null", f"{world.config.next_public_base_url}.evil.example"):
        check_error(await world.api("GET", path, Origin=origin), 403, "Forbidden")
        async with events(world.origin, job_id, owner, Origin=origin) as answer_:
            assert (await next_event(answer_))["id"]
    # An opening counts once, however long it stays open.
    for _ in range(40):
        async with events(world.origin, job_id, owner, Origin=str(world.config.next_public_base_url)) as answer_:
            await next_event(answer_)
    refused = await world.api("GET", path, owner)
    check_error(refused, 429, "Too Many Requests")
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.gen_test
async def test_when_the_token_ends_the_answer_does(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    token = {"Authorization": f"Bearer {issue(SECRET, user, 2)}"}
    began = time.time()
    async with events(world.origin, job_id, user, **token) as answer:
        assert [state["version"] for state in await events_to_the_end(answer)] == [2]
        assert time.time() < began + 10
    await following(world.node, 0)
    # The half minute for which a question is still answered, because clocks differ, holds no line open.
    async with events(world.origin, job_id, user, **token) as answer:
        assert [state["version"] for state in await events_to_the_end(answer)] == [2]


@pytest.mark.gen_test
async def test_a_server_that_stops_ends_the_answer_whole(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with (
        Node(world.config.model_copy(update={"port": 0})) as node,
        events(f"http://127.0.0.1:{node.port}", job_id, user) as answer,
    ):
        await next_event(answer)
        stopping = asyncio.create_task(node.stop())
        # An answer that is cut off would raise here.
        assert await events_to_the_end(answer) == []
        await stopping


@pytest.mark.gen_test
async def test_a_slow_reader_gets_the_latest_state_and_nothing_grows(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    line, one = await slow_line(world, "events", job_id, user)
    assert isinstance(one, EventsHandler)
    stream: Any = one.request.connection
    stream.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    written: list[int] = []
    transmit = one.transmit
    one.transmit = lambda data: written.append(len(data)) or transmit(data)  # type: ignore[method-assign,func-returns-value]
    for version in range(3, 3000):
        one.show(large_view(user, version))
        if version % 100 == 0:
            await asyncio.sleep(0)
    assert one._sent
    assert len(written) < 1500
    read = await line.read(b'"version":2999,')
    ids = [int(part.partition(b"\n")[0]) for part in read.split(b"\nid: ")[1:]]
    assert ids == sorted(set(ids))
    assert (ids[0], ids[-1]) == (2, 2999)
    line.abort()
    await following(world.node, 0)


@pytest.mark.skipif(shutil.which("node") is None, reason="the example is run by node (Debian: apt install nodejs)")
@pytest.mark.gen_test
async def test_the_documented_client_comes_back_as_eventsource_does_not(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    (example,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    ours = example.replace("https://api.example.com", world.origin)
    assert world.origin in ours
    token = bearer(user)["Authorization"].removeprefix("Bearer ")
    asked = f"followEvents(() => {token!r}, {job_id!r}, (job) => console.log(job.version, job.status))"
    (tmp_path / "example.mjs").write_text(f"{ours}\nconsole.log((await {asked}).status);\n")
    hit, refusals = world.node.services.limits.hit, [TooManyRequestsError(1)]

    async def once_too_many(*request: Any) -> None:
        if refusals:
            raise refusals.pop()
        await hit(*request)

    monkeypatch.setattr(world.node.services.limits, "hit", once_too_many)
    child = await asyncio.create_subprocess_exec("node", str(tmp_path / "example.mjs"), stdout=asyncio.subprocess.PIPE)
    await following(world.node, 1)
    assert refusals == []
    # A server that stops ends the line, and the client comes again.
    for one in list(world.node.services.followers._held):
        one.leave()
    await following(world.node, 0)
    await change(world, job_id)
    await following(world.node, 1)
    await complete(world, job_id)
    said, _ = await child.communicate()
    assert said.decode().split("\n") == ["2 processing", "3 processing", "4 completed", "completed", ""]
