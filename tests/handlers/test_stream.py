"""The websocket: the job now, then each state that comes, for its owner only, and a close that says why."""

import asyncio
import socket
import time

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from everreach.app import Node
from everreach.tokens import issue
from handlers import stream
from handlers.stream import StreamHandler
from tests.handlers.edge import NOT_FOUND, check_error, not_hers, raw_request
from tests.handlers.following import (
    SECONDS,
    change,
    complete,
    following,
    handshake,
    next_state,
    path_of,
    running_job,
    states_to_the_end,
    websocket,
)
from tests.handlers.raw_line import SMALL, RawLine, large_view, slow_line
from tests.world import SECRET, Answer, World, bearer, new_user

FRONTEND = "https://app.everreach.example"


async def refused(world: World, job_id: str, user: str | None = None, **headers: str) -> Answer:
    """The answer to a handshake that is not followed by an upgrade."""
    return await world.api("GET", f"/status/{job_id}/ws", user, **{**handshake("ws"), **headers})


async def closed(line: ClientWebSocketResponse) -> int | None:
    """The code with which the server closes the line; nothing else may come before."""
    message = await line.receive(SECONDS)
    assert message.type is not WSMsgType.TEXT
    return line.close_code


@pytest.mark.gen_test
async def test_a_job_that_has_ended_is_shown_once(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    await complete(world, job_id)
    async with websocket(world.origin, job_id, user) as line:
        assert [state["status"] for state in await states_to_the_end(line)] == ["completed"]
        assert line.close_code == 1000


@pytest.mark.gen_test
async def test_a_token_comes_by_header_or_by_subprotocol_and_is_never_sent_back(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    token = issue(SECRET, user, 3600)
    async with websocket(world.origin, job_id, protocols=("bearer", token)) as line:
        assert line.protocol == "bearer"
        assert (await next_state(line))["id"] == job_id
    line_ = RawLine(world.config.port)
    await line_.ask("ws", job_id, user, **{"Sec-WebSocket-Protocol": f"bearer,{token}"})
    reply = await line_.read(job_id.encode())
    assert b"\r\nSec-Websocket-Protocol: bearer\r\n" in reply
    assert token.encode() not in reply
    line_.abort()
    async with websocket(world.origin, job_id, user) as line:
        assert line.protocol is None
        assert (await next_state(line))["id"] == job_id


@pytest.mark.gen_test
async def test_without_a_good_token_there_is_no_upgrade(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    good, late = issue(SECRET, user, 3600), issue(SECRET, user, -60)
    protocols = ["bearer", "bearer, x.y.z", f"bearer, {late}", f"bearer, {good}, x", f"{good}, bearer", f"chat, {good}"]
    headers = [{"Sec-WebSocket-Protocol": protocol} for protocol in protocols]
    headers += [{}, {"Authorization": f"Bearer {late}"}, {"Authorization": good}]
    # Who brings a token in the one place is not asked for another in the other.
    headers += [{"Authorization": f"Bearer {good}", "Sec-WebSocket-Protocol": "bearer, x.y.z"}]
    for some in headers:
        answer = await refused(world, job_id, **some)
        check_error(answer, 401, "Unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.gen_test
async def test_what_is_not_hers_is_refused_before_the_upgrade(world: World) -> None:
    owner, stranger = new_user(), new_user()
    job_id = await running_job(world, owner)
    async with websocket(world.origin, job_id, owner) as line:
        await next_state(line)
        for name in not_hers(job_id):
            answer = await refused(world, name, stranger)
            check_error(answer, 404)
            assert answer.json == NOT_FOUND
        assert world.node.services.watch.followers == 1
        await complete(world, job_id)
        assert (await next_state(line))["status"] == "completed"


BASE_URL = "https://api.everreach.example/behind/a/path"
FOREIGN = [
    "https://evil.example", "null", "", "*", f"{FRONTEND}.evil.example", FRONTEND.replace("https", "http"),
    f"{FRONTEND}:8443", f"{FRONTEND}, https://evil.example", f"{FRONTEND},{FRONTEND}", "file://", "capacitor://localhost",
    "https://app.everreach.example@evil.example", "http://api.everreach.example:443",
]  # fmt: skip
OURS = [
    FRONTEND, f"{FRONTEND}/", f"{FRONTEND}:443", "https://APP.everreach.example", "https://beta.everreach.example:8443",
    "https://api.everreach.example", "https://api.everreach.example/", "https://api.everreach.example:443",
]  # fmt: skip
MADE_UP = [
    "https://api.everreach.example", "https://api.everreach.example/", "http://10.0.2.2:8080", "http://192.168.0.7:8081",
    "https://api.everreach.example:443", "null", "https://evil.example", "file://",
]  # fmt: skip
TWO_FRONTENDS = pytest.mark.settings(
    next_public_frontend_url=f"{FRONTEND}/, https://Beta.everreach.example:8443/app", next_public_base_url=BASE_URL
)


@TWO_FRONTENDS
@pytest.mark.gen_test
async def test_our_own_pages_are_let_in_and_foreign_ones_are_not(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    protocols = ("bearer", issue(SECRET, user, 3600))
    by_protocol = {"Sec-WebSocket-Protocol": ", ".join(protocols)}
    # A browser sends passwords that it remembers by itself.
    remembered = {**by_protocol, "Authorization": "Basic dXNlcjpwYXNz"}
    for origin in FOREIGN:
        # A foreign page does not even learn whether its visitor is signed in.
        for headers in (by_protocol, remembered, {}):
            check_error(await refused(world, job_id, Origin=origin, **headers), 403, "Forbidden")
    check_error(await refused(world, job_id, **by_protocol, **{"Sec-Fetch-Site": "cross-site"}), 403, "Forbidden")
    for ours in OURS:
        headers = {"Origin": ours, "Sec-Fetch-Site": "same-site"}
        async with websocket(world.origin, job_id, protocols=protocols, headers=headers) as line:
            assert (await next_state(line))["id"] == job_id


@TWO_FRONTENDS
@pytest.mark.gen_test
async def test_who_brings_a_token_in_the_header_may_name_any_origin(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    for origin in MADE_UP:
        async with websocket(world.origin, job_id, user, headers={"Origin": origin}) as line:
            assert (await next_state(line))["id"] == job_id
        check_error(await refused(world, job_id, Origin=origin, Authorization="Bearer x.y.z"), 401, "Unauthorized")
        check_error(await refused(world, job_id, new_user(), Origin=origin), 404)


@pytest.mark.settings(rate_limit_status="3/minute")
@pytest.mark.gen_test
async def test_an_opening_counts_once_and_one_too_many_is_429(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with websocket(world.origin, job_id, user) as line:
        for _ in range(4):
            await next_state(line)
            await change(world, job_id)
        await world.status(job_id, user)
        async with websocket(world.origin, job_id, user):
            answer = await refused(world, job_id, user)
            check_error(answer, 429, "Too Many Requests")
            assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.gen_test
async def test_what_is_no_handshake_is_told_so_in_our_words(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    whole = handshake("ws")
    for name in whole:
        check_error(await refused(world, job_id, user, **{name: "x" if name != "Sec-WebSocket-Key" else ""}), 426)
    answer = await world.api("GET", f"/status/{job_id}/ws", user)
    check_error(answer, 426, "Upgrade Required")
    assert (answer.headers["Upgrade"], answer.headers["Sec-WebSocket-Version"]) == ("websocket", "13")


@pytest.mark.gen_test
async def test_http_1_0_knows_no_upgrade_and_a_head_wants_none(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**handshake("ws"), **bearer(user)}.items())
    reply = await raw_request(world, f"GET {path_of('ws', job_id)} HTTP/1.0\r\n{lines}\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 426 ")
    answer = await world.api("HEAD", f"/status/{job_id}/ws", user, **handshake("ws"))
    assert (answer.status, answer.body) == (426, b"")
    assert world.node.services.watch.followers == 0


@pytest.mark.gen_test
async def test_when_the_token_ends_the_line_is_closed_with_4401(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    token = {"Authorization": f"Bearer {issue(SECRET, user, 2)}"}
    began = time.time()
    async with websocket(world.origin, job_id, headers=token) as line:
        await next_state(line)
        assert await closed(line) == 4401
        assert time.time() < began + 10
    await following(world.node, 0)


@pytest.mark.gen_test
async def test_a_server_that_stops_says_so(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with Node(world.config.model_copy(update={"port": 0})) as node:
        async with websocket(f"http://127.0.0.1:{node.port}", job_id, user) as line:
            await next_state(line)
            stopping = asyncio.create_task(node.stop())
            assert await closed(line) == 1001
        await stopping


@pytest.mark.gen_test
async def test_what_a_client_has_no_business_to_send_closes_its_line_and_no_other(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with websocket(world.origin, job_id, user) as other, websocket(world.origin, job_id, user) as line:
        await next_state(other)
        # Small texts are read and forgotten.
        for _ in range(100):
            await line.send_str("x" * 1000)
        await next_state(line)
        await line.send_bytes(b"x")
        assert await closed(line) == 1003
        async with websocket(world.origin, job_id, user) as large:
            await next_state(large)
            await large.send_str("x" * 1025)
            assert await closed(large) in {1009, 1006, None}
        await following(world.node, 1)
        await complete(world, job_id)
        assert (await next_state(other))["status"] == "completed"


@pytest.mark.gen_test
async def test_nothing_is_compressed_whoever_offers_it(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    line = RawLine(world.config.port)
    await line.ask("ws", job_id, user, **{"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
    head, _, frame = (await line.read(b"}")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in head.lower()
    # A whole text frame of 126 to 65535 bytes, and no reserved bit set.
    assert frame[:2] == b"\x81\x7e"
    assert int.from_bytes(frame[2:4]) == len(frame[4:])
    line.abort()


@pytest.mark.gen_test
async def test_a_slow_reader_gets_the_latest_state_and_nothing_grows(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    line, one = await slow_line(world, "ws", job_id, user)
    assert isinstance(one, StreamHandler)
    assert one.ws_connection
    assert one.ws_connection.stream
    one.ws_connection.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    waiting: list[int] = []
    for version in range(3, 3000):
        one.show(large_view(user, version))
        waiting.append(len(one.ws_connection.stream._write_buffer))
        if version % 100 == 0:
            await asyncio.sleep(0)
    # One state is on its way; all that came behind it are one more.
    assert max(waiting) < 2 * 9100
    read = await line.read(b'"version":2999,')
    versions = [int(part.partition(b",")[0]) for part in read.split(b'"version":')[2:]]
    assert versions == sorted(set(versions))
    assert len(versions) < 1500
    assert b"".join(stream._frame(large_view(user, version).body) for version in versions[:-1]) in read
    line.abort()
    await following(world.node, 0)
