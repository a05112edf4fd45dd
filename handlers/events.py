"""Server-sent events: the same states as the websocket's, for whoever cannot hold one."""

import asyncio
from asyncio import Future
from functools import lru_cache

from everreach.watch import View
from handlers.follow import FollowHandler


class EventsHandler(FollowHandler):
    """One follower, https://html.spec.whatwg.org/multipage/server-sent-events.html."""

    kind = "events"
    held = True
    _over: "Future[None] | None" = None

    async def get(self, job_id: str) -> None:
        """Events whose id is the version; 204 for who has seen the end, so that the browser does not come again."""
        self.refuse_foreign_origins()
        caller, view = await self.admit(job_id)
        if view.ended and self.request.headers.get("Last-Event-ID") == str(view.version):
            self.set_status(204)
            return
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        # Else nginx collects the events and sends them together at the end.
        self.set_header("X-Accel-Buffering", "no")
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

    def ended(self) -> None:
        """End the answer."""
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
