"""What comes in: its length is looked at before any of it is kept, and forms are read only where one is expected."""

import asyncio
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from tornado import httputil

from handlers import BASE, incoming
from tests.handlers.edge import check_error, raw_request
from tests.world import World, bearer, new_user

START = f"{BASE}/google/start"
HUGE = 10**15
PIECE = b"10000\r\n" + b"x" * 65536 + b"\r\n"


def head(user: str, *lines: str, path: str = START) -> bytes:
    token = bearer(user)["Authorization"]
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Authorization: {token}", *lines, "", ""]).encode()


def check_refused(reply: bytes) -> None:
    top, _, body = reply.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in top.lower()
    assert json.loads(body)["error"] == "Payload Too Large"


@pytest.mark.parametrize("length", [65537, 2**20, 2**30, HUGE, HUGE**3])
@pytest.mark.gen_test
async def test_a_length_that_is_too_large_is_refused_before_anything_comes(world: World, length: int) -> None:
    check_refused(await raw_request(world, head(new_user(), f"Content-Length: {length}")))


@pytest.mark.gen_test
async def test_who_asks_whether_to_go_on_is_told_at_once(world: World) -> None:
    request = head(new_user(), f"Content-Length: {HUGE}", "Expect: 100-continue")
    check_refused(await raw_request(world, request))


@pytest.mark.parametrize("path", [START, "/nothing"])
@pytest.mark.gen_test
async def test_chunks_are_refused_as_soon_as_they_are_too_many(world: World, path: str) -> None:
    check_refused(await raw_request(world, head(new_user(), "Transfer-Encoding: chunked", path=path) + 2 * PIECE))
    one = head(new_user(), "Transfer-Encoding: chunked", path=path) + b"7fffffff\r\n" + b"x" * 70000
    check_refused(await raw_request(world, one))


@pytest.mark.gen_test
async def test_who_goes_on_sending_reads_the_answer_all_the_same(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.config.port)
    writer.write(head(new_user(), f"Content-Length: {HUGE}"))
    async with asyncio.timeout(20):
        for _ in range(200):
            writer.write(b"x" * 65536)
            await writer.drain()
        check_refused(await reader.read())
    writer.close()


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(20):
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()


@pytest.mark.gen_test
async def test_who_never_stops_sending_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "LINGER_SECONDS", 0.2)
    _, writer = await asyncio.open_connection("127.0.0.1", world.config.port)
    writer.write(head(new_user(), f"Content-Length: {HUGE}"))
    with pytest.raises(ConnectionError):
        await send_for_ever(writer)
    writer.close()


@pytest.mark.gen_test
async def test_a_connection_goes_on_behind_a_body_that_nobody_wants(world: World) -> None:
    user = new_user()
    for path, status in (("/nothing", 404), (f"{BASE}/jobs/x/cancel", 404), (START, 200)):
        request = head(user, "Content-Length: 60000", path=path) + b" " * 60000
        reply = await raw_request(world, request + b"GET /livez HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n")
        assert reply.startswith(f"HTTP/1.1 {status} ".encode())
        assert reply.endswith(b'{"status":"alive"}')


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.gen_test
async def test_of_many_large_bodies_next_to_nothing_is_kept(world: World) -> None:
    lines = [await asyncio.open_connection("127.0.0.1", world.config.port) for _ in range(60)]
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for _, writer in lines:
        writer.write(head(new_user(), f"Content-Length: {900 * 1024}") + b"x" * 500 * 1024)
    check = [reader.readuntil(b"}") for reader, _ in lines]
    for reply in await asyncio.gather(*check):
        check_refused(reply)
    # What is written here lies in memory, too, until the network has taken it.
    assert tracemalloc.get_traced_memory()[1] - before < 60 * 700 * 1024
    for _, writer in lines:
        writer.close()


@pytest.mark.gen_test
async def test_only_the_callback_reads_a_form_and_nobody_one_of_many_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    whole = httputil.parse_body_arguments

    def counted(kind: str, *rest: object) -> None:
        read.append(kind)
        whole(kind, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(incoming, "parse_body_arguments", counted)
    monkeypatch.setattr(httputil.HTTPServerRequest, "_parse_body", lambda _: read.append("by Tornado"))
    parts = "multipart/form-data; boundary=x"
    for path in (f"{BASE}/google/callback", START, "/nothing"):
        for kind in (parts, "application/x-www-form-urlencoded"):
            await world.fetch(f"{world.origin}{path}", "POST", "a=b&" * 1000, **{"Content-Type": kind})
    assert read == ["application/x-www-form-urlencoded"]


@pytest.mark.gen_test
async def test_a_body_that_is_just_small_enough_is_taken(world: World) -> None:
    user = new_user()
    answer = await world.fetch(f"{world.origin}{START}", "POST", " " * 65536, **bearer(user))
    assert answer.status == 200
    check_error(await world.fetch(f"{world.origin}{START}", "POST", "x" * 65537, **bearer(user)), 413)
