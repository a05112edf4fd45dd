"""Somebody who is told by webhook: a real server that keeps what it was sent, and may be in a bad mood."""

import asyncio
import logging
from typing import Any, Final, NamedTuple

from pydantic import SecretStr
from standardwebhooks import Webhook
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from everreach.jobs.events import Endpoint

NEW: Final = "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"
OLD: Final = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"
SECRETS: Final = (SecretStr(NEW), SecretStr(OLD))
MOODS: Final = {"fine": 204, "down": 503, "gone": 410, "moved": 302, "busy": 429, "wordy": 200, "hanging": 200}


class Received(NamedTuple):
    mood: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["Webhook-Id"]

    def verified(self, secret: str = NEW) -> Any:
        """The payload, as the library has it for whoever knows this secret."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Listens on loopback, where only a test can send it anything."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.released = asyncio.Event()
        logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
        self._server = HTTPServer(Application([(r"/(\w+)", _Handler, {"receiver": self})]))
        listening, self.port = bind_unused_port()
        self._server.add_socket(listening)

    def url(self, mood: str) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.port}/{mood}")

    def endpoint(self, mood: str) -> Endpoint:
        return Endpoint.at(self.url(mood))

    def ids(self, mood: str = "fine") -> list[str]:
        """What came to this address, each by its id, in order of arrival."""
        return [received.id for received in self.received if received.mood == mood]

    async def close(self) -> None:
        self.released.set()
        self._server.stop()
        await self._server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def get(self, mood: str) -> None:
        await self.post(mood)

    async def post(self, mood: str) -> None:
        self._receiver.received.append(Received(mood, dict(self.request.headers), self.request.body))
        self.set_status(MOODS[mood])
        if mood == "hanging":
            await self._receiver.released.wait()
        if mood == "moved":
            self.set_header("Location", "/fine")
        if mood == "busy":
            self.set_header("Retry-After", "7200")
        if mood == "wordy":
            self.write(b"ada@private.example" * 1_000_000)
