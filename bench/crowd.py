"""Fifty large imports at once on one process, and whether status still answers meanwhile."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple

from bench.processes import Bench, Server, ended
from everreach.cli.demo_client import DemoClient
from everreach.live.change_feed import POLLS

IMPORTS = 50
CONTACTS = 20_000
_IDLE_SECONDS = 10.0
_PAUSE_SECONDS = 0.02


class Crowd(NamedTuple):
    """Contacts a second in all, and the 99th percentile of a status request in milliseconds, idle and busy."""

    completed: int
    contacts_per_second: float
    idle_p99_ms: float
    busy_p99_ms: float


class _Import(NamedTuple):
    """One person's import."""

    client: DemoClient
    job_id: str

    async def end(self) -> dict[str, Any]:
        while not (job := await self.client.get(f"/status/{self.job_id}"))["completed_at"]:
            await asyncio.sleep(2)
        return job


async def measure(bench: Bench) -> Crowd:
    """Ask for the status of imports that have ended, then of fifty that run, until the last of them has ended."""
    async with bench.server("crowd") as server:
        await server.ready(bench.http)
        one = await _begin(bench, server, 0, contacts=100)
        await ended(*one)
        # From so many polls on they are answered from memory, idle or busy.
        await _ask([one], iter([False] * 2 * POLLS + [True]).__next__)
        idle_until = time.monotonic() + _IDLE_SECONDS
        idle = await _ask([one], lambda: time.monotonic() > idle_until)
        began = time.monotonic()
        imports = [await _begin(bench, server, number) for number in range(IMPORTS)]
        ends = asyncio.gather(*(each.end() for each in imports))
        busy = await _ask(imports, ends.done)
        seconds = time.monotonic() - began
        completed = sum(job["status"] == "completed" for job in await ends)
    return Crowd(completed, IMPORTS * CONTACTS / seconds, _p99_ms(idle), _p99_ms(busy))


async def _begin(bench: Bench, server: Server, number: int, contacts: int = CONTACTS) -> _Import:
    client = server.client(bench.http, str(uuid.uuid4()))
    # Five books in turn, so that the sandbox serves them from its cache.
    return _Import(client, await client.consent("google", f"bench{number % 5}@sandbox.example", contacts))


async def _ask(imports: Sequence[_Import], enough: Callable[[], bool]) -> list[float]:
    """Ask for one status after the other. Returns the seconds that each took."""
    seconds = []
    for client, job_id in cycle(imports):
        if enough():
            break
        began = time.monotonic()
        await client.get(f"/status/{job_id}")
        seconds.append(time.monotonic() - began)
        await asyncio.sleep(_PAUSE_SECONDS)
    return seconds


def _p99_ms(seconds: list[float]) -> float:
    return 1000 * sorted(seconds)[int(len(seconds) * 0.99)]
