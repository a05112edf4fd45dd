"""Server-sent events: the same states as the websocket's, for whoever cannot hold one."""

import asyncio
from asyncio import Future
from functools import lru_cache
from typing import Final, cast

from tornado.http1connection import HTTP1Connection

from everreach.documents import View
from everreach.errors import ForbiddenError
from everreach.tokens import Caller
from handlers.bodies import StatusEvent
from handlers.follow import FollowHandler
from handlers.operation import Answer, Tag, operation
from handlers.params import JOB_ID, Header
from handlers.status import FOLLOWING

_SEEN: Final = Header("Last-Event-ID", "The id of the last event that was seen.", "7")
_EVENTS: Final = 'id: 7\ndata: {"id": "4048e7a4-ec72-4371-a308-78fb4293aca4", "status": "processing", …}\n\n'


class EventsHandler(FollowHandler):
    """One follower, https://html.spec.whatwg.org/multipage/server-sent-events.html."""

    kind = "events"
    held = True
    _over: "Future[None] | None" = None

    @operation(
        "streamEvents",
        Tag.LIVE,
        takes=(JOB_ID, _SEEN),
        answers=(
            Answer(200, "One event for each state.", StatusEvent, "text/event-stream", _EVENTS),
            Answer(204, "The client has seen the end, and shall not come again."),
        ),
        errors=(*FOLLOWING, ForbiddenError),
    )
    async def get(self, job_id: str, caller: Caller, last_event_id: str | None) -> None:
        """Follow a job by server-sent events

        The same states as the websocket's. An event's `id` is the job's version and its `data` the status document.
        A comment every 25 seconds keeps the line open. The answer ends with the import, and when the token has
        expired, the import was erased or this server stops: a browser then comes again by itself.

        Pages of other origins than ours are refused, unless the token came in `Authorization`.
        """
        view = await self.admit(job_id, caller)
        if view.ended and last_event_id == str(view.version):
            self.set_status(204)
            return
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        # Else nginx collects the events and sends them together at the end.
        self.set_header("X-Accel-Buffering", "no")
        if self.request.method == "HEAD":
            await self.flush()
            return
        self._end_with_the_line()
        self._over = asyncio.get_running_loop().create_future()
        with (
            self.until_expiry(caller),
            self.services.watch.following(job_id, self),
            self.services.followers.holding(self),
        ):
            self.show(view)
            await self._over

    def on_connection_close(self) -> None:
        """Free everything at once."""
        super().on_connection_close()
        self.leave()

    def pack(self, view: View) -> bytes:
        """One event, the same for all followers."""
        return _event(view.version, view.body)

    def transmit(self, data: bytes) -> "Future[None]":
        """As a chunk of the answer."""
        self.write(data)
        return self.flush()

    def _end_with_the_line(self) -> None:
        """HTTP/1.0 knows no chunks: who speaks that hears of the end by the end of the line, even who wanted more."""
        if self.request.version == "HTTP/1.0":
            self.request.headers.pop("Connection", None)
            self.set_header("Connection", "close")
            cast(HTTP1Connection, self.request.connection)._disconnect_on_finish = True

    def ended(self) -> None:
        """End the answer."""
        self.leave()

    def gone(self) -> None:
        """End the answer; a client that comes again is told that there is no such job."""
        self.leave()

    def expired(self) -> None:
        """End the answer; the client comes again, and is told then that it needs a new token."""
        self.leave()

    def leave(self) -> None:
        """End the answer; the client comes again by itself, unless the job has ended."""
        if self._over and not self._over.done():
            self._over.set_result(None)

    def beat(self) -> None:
        """A comment keeps the line open; who has not taken the last thing sent since the last beat is dropped."""
        if self._over is None or self._over.done():
            return
        if self._sent:
            # Once detached, nobody tells us that it is closed.
            self.detach().close()
            self.leave()
        else:
            self.send(b":\n\n")


@lru_cache(maxsize=1024)
def _event(version: int, body: bytes) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (version, body)
