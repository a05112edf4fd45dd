"""The least that Tornado can do: `python -m bench.bare PORT LENGTH` verifies each request's token with PyJWT and says
the same few bytes to everybody, as an answer and over a websocket without compression."""

import asyncio
import os
import sys

import jwt
import uvloop
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

SECRET = os.environ["BENCH_SECRET"]


class Bare(RequestHandler):
    """Verify, answer."""

    def initialize(self, body: bytes) -> None:
        self.body = body

    def prepare(self) -> None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            jwt.decode(token, SECRET, algorithms=["HS256"], audience="authenticated")
        except jwt.PyJWTError:
            raise HTTPError(401) from None


class Answer(Bare):
    """The status."""

    def get(self) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(self.body)


class Socket(Bare, WebSocketHandler):
    """The websocket, which then says no more."""

    def open(self, *_: str, **__: str) -> None:
        self.write_message(self.body)


async def main(port: int, length: int) -> None:
    """Serve until a signal ends the process."""
    # It has to look like a job's state: those who follow read its version.
    start = b'{"completed_at":null,"version":1,"_":"'
    body = {"body": start + b"." * (length - len(start) - 2) + b'"}'}
    Application([(r".*/ws", Socket, body), (r".*", Answer, body)]).listen(port, "127.0.0.1")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2])))
