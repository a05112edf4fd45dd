"""A follower at the end of a connection: shown the latest state, never a queue of them."""

from abc import abstractmethod
from asyncio import Future
from contextlib import AbstractContextManager

from tornado.iostream import StreamClosedError

from everreach.documents import View
from everreach.errors import ForbiddenError
from everreach.tokens import Caller
from handlers.status import Alarm, ViewHandler, seconds_left


class FollowHandler(ViewHandler):
    """What the websocket and server-sent events share."""

    _shown = -1
    _waiting: View | None = None
    _sent: "Future[None] | None" = None

    @abstractmethod
    def pack(self, view: View) -> bytes:
        """The state as it travels."""

    @abstractmethod
    def transmit(self, data: bytes) -> "Future[None]":
        """Hand over some bytes; the future is done when the network has taken them. Raises StreamClosedError."""

    @abstractmethod
    def ended(self) -> None:
        """The last state was sent."""

    @abstractmethod
    def gone(self) -> None:
        """The job was erased."""

    @abstractmethod
    def expired(self) -> None:
        """The caller's token is no longer good."""

    async def caller(self) -> Caller:
        """Who is calling, unless it is a page of somebody else's that calls in its visitor's name.

        Raises ForbiddenError, UnauthorizedError.
        """
        self.refuse_foreign_pages()
        return await super().caller()

    def refuse_foreign_pages(self) -> None:
        """Raises ForbiddenError for a page that is not ours.

        No page can make a browser send a bearer token in `Authorization`, unless CORS lets it. So whoever sends one is
        no foreign page, whatever `Origin` says: React Native makes one up of the socket's address.
        """
        headers = self.request.headers
        if headers.get("Authorization", "").partition(" ")[0].lower() == "bearer":
            return
        # A browser says that another site asks even where it names none.
        anonymous = headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}
        if not (self.services.config.is_ours(headers["Origin"]) if "Origin" in headers else anonymous):
            raise ForbiddenError

    def show(self, view: View) -> None:
        """Send the state; while the last is still on its way this one waits, and only the latest does."""
        if view.version <= self._shown:
            return
        if self._sent:
            self._waiting = view
            return
        self._shown, self._waiting = view.version, None
        self.send(self.pack(view))
        if view.ended:
            self.ended()

    def send(self, data: bytes) -> None:
        """Send, and go on with what waits once it is gone."""
        try:
            sent = self.transmit(data)
        except StreamClosedError:
            return
        if not sent.done():
            self._sent = sent
            sent.add_done_callback(self._catch_up)

    def until_expiry(self, caller: Caller) -> AbstractContextManager[None]:
        """The timer that ends what the token allows."""
        return Alarm(seconds_left(caller), self.expired)

    def _catch_up(self, sent: "Future[None]") -> None:
        self._sent = None
        if not sent.cancelled() and sent.exception() is None and self._waiting:
            self.show(self._waiting)
