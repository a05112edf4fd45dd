"""The websocket: the job now, then each state that comes, then a close that says why."""

import struct
from asyncio import Future
from contextlib import ExitStack
from functools import lru_cache
from typing import Final

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler, _WebSocketParams

from everreach.documents import View
from everreach.errors import ForbiddenError, UpgradeRequiredError
from everreach.tokens import Caller
from handlers.follow import FollowHandler
from handlers.frames import StrictProtocol
from handlers.operation import Answer, Tag, operation
from handlers.params import JOB_ID, Header
from handlers.status import FOLLOWING

ENDED: Final = 1000
GOING_AWAY: Final = 1001
UNSUPPORTED: Final = 1003
EXPIRED: Final = 4401
ERASED: Final = 4404

_PROTOCOL: Final = "bearer"
_MESSAGE_LIMIT: Final = 1024  # Bytes: a client has nothing to say.
_PING: Final = b"\x89\x00"
_OFFERED: Final = Header(
    "Sec-WebSocket-Protocol",
    "`bearer, <token>` where the token cannot come in `Authorization`.",
    "bearer, eyJhbGciOiJIUzI1NiJ9",
)


class StreamHandler(FollowHandler, WebSocketHandler):
    """One follower. Strangers, and pages of strangers, are refused before the upgrade."""

    kind = "websocket"
    _alive = True
    _holding: ExitStack | None = None

    @operation(
        "streamStates",
        Tag.LIVE,
        takes=(JOB_ID, _OFFERED),
        answers=(Answer(101, "A websocket.", headers={"Sec-WebSocket-Protocol": "`bearer`, where that was offered."}),),
        errors=(*FOLLOWING, ForbiddenError, UpgradeRequiredError),
    )
    async def get(self, job_id: str, caller: Caller, **_: object) -> None:
        """Follow a job by websocket

        The first message is the job now, then comes one for each change, at most four a second; each is the status
        document as text. A slow reader is shown the latest state, not all. A client has nothing to say but pongs.

        The token comes in `Authorization`, or as the second of two subprotocols, because browsers cannot set a header
        here: `new WebSocket(url, ["bearer", token])`. The server answers `bearer`.

        It closes with 1000 when the import has ended, with 4401 when the token has expired, with 4404 when the import
        was erased, and with 1001 when this server stops: connect again then. Strangers are refused before the upgrade,
        and so are pages of other origins than ours, unless the token came in `Authorization`: a native client may name
        any `Origin`.
        """
        self._refuse_what_is_no_handshake()
        self._caller, self._first = caller, await self.admit(job_id, caller)
        await WebSocketHandler.get(self, job_id)

    async def caller(self) -> Caller:
        """By the header, or by the second of two subprotocols. Raises ForbiddenError, UnauthorizedError."""
        self.refuse_foreign_pages()
        offered = [part.strip() for part in (_OFFERED.read(self.request) or "").split(",")]
        if offered[0] == _PROTOCOL and len(offered) == 2:
            return await self.services.authenticator.verify(offered[1])
        return await super().caller()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """The word, never the token."""
        return _PROTOCOL if _PROTOCOL in subprotocols else None

    def get_websocket_protocol(self) -> StrictProtocol:
        """One that listens to no chatter; what asks for another version never gets here."""
        params = _WebSocketParams(max_message_size=self.max_message_size)
        return StrictProtocol(self, params)

    def check_origin(self, origin: str) -> bool:
        """Always: foreign ones were refused before."""
        return True

    @property
    def max_message_size(self) -> int:
        """Whatever is longer ends the connection."""
        return _MESSAGE_LIMIT

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to follow."""
        # What was said at the handshake is of no more use: a tenth of what a follower takes, and the token is in it.
        self.request.headers.clear()
        self._headers.clear()
        self._holding = ExitStack()
        self._holding.enter_context(self.until_expiry(self._caller))
        self._holding.enter_context(self.services.watch.following(args[0], self))
        self._holding.enter_context(self.services.followers.holding(self))
        self.show(self._first)

    def on_message(self, message: str | bytes) -> None:
        """Listen to nobody; what is no text ends the connection."""
        if isinstance(message, bytes):
            self.close(UNSUPPORTED, "Only text is understood.")

    def on_pong(self, data: bytes) -> None:
        """The client lives."""
        self._alive = True

    def on_close(self) -> None:
        """Free everything at once."""
        if self._holding:
            self._holding.close()

    def pack(self, view: View) -> bytes:
        """One frame, the same for all followers: Tornado's own way makes one, and a task, for each."""
        return _frame(view.body)

    def transmit(self, data: bytes) -> "Future[None]":
        """Straight to the socket."""
        if self.ws_connection is None or self.ws_connection.stream is None:
            raise StreamClosedError
        return self.ws_connection.stream.write(data)

    def ended(self) -> None:
        """Say goodbye."""
        self.close(ENDED, "The import has ended.")

    def gone(self) -> None:
        """Say that there is no such job any more."""
        self.close(ERASED, "There is no such import any more.")

    def expired(self) -> None:
        """Say that a new token is needed."""
        self.close(EXPIRED, "The token has expired.")

    def leave(self) -> None:
        """Send the client to another server."""
        self.close(GOING_AWAY, "This server is about to stop.")

    def beat(self) -> None:
        """Ping; who left the last ping unanswered does not read and is dropped."""
        if self._alive:
            self._alive = False
            self.send(_PING)
        elif self.ws_connection and self.ws_connection.stream:
            self.ws_connection.stream.close()

    def _refuse_what_is_no_handshake(self) -> None:
        """As Tornado would, but in our own words. HTTP/1.0 knows no upgrade, and a HEAD wants none."""
        headers, asked = self.request.headers, (self.request.method, self.request.version)
        connection = [part.strip().lower() for part in headers.get("Connection", "").split(",")]
        if not (
            asked == ("GET", "HTTP/1.1")
            and headers.get("Upgrade", "").lower() == "websocket"
            and "upgrade" in connection
            and headers.get("Sec-WebSocket-Version") == "13"
            and headers.get("Sec-WebSocket-Key")
        ):
            raise UpgradeRequiredError


@lru_cache(maxsize=1024)
def _frame(body: bytes) -> bytes:
    """One unmasked text frame, https://www.rfc-editor.org/rfc/rfc6455#section-5.2."""
    size = len(body)
    if size < 126:
        return b"\x81" + struct.pack("!B", size) + body
    return b"\x81" + (struct.pack("!BH", 126, size) if size < 65536 else struct.pack("!BQ", 127, size)) + body
