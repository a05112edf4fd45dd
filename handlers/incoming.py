"""What comes in with a request: its length is looked at first, and never more of it is kept than the route may have."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from socket import SHUT_WR
from typing import ClassVar, Final, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPInputError, parse_body_arguments
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from everreach.errors import EverReachError, PayloadTooLargeError

BODY_LIMIT: Final = 65536
"""Bytes of a request's body; none of ours needs more than a few."""

LINGER_SECONDS: Final = 2.0
"""How long a client that was refused may go on sending what nobody reads."""

_FORM: Final = "application/x-www-form-urlencoded"
_PIECE: Final = 65536


@stream_request_body
class IncomingHandler(RequestHandler):
    """Keeps at most `body_limit` bytes of a body. Who sends more, or says so, is refused before the rest has come."""

    body_limit: ClassVar[int] = BODY_LIMIT

    def prepare(self) -> Awaitable[None] | None:
        """Refuse a body whose length says that it is too large."""
        self._pieces = bytearray()
        length = self.request.headers.get("Content-Length", "")
        too_long = length.isdecimal() and int(length[:16]) > self.body_limit
        return self.refuse(PayloadTooLargeError()) if too_long else None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep the next piece, or refuse what is too large without having said so."""
        if len(self._pieces) + len(chunk) > self.body_limit:
            return self.refuse(PayloadTooLargeError())
        self._pieces += chunk
        return None

    def receive(self, *, form: bool) -> None:
        """Put what has come where Tornado has it, `request.body`, and read the fields of a `form`.

        Nothing else is taken for a form: to read one costs the more the larger it is, and everybody waits meanwhile.
        """
        self.request.body = bytes(self._pieces)
        kind = self.request.headers.get("Content-Type", "")
        if form and kind.startswith(_FORM):
            try:
                parse_body_arguments(kind, self.request.body, self.request.body_arguments, {}, self.request.headers)
            except HTTPInputError:
                raise HTTPError(400) from None

    async def refuse(self, error: EverReachError) -> None:
        """Answer with the error although more of the body is to come, of which nothing is kept; then close the line."""
        self._pieces.clear()
        self.log_exception(type(error), error, error.__traceback__)
        self.write_error(500, exc_info=(None, error, None))
        self.set_header("Connection", "close")
        self.set_header("Content-Length", sum(map(len, self._write_buffer)))
        with suppress(StreamClosedError):
            await self.flush()
            await _linger(cast(HTTP1Connection, self.request.connection).stream)
        if not self._finished:
            self.finish()


async def _linger(stream: IOStream) -> None:
    """Take for a while what still comes, and keep nothing: who is cut off while sending never reads the answer."""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(LINGER_SECONDS):
            stream.socket.shutdown(SHUT_WR)
            while True:
                await stream.read_bytes(_PIECE, partial=True)
