"""How long a job stands still when its node is killed, and when it is asked to stop."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from typing import NamedTuple

from bench.processes import Bench, ended
from storage.indexes import JOBS
from storage.mongo import Database

CONTACTS = 40_000


class Takeover(NamedTuple):
    """Seconds from the signal to the next committed page, one figure for each try."""

    sigkill: list[float]
    sigterm: list[float]


async def measure(bench: Bench, tries: int) -> Takeover:
    """Two nodes; the one that holds the job gets the signal, the other goes on."""
    seconds: dict[signal.Signals, list[float]] = {signal.SIGKILL: [], signal.SIGTERM: []}
    for number, figures in seconds.items():
        for _ in range(tries):
            figures.append(await _one(bench, number))
    return Takeover(*seconds.values())


async def _one(bench: Bench, number: signal.Signals) -> float:
    database = bench.database("takeover")
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(bench.server("takeover"))
        await first.ready(bench.http)
        client = first.client(bench.http)
        job_id = await client.consent("google", "bench@sandbox.example", CONTACTS)
        await _page(database, job_id, 2)
        second = await stack.enter_async_context(bench.server("takeover"))
        await second.ready(bench.http)
        began = time.monotonic()
        await first.end(number)
        page = (await database[JOBS].find_one({"_id": job_id}) or {})["page"]
        await _page(database, job_id, page)
        seconds = time.monotonic() - began
        await ended(second.client(bench.http, client.user), job_id)
    await database.client.drop_database(database.name)
    return seconds


async def _page(database: Database, job_id: str, beyond: int) -> None:
    while (await database[JOBS].find_one({"_id": job_id}) or {})["page"] <= beyond:
        await asyncio.sleep(0.005)
