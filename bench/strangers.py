"""Strangers: `python -m bench.strangers PLAN` does to a server, at a steady pace, what nobody should do.

Prints how often each of them was answered what, as JSON, once the time is up or a signal came.
"""

import asyncio
import base64
import os
import resource
import secrets
import signal
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import uvloop

from bench.wire import TEXT, exchange, frame, get, request, upgrade

SILENT: Final = 1600
"""Connections that say nothing, or only begin to."""
BODIES: Final = 400
"""Connections that send a long body but for its last byte."""
DEEP: Final = 110
"""Requests at once for the last page of a long list."""
SOCKETS: Final = 10
_BODY: Final = bytes(900 * 1024)
_PART: Final = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
_FORM: Final = _PART * (len(_BODY) // len(_PART)) + b"--b--\r\n"
_ADDRESSES: Final = ("/google/start", "/nowhere", "/list", "/google/callback")


class Plan(msgspec.Struct):
    """Whom they go for. Jobs are ids with their owners' tokens: one of many rows, one that was refused its consent, and
    as many as there are websockets.
    """

    port: int
    seconds: float
    deep: tuple[str, str]
    rows: int
    refused: tuple[str, str]
    watched: list[tuple[str, str]]


class Told(msgspec.Struct):
    """By stranger, how often it was answered with which status code; `closed` and `late` are none."""

    answers: dict[str, dict[str, int]]


class _Mute(asyncio.Protocol):
    """Says so much and no more."""

    def __init__(self, words: bytes, held: set["_Mute"]) -> None:
        self._words, self._held = words, held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._held.add(self)
        cast("asyncio.Transport", transport).write(self._words)

    def connection_lost(self, error: Exception | None) -> None:
        self._held.discard(self)


class Strangers:
    """All of them, until they are cancelled."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.answers: dict[str, Counter[str]] = defaultdict(Counter)

    async def come(self) -> None:
        """Do it."""
        heads = [_post(address, len(_BODY)) for address in _ADDRESSES]
        forms = cycle([_post(address, len(_FORM), form=True) + _FORM for address in _ADDRESSES])
        job_id, owner = self.plan.deep
        async with asyncio.TaskGroup() as group:
            for work in (
                self._hold("silent", [b"", b"GET /livez HTTP/1.1\r\nHost: a\r\n"], SILENT, 60),
                self._hold("bodies", [head + _BODY[1:] for head in heads], BODIES, 14),
                self._ask("forms", 2, forms.__next__),
                self._go_round(*self.plan.refused),
                self._ask("forged states", 50, _forged_callback),
                self._ask("foreign issuers", 10, lambda: _forged_callback("&iss=https%3A%2F%2Fa.example")),
                self._ask("forged tokens", 50, lambda: get(f"/status/{uuid.uuid4()}", _forged_token())),
                self._dig(f"/jobs/{job_id}/contacts?limit=20&offset={self.plan.rows - 20}", owner),
                *(self._chatter("empty frames", job, frame(TEXT) * 20) for job in self.plan.watched[1:]),
                self._chatter("unmasked frames", self.plan.watched[0], b"\x81\x02hi"),
            ):
                group.create_task(work)

    async def _hold(self, name: str, words: list[bytes], most: int, a_second: int) -> None:
        """Hold so many connections open, and open new ones for those that were closed."""
        held: set[_Mute] = set()
        for said in cycle(words):
            if len(held) < most:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(5):
                        connect = asyncio.get_running_loop().create_connection
                        await connect(lambda said=said: _Mute(said, held), "127.0.0.1", self.plan.port)  # type: ignore[misc]
                        self.answers[name]["opened"] += 1
            await asyncio.sleep(1 / a_second)

    async def _ask(self, name: str, a_second: int, made: Callable[[], bytes]) -> None:
        """Ask at that pace, whether one is answered or not."""
        asking: set[asyncio.Task[bytes]] = set()
        for number in count():
            task = asyncio.create_task(self._answered(name, made()), name=f"{name} {number}")
            asking.add(task)
            task.add_done_callback(asking.discard)
            await asyncio.sleep(1 / a_second)

    async def _dig(self, path: str, token: str) -> None:
        """Ask for the last page many times at once, again and again."""
        while True:
            await asyncio.gather(*(self._answered("deep pages", get(path, token)) for _ in range(DEEP)))
            await asyncio.sleep(10)

    async def _go_round(self, job_id: str, owner: str) -> None:
        """Have the consent asked for by retry, say no to it, and again: the limit of start must count that, too."""
        while True:
            body = await self._answered("retry", request("POST", f"/jobs/{job_id}/retry", owner))
            if url := msgspec.json.decode(body or b"{}").get("authorization_url"):
                state = urlencode({"error": "access_denied", "state": parse_qs(urlsplit(url).query)["state"][0]})
                await self._answered("noes", request("GET", f"/google/callback?{state}", ""))
            await asyncio.sleep(0.05)

    async def _answered(self, name: str, said: bytes) -> bytes:
        code, body = await exchange(self.plan.port, said)
        self.answers[name][code] += 1
        return body

    async def _chatter(self, name: str, job: tuple[str, str], said: bytes) -> None:
        """Open a websocket and say that five times a second, until it is closed; then open the next."""
        while True:
            # A loop of uv's raises RuntimeError where a connection has been closed meanwhile.
            with suppress(OSError, EOFError, TimeoutError, RuntimeError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.port)
                try:
                    writer.write(upgrade(f"/status/{job[0]}/ws", job[1]))
                    self.answers[name][(await reader.readuntil(b"\r\n")).split()[1].decode()] += 1
                    while not reader.at_eof():
                        writer.write(said)
                        with suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(65536), 0.2)
                    self.answers[name]["closed"] += 1
                finally:
                    writer.close()
            await asyncio.sleep(2)


def _post(address: str, length: int, *, form: bool = False) -> bytes:
    kind = "multipart/form-data; boundary=b" if form else "application/json"
    return request("POST", address, "", f"Content-Type: {kind}\r\nContent-Length: {length}\r\n")


def _forged_callback(more: str = "") -> bytes:
    content = {"job_id": str(uuid.uuid4()), "user_id": str(uuid.uuid4()), "random": secrets.token_urlsafe(36)}
    return request("GET", f"/google/callback?code=4/0A&state={_base64url(content)}{more}", "")


def _forged_token() -> str:
    header = {"alg": secrets.choice(("ES256", "RS256", "HS256")), "kid": secrets.token_hex(8)}
    claims = {"sub": str(uuid.uuid4()), "role": "authenticated", "aud": "authenticated", "exp": 4_000_000_000}
    return f"{_base64url(header)}.{_base64url(claims)}.{secrets.token_urlsafe(64)}"


def _base64url(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")


async def main(plan: Plan) -> Told:
    """Come, and go when it is time."""
    strangers = Strangers(plan)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.call_later(plan.seconds, over.set)
    coming = asyncio.create_task(strangers.come())
    await asyncio.wait({coming, asyncio.create_task(over.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        coming.result()
    coming.cancel()
    return Told({name: dict(answers) for name, answers in strangers.answers.items()})


if __name__ == "__main__":
    os.nice(10)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    todo = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(main(todo))).decode())
