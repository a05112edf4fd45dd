"""Makes polls: `python -m bench.poller PLAN` asks as fast as it is answered, and prints how that went, as JSON."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.wire import answer, get


class Plan(msgspec.Struct):
    """So many requests over so many connections, for these jobs in turn: their ids and their owners' tokens."""

    port: int
    connections: int
    requests: int
    jobs: list[tuple[str, str]]


class Polled(msgspec.Struct):
    """From the first request to the last answer, and how many answers had each status code."""

    seconds: float
    answers: dict[str, int]


class _Connection(asyncio.Protocol):
    """Asks, and asks again once it was answered, until there is nothing left to ask."""

    def __init__(self, requests: Iterator[bytes], answers: Counter[str]) -> None:
        self._requests = requests
        self._answers = answers
        self._buffer = b""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if found := answer(self._buffer):
            self._answers[found[0].decode()] += 1
            self._buffer = b""
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set_result(None)

    def _ask(self) -> None:
        if request := next(self._requests, None):
            self._transport.write(request)
        else:
            self._transport.close()


async def main(plan: Plan) -> Polled:
    """Ask."""
    requests = islice(cycle([get(f"/status/{job_id}", token) for job_id, token in plan.jobs]), plan.requests)
    answers: Counter[str] = Counter()
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    for waiting in [
        (await loop.create_connection(lambda: _Connection(requests, answers), "127.0.0.1", plan.port))[1].over
        for _ in range(plan.connections)
    ]:
        await waiting
    return Polled(time.monotonic() - began, dict(answers))


if __name__ == "__main__":
    todo = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(main(todo))).decode())
