"""Fifty large imports at once on one process, and whether status still answers meanwhile."""

import asyncio
import time
import uuid
from typing import NamedTuple

from bench.processes import Bench, Server
from everreach.demo_client import DemoClient

IMPORTS = 50
CONTACTS = 20_000
_SAMPLES = 300


class Crowd(NamedTuple):
    """Contacts a second in all, and the 99th percentile of a status request in milliseconds, idle and busy."""

    completed: int
    contacts_per_second: float
    idle_p99_ms: float
    busy_p99_ms: float


async def measure(bench: Bench) -> Crowd:
    """Start them all, and keep asking until the last has ended."""
    async with bench.server("crowd") as server:
        await server.ready(bench.http)
        observer = server.client(bench.http)
        watched = (await observer.post("/google/start"))["job_id"]
        idle = [await _status_seconds(observer, watched) for _ in range(_SAMPLES)]
        began = time.monotonic()
        imports = asyncio.gather(*(_import(bench, server, number) for number in range(IMPORTS)))
        busy = []
        while not imports.done():
            busy.append(await _status_seconds(observer, watched))
            await asyncio.sleep(0.02)
        seconds = time.monotonic() - began
        completed = sum(job["status"] == "completed" for job in await imports)
    return Crowd(completed, IMPORTS * CONTACTS / seconds, _p99_ms(idle), _p99_ms(busy))


async def _import(bench: Bench, server: Server, number: int) -> dict[str, object]:
    client = server.client(bench.http, str(uuid.uuid4()))
    # Five books in turn, so that the sandbox serves them from its cache.
    job_id = await client.consent("google", f"bench{number % 5}@sandbox.example", CONTACTS)
    while not (job := await client.get(f"/status/{job_id}"))["completed_at"]:
        await asyncio.sleep(2)
    return job


async def _status_seconds(client: DemoClient, job_id: str) -> float:
    began = time.monotonic()
    await client.get(f"/status/{job_id}")
    return time.monotonic() - began


def _p99_ms(seconds: list[float]) -> float:
    return 1000 * sorted(seconds)[int(len(seconds) * 0.99)]
