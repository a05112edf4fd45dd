"""A websocket's client has nothing to say: frames without end, and frames that are not masked, end its line."""

import asyncio
import struct

import pytest

from handlers import frames
from handlers.frames import BURST
from tests.handlers.following import following, running_job
from tests.handlers.raw_line import RawLine
from tests.world import World, new_user

MASK = b"\0\0\0\0"
EMPTY = {
    "texts": b"\x81\x80" + MASK,
    "pings": b"\x89\x80" + MASK,
    "pongs": b"\x8a\x80" + MASK,
    "pieces of a text that never ends": b"\x00\x80" + MASK,
}


async def follower(world: World) -> RawLine:
    user = new_user()
    line = RawLine(world.config.port)
    await line.ask("ws", await running_job(world, user), user)
    await following(world.node, 1)
    await line.read(b'"version":2')
    return line


async def send(line: RawLine, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(line.socket, data)


def close(code: int) -> bytes:
    return struct.pack("!H", code)


@pytest.mark.parametrize("frame", EMPTY.values(), ids=EMPTY)
@pytest.mark.gen_test
async def test_frames_without_end_are_not_listened_to(world: World, frame: bytes) -> None:
    line = await follower(world)
    opening = b"\x01\x80" + MASK if frame[:1] == b"\x00" else b""
    await send(line, opening + frame * 2 * BURST)
    assert close(1008) in await line.read(close(1008))
    await following(world.node, 0)


@pytest.mark.gen_test
async def test_who_sends_now_and_then_may_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "BURST", 20)
    monkeypatch.setattr(frames, "A_SECOND", 1000.0)
    line = await follower(world)
    for _ in range(10):
        await send(line, EMPTY["pings"] * 10)
        await asyncio.sleep(0.02)
    assert world.node.services.watch.followers == 1
    line.abort()
    await following(world.node, 0)


@pytest.mark.parametrize("frame", [b"\x81\x00", b"\x81\x05hello", b"\x8a\x00", b"\x01\x00"])
@pytest.mark.gen_test
async def test_a_frame_that_is_not_masked_ends_the_line(world: World, frame: bytes) -> None:
    line = await follower(world)
    await send(line, frame)
    assert close(1002) in await line.read(close(1002))
    await following(world.node, 0)
