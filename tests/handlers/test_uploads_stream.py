"""A file on its way in: stored as it comes, refused as soon as it is too much, gone without a trace if it breaks."""

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from handlers import BASE, incoming_file
from handlers.services import UPLOADS_OF_ALL
from storage.files.uploads import PIECE_BYTES
from storage.indexes import UPLOAD_CHUNKS, UPLOADS
from tests.handlers.edge import until
from tests.handlers.test_incoming import head
from tests.world import World, new_user

PATH = f"{BASE}/uploads"
MIB = 1024 * 1024
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Lovelace\r\nEMAIL:ada@example.org\r\nEND:VCARD\r\n"
packed = partial(gzip.compress, mtime=0)
CHUNKED = "Transfer-Encoding: chunked"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def cards(size: int) -> bytes:
    """A file of at least this size."""
    return CARD * (size // len(CARD) + 1)


@asynccontextmanager
async def sending(world: World, user: str, *lines: str) -> AsyncIterator[tuple[asyncio.StreamReader, Any]]:
    """A line on which an upload has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.config.port)
    writer.write(head(user, *lines, path=PATH))
    yield reader, writer
    writer.close()


async def status_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(20):
        reply = await reader.read()
    top, _, body = reply.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


async def pieces(world: World) -> list[dict[str, Any]]:
    return await world.database[UPLOAD_CHUNKS].find().sort("n").to_list(None)


async def everything(world: World) -> dict[str, int]:
    """How many documents there are in each collection that has any, but for the counting of requests."""
    names = set(await world.database.list_collection_names()) - {"rate_limits"}
    counts = {name: await world.database[name].count_documents({}) for name in names}
    return {name: count for name, count in counts.items() if count}


async def nothing(world: World) -> None:
    """Wait until nothing is left."""

    async def gone() -> bool:
        return not await everything(world)

    await until(gone)


@pytest.mark.gen_test
async def test_a_file_is_stored_byte_for_byte_in_pieces(world: World) -> None:
    file = cards(2 * PIECE_BYTES + 7)
    answer = await world.api("POST", "/uploads?filename=my.vcf", new_user(), file)
    assert answer.status == 201, answer.body
    stored = await pieces(world)
    assert [len(piece["data"]) for piece in stored] == [PIECE_BYTES, PIECE_BYTES, len(file) - 2 * PIECE_BYTES]
    assert b"".join(piece["data"] for piece in stored) == file
    (upload,) = await world.database[UPLOADS].find().to_list(None)
    assert (upload["_id"], upload["received"]) == (answer.json["job_id"], len(file))


def form(file: bytes, *, name: bytes = b'; filename="b\xc3\xb6rse.vcf"') -> bytes:
    """A form with a field, and a file."""
    field = b'--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\nnothing\r\n'
    top = b'--xyz\r\nContent-Disposition: form-data; name="file"%s\r\nContent-Type: text/vcard\r\n\r\n' % name
    return field + top + file + b"\r\n--xyz--\r\n"


FORM = {"Content-Type": 'multipart/form-data; boundary="xyz"'}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (form(CARD), FORM),
        (packed(CARD), {}),
        (packed(CARD), {"Content-Encoding": "gzip"}),
        (packed(packed(CARD)), {"Content-Encoding": "gzip"}),
        (packed(CARD[:30]) + packed(CARD[30:]) + b"\0" * 9, {}),
        (form(packed(CARD)), FORM),
        (packed(form(CARD)), {**FORM, "Content-Encoding": "gzip"}),
        (CARD, {"Content-Type": "application/json"}),
        (CARD, {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
@pytest.mark.gen_test
async def test_however_it_is_packed_the_file_is_what_was_in_it(
    world: World, body: bytes, headers: dict[str, str]
) -> None:
    answer = await world.api("POST", "/uploads", new_user(), body, **headers)
    assert answer.status == 201, answer.body
    assert [piece["data"] for piece in await pieces(world)] == [CARD]
    job = await world.stored(answer.json["job_id"])
    assert job["provider_account_name"] == ("börse.vcf" if "Content-Type" in headers and body != CARD else None)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"", {}),
        (400, packed(b""), {}),
        (400, packed(CARD)[:-9], {}),
        (400, packed(CARD) + b"rubbish", {}),
        (400, b"\x1f\x8brubbish", {}),
        (400, CARD, {"Content-Encoding": "gzip"}),
        (415, CARD, {"Content-Encoding": "br"}),
        (415, b"\x89PNG\r\n\x1a\n\0\0\0\0" * 100, {}),
        (400, form(CARD)[:-9], FORM),
        (400, form(CARD, name=b""), FORM),
        (400, form(b""), FORM),
        (400, form(CARD)[:-9] + b"\r\n" + form(CARD), FORM),
        (400, form(CARD), {"Content-Type": "multipart/form-data"}),
        (400, form(CARD), {"Content-Type": "multipart/form-data; boundary=other"}),
    ],
)
@pytest.mark.gen_test
async def test_what_is_no_file_leaves_nothing_behind(
    world: World, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = await world.api("POST", "/uploads", new_user(), body, **headers)
    assert answer.status == status, answer.body
    assert answer.json["message"].endswith(".")
    await nothing(world)


@pytest.mark.parametrize("query", ["region=XX", "region=GBR", "begin=yes", "filename=%ff", "region=GB&region=US"])
@pytest.mark.gen_test
async def test_what_the_query_may_not_say_is_refused_before_anything_comes(world: World, query: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.config.port)
    writer.write(head(new_user(), "Content-Length: 1000000", path=f"{PATH}?{query}"))
    status, body = await status_of(reader)
    assert (status, query.partition("=")[0].encode() in body) == (400, True)
    writer.close()
    await nothing(world)


@pytest.mark.gen_test
async def test_a_stranger_is_refused_before_anything_comes(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.config.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode())
    assert (await status_of(reader))[0] == 401
    writer.close()
    await nothing(world)


@pytest.mark.settings(everreach_max_upload=8 * MIB)
@pytest.mark.gen_test
async def test_a_file_that_says_that_it_is_too_large_is_refused_at_once(world: World) -> None:
    async with sending(world, new_user(), f"Content-Length: {200 * MIB}") as (reader, _):
        assert (await status_of(reader))[0] == 413
    await nothing(world)


@pytest.mark.settings(everreach_max_upload=3 * MIB)
@pytest.mark.gen_test
async def test_a_file_that_does_not_is_refused_while_it_streams_and_its_line_ends(world: World) -> None:
    async with sending(world, new_user(), CHUNKED) as (reader, writer):
        sent = 0
        while sent < 200 and not reader.at_eof() and not writer.is_closing():
            writer.write(chunk(b"x" * MIB))
            sent += 1
            try:
                await writer.drain()
            except ConnectionError:
                break
            if reader._buffer:  # type: ignore[attr-defined]
                break
        assert sent < 40
        status, body = await status_of(reader)
        assert (status, json.loads(body)["error"]) == (413, "Payload Too Large")
    await nothing(world)


@pytest.mark.gen_test
async def test_a_picture_is_refused_as_soon_as_it_begins(world: World) -> None:
    async with sending(world, new_user(), f"Content-Length: {50 * MIB}") as (reader, writer):
        writer.write(b"\x89PNG\r\n\x1a\n" + bytes(1000))
        assert (await status_of(reader))[0] == 415
        # Its line is still there, but it keeps nobody's place.
        await nothing(world)
        assert not world.node.services.upload_lanes._lanes
    await nothing(world)


@pytest.mark.settings(everreach_max_upload=3 * MIB)
@pytest.mark.parametrize("size", [3 * MIB, 3 * MIB + 1])
@pytest.mark.gen_test
async def test_the_limit_is_exact_in_a_form_and_out_of_one(world: World, size: int) -> None:
    file = cards(size)[:size]
    for body, headers in ((file, {}), (form(file), FORM), (packed(file, 1), {})):
        answer = await world.api("POST", "/uploads", new_user(), body, **headers)
        assert answer.status == (201 if size <= 3 * MIB else 413)


@pytest.mark.settings(everreach_max_upload=MIB)
@pytest.mark.gen_test
async def test_what_is_packed_may_not_be_larger_than_what_is_not(world: World) -> None:
    file = packed(cards(MIB)[:MIB], 0)
    assert MIB < len(file) < MIB + 1000
    assert (await world.api("POST", "/uploads", new_user(), file)).status == 413


@pytest.mark.settings(everreach_max_upload=8 * MIB)
@pytest.mark.gen_test
async def test_a_bomb_is_refused_before_it_has_gone_off(world: World) -> None:
    bomb = packed(b"\n" * 400 * MIB, 1)
    assert len(bomb) < 8 * MIB
    twice = packed(bomb)
    for body, headers in ((bomb, {}), (twice, {"Content-Encoding": "gzip"})):
        tracemalloc.start()
        answer = await world.api("POST", "/uploads", new_user(), body, **headers)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer.status == 413
        assert peak < 12 * MIB
    await nothing(world)


@pytest.mark.gen_test
async def test_who_breaks_off_leaves_nothing_behind(world: World) -> None:
    async with sending(world, new_user(), f"Content-Length: {50 * MIB}") as (_, writer):
        writer.write(cards(3 * MIB))

        async def stored() -> bool:
            return len(await pieces(world)) >= 2

        await until(stored)
    await nothing(world)


@pytest.mark.gen_test
async def test_a_slow_file_is_waited_for_and_a_silent_one_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_file, "SILENT_SECONDS", 1.0)
    async with sending(world, new_user(), f"Content-Length: {len(CARD)}", "Connection: close") as (reader, writer):
        for place in range(0, len(CARD), 20):
            writer.write(CARD[place : place + 20])
            await asyncio.sleep(0.4)
        assert (await status_of(reader))[0] == 201
    assert len(await pieces(world)) == 1
    await world.database.client.drop_database(world.database.name)
    async with sending(world, new_user(), f"Content-Length: {len(CARD)}") as (reader, writer):
        writer.write(CARD[:20])
        async with asyncio.timeout(20):
            assert await reader.read() == b""
    await nothing(world)


@pytest.mark.gen_test
async def test_two_at_once_are_let_in_and_a_third_has_to_come_again(world: World) -> None:
    user = new_user()
    async with (
        sending(world, user, f"Content-Length: {len(CARD)}", "Connection: close") as (first, one),
        sending(world, user, f"Content-Length: {len(CARD)}", "Connection: close") as (second, two),
    ):

        async def both() -> bool:
            return await world.database[UPLOADS].count_documents({}) == 2

        await until(both)
        answer = await world.api("POST", "/uploads", user, CARD)
        assert (answer.status, "Retry-After" in answer.headers) == (429, True)
        assert (await world.api("POST", "/uploads", new_user(), CARD)).status == 201
        for reader, writer in ((first, one), (second, two)):
            writer.write(CARD)
            assert (await status_of(reader))[0] == 201
    assert (await world.api("POST", "/uploads", user, CARD)).status == 201


@pytest.mark.gen_test
async def test_of_everybody_together_so_many_are_let_in_as_memory_has_room_for(world: World) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(UPLOADS_OF_ALL):
            await stack.enter_async_context(world.node.services.upload_lanes.lane(new_user()))
        assert (await world.api("POST", "/uploads", new_user(), CARD)).status == 429
    assert (await world.api("POST", "/uploads", new_user(), CARD)).status == 201


@pytest.mark.settings(rate_limit_uploads="2/hour")
@pytest.mark.gen_test
async def test_so_many_in_an_hour_whatever_becomes_of_them(world: World) -> None:
    user = new_user()
    assert [(await world.api("POST", "/uploads", user, body)).status for body in (CARD, b"", CARD)] == [201, 400, 429]
    assert (await world.api("POST", "/uploads", new_user(), CARD)).status == 201


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.gen_test
async def test_memory_is_the_same_for_any_size(world: World) -> None:
    card = CARD.replace(b"END:VCARD", b"NOTE:%s\r\nEND:VCARD" % (b"x" * 4000))
    part = card * 15

    async def peak(parts: int) -> int:
        async with sending(world, new_user(), f"Content-Length: {parts * len(part)}", "Connection: close") as (
            reader,
            writer,
        ):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(parts):
                writer.write(part)
                await writer.drain()
            assert (await status_of(reader))[0] == 201
            return tracemalloc.get_traced_memory()[1] - before

    small, large = await peak(60), await peak(50 * MIB // len(part))
    assert large < small + 2 * MIB
    assert large < 8 * MIB


@pytest.mark.gen_test
async def test_elsewhere_a_body_stays_small(world: World) -> None:
    answer = await world.api("POST", "/google/start", new_user(), b" " * 65537)
    assert answer.status == 413
