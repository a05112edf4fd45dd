"""Somebody else: `python -m bench.probe PLAN` asks for the status of jobs at a steady pace, each time over a new
connection, and prints how long each answer took, as JSON."""

import asyncio
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import msgspec
import uvloop

from bench.wire import exchange, get

PATIENCE_SECONDS = 10.0


class Plan(msgspec.Struct):
    """For so many seconds, so often a second, these jobs in turn: their ids and their owners' tokens."""

    port: int
    seconds: float
    a_second: int
    jobs: list[tuple[str, str]]


class Probed(msgspec.Struct):
    """The seconds of each request, and how many answers had each status code; `closed` and `late` are none."""

    seconds: list[float]
    answers: dict[str, int]

    @property
    def p99_ms(self) -> float:
        """The 99th percentile in milliseconds."""
        return 1000 * sorted(self.seconds)[int(len(self.seconds) * 0.99)]


async def main(plan: Plan) -> Probed:
    """Ask, and wait for what is still to be answered."""
    answers: Counter[str] = Counter()
    seconds: list[float] = []

    async def ask(job_id: str, token: str) -> None:
        began = time.monotonic()
        code, _ = await exchange(plan.port, get(f"/status/{job_id}", token), PATIENCE_SECONDS)
        answers[code] += 1
        seconds.append(time.monotonic() - began)

    until = time.monotonic() + plan.seconds
    async with asyncio.TaskGroup() as group:
        for job in cycle(plan.jobs):
            if time.monotonic() > until:
                break
            group.create_task(ask(*job))
            await asyncio.sleep(1 / plan.a_second)
    return Probed(seconds, dict(answers))


if __name__ == "__main__":
    todo = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(main(todo))).decode())
