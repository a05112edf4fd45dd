"""The faults that any web server can have: silence, cut lines, and pages where JSON was due."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from tornado.iostream import StreamClosedError
from tornado.web import Finish, RequestHandler

from providers.sandbox.faults import Fault

_GATEWAY_PAGE = "<!doctype html><title>Bad gateway</title><h1>The server behind this one is having a rest.</h1>"
_LOGIN_PAGE = "<!doctype html><title>Welcome to the airport Wi-Fi</title><p>Accept the terms to go online.</p>"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: 65536\r\n\r\n"


async def play(handler: RequestHandler, fault: Fault) -> None:
    """Play one of MISHAPS; raises Finish when that was the answer."""
    await MISHAPS[fault.kind](handler, fault)


async def _slow(_handler: RequestHandler, fault: Fault) -> None:
    await asyncio.sleep(fault.seconds)


async def _html_502(handler: RequestHandler, _fault: Fault) -> None:
    handler.set_status(502)
    await _html(handler, _GATEWAY_PAGE)


async def _html_200(handler: RequestHandler, _fault: Fault) -> None:
    await _html(handler, _LOGIN_PAGE)


async def _html(handler: RequestHandler, page: str) -> None:
    handler.set_header("Content-Type", "text/html; charset=UTF-8")
    raise Finish(page)


async def _invalid_json(handler: RequestHandler, _fault: Fault) -> None:
    handler.set_header("Content-Type", "application/json; charset=UTF-8")
    raise Finish('{"connections": [{"resourceName": "people/c1", }], "value": [')


async def _two_documents(handler: RequestHandler, _fault: Fault) -> None:
    handler.set_header("Content-Type", "application/json; charset=UTF-8")
    raise Finish('{"connections": [], "value": []}\n{"connections": [], "value": []}')


async def _false_gzip(handler: RequestHandler, _fault: Fault) -> None:
    handler.set_header("Content-Encoding", "gzip")
    raise Finish('{"connections": [], "value": []}')


async def _cut_gzip(handler: RequestHandler, _fault: Fault) -> None:
    handler.set_header("Content-Encoding", "gzip")
    # All that was packed is there; what is missing says that it is.
    raise Finish(gzip.compress(b'{"connections": [], "value": []}')[:-8])


async def _trickle(handler: RequestHandler, fault: Fault) -> None:
    handler.set_header("Content-Type", "application/json; charset=UTF-8")
    with suppress(StreamClosedError):
        while True:
            handler.write(" ")
            await handler.flush()
            await asyncio.sleep(fault.seconds)
    raise Finish


async def _truncated(handler: RequestHandler, _fault: Fault) -> None:
    stream = handler.detach()
    with suppress(StreamClosedError):
        await stream.write(_HEAD + b'{"connections": [{"resourceName"')
    stream.close()
    raise Finish


async def _reset(handler: RequestHandler, _fault: Fault) -> None:
    stream = handler.detach()
    sock = getattr(stream, "socket", None)
    if sock is not None:
        # With a linger time of zero the kernel sends RST, which is what a crashed server looks like.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()
    raise Finish


async def _stall(handler: RequestHandler, fault: Fault) -> None:
    stream = handler.detach()
    gone = asyncio.Event()
    stream.set_close_callback(gone.set)
    with suppress(StreamClosedError, TimeoutError):
        if fault.headers:
            await stream.write(_HEAD + b'{"')
        await asyncio.wait_for(gone.wait(), fault.seconds)
    stream.close()
    raise Finish


MISHAPS: Mapping[str, Callable[[RequestHandler, Fault], Awaitable[None]]] = {
    "slow": _slow,
    "html_502": _html_502,
    "html_200": _html_200,
    "invalid_json": _invalid_json,
    "two_documents": _two_documents,
    "false_gzip": _false_gzip,
    "cut_gzip": _cut_gzip,
    "trickle": _trickle,
    "truncated": _truncated,
    "reset": _reset,
    "stall": _stall,
}
