"""HTTP and websockets as bytes, no more than is needed: whoever makes the load must cost less than what is measured."""

import asyncio
import struct
from collections.abc import Iterator

BASE = "/api/v1/contacts/import"
"""As in handlers/, which is not asked because it would bring the whole server into each child."""

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

_NO_MASK = bytes(4)  # Clients have to mask what they send; a mask of zeros changes nothing.
_LENGTH = b"Content-Length: "
_WEBSOCKET = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2ggYmVuY2ggYmVuYw==\r\n"


def get(path: str, token: str) -> bytes:
    """A request below the API's base path, on a connection that is kept."""
    return request("GET", path, token, "")


def upgrade(path: str, token: str) -> bytes:
    """A websocket's handshake there."""
    return request("GET", path, token, f"Connection: Upgrade\r\n{_WEBSOCKET}")


def request(method: str, path: str, token: str, more: str = "Content-Length: 0\r\n") -> bytes:
    """Any other without a body; `more` are further headers."""
    return f"{method} {BASE}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode()


async def exchange(port: int, said: bytes, patience: float = 10.0) -> tuple[str, bytes]:
    """Say it over a new connection. Returns the whole answer's status code and body, or `closed` or `late`."""
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(said)
                return await _answered(reader)
            finally:
                writer.close()
    except TimeoutError:
        return "late", b""
    except (OSError, RuntimeError):
        # A loop of uv's raises RuntimeError where a connection has been closed meanwhile.
        return "closed", b""


async def _answered(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    heard = b""
    while more := await reader.read(1 << 20):
        heard += more
        if found := answer(heard):
            return found[0].decode(), found[1]
    return "closed", b""


def answer(buffer: bytes) -> tuple[bytes, bytes] | None:
    """The status code and the body of an HTTP answer, None until it is whole."""
    end = buffer.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    place = buffer.find(_LENGTH, 0, end)
    length = int(buffer[place + len(_LENGTH) : buffer.find(b"\r", place)]) if place > 0 else 0
    return (buffer[9:12], buffer[end:]) if len(buffer) >= end + length else None


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames out of what a server has sent: opcode and payload, https://www.rfc-editor.org/rfc/rfc6455#section-5.2."""
    while len(buffer) >= 2:
        length, start = buffer[1], 2
        if length == 126:
            if len(buffer) < 4:
                return
            length, start = struct.unpack_from("!H", buffer, 2)[0], 4
        if len(buffer) < start + length:
            return
        frame = buffer[0] & 0x0F, bytes(buffer[start : start + length])
        del buffer[: start + length]
        yield frame


def only_text(data: bytes) -> bytes | None:
    """The payload of one whole text frame of usual length and nothing else, which is what nearly always comes."""
    if len(data) > 4 and data[:2] == b"\x81\x7e" and len(data) == 4 + int.from_bytes(data[2:4]):
        return data[4:]
    return None


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """A short frame of a client's."""
    return bytes((0x80 | opcode, 0x80 | len(payload))) + _NO_MASK + payload
