"""Ten thousand who wait at one process: what each costs, how fast they come in, and whether all hear of the end."""

import asyncio
import resource
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from bench.followers import Followers
from bench.process import Process
from bench.processes import SECRET, Bare, Bench
from bench.standing import finish, move, stand
from everreach.security.authenticator import issue
from storage.mongo import Database

FOLLOWERS = 10_000
JOBS = 100
"""Of as many people, who look with a hundred connections each: one person's requests are counted one by one."""
SETTLE_SECONDS = 1.5
PATIENCE_SECONDS = 60.0
NO_LIMIT = "1000000/second"
"""The hits of a longer window would be so many that counting them is what is measured."""
BODY_LENGTH = 400
"""Of a bare server's frame, in bytes: about that of a job's state."""


class Held(NamedTuple):
    """Of one kind of connection. The whole process's memory, and what it grew by, in KiB for each of them; what letting
    one in costs the server in microseconds of processor time.

    Seconds from the first statement until the last had the change (None where not all had it) and the end, and how
    many did.
    """

    kind: str
    followers: int
    kib_each: float
    grown_kib_each: float
    accepted_per_second: float
    accept_cpu_us: float
    change_seconds: float | None = None
    changed: int = 0
    end_seconds: float | None = None
    ended: int = 0
    refused: int = 0


async def measure(bench: Bench) -> list[Held]:
    """Websockets, long-polls, and the least that Tornado's websockets cost."""
    count = min(FOLLOWERS, _files() - 500)
    return [
        await _ours(bench, "websocket", count, polls=False),
        await _ours(bench, "long-poll", count, polls=True),
        await _bare(bench, count),
    ]


def _files() -> int:
    """How many files the children may have open: as many as this process can be allowed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


async def _ours(bench: Bench, kind: str, count: int, *, polls: bool) -> Held:
    database = bench.database("held")
    async with bench.server(database.name, RATE_LIMIT_STATUS=NO_LIMIT) as server:
        await server.ready(bench.http)
        jobs = await stand(bench, server, database, JOBS)
        before = server.resident_kib()
        async with Followers(bench, server.port, jobs, count, polls=polls) as followers:
            held = await _gather(kind, count, followers, server, before)
            held = await _tell(database, [job_id for job_id, _ in jobs], followers, held)
    await database.client.drop_database(database.name)
    return held


async def _bare(bench: Bench, count: int) -> Held:
    jobs = [(str(uuid.uuid4()), issue(SECRET, str(uuid.uuid4()), 36000))]
    async with Bare(BODY_LENGTH) as server:
        await server.line()
        before = server.resident_kib()
        async with Followers(bench, server.port, jobs, count) as followers:
            return await _gather("bare websocket", count, followers, server, before)


async def _gather(kind: str, count: int, followers: Followers, server: Process, before: int) -> Held:
    spent = server.cpu_seconds()
    seconds = await followers.ready()
    cpu_us = 1e6 * (server.cpu_seconds() - spent) / count
    await asyncio.sleep(SETTLE_SECONDS)
    resident, files = server.resident_kib(), server.files()
    # One that is refused or dropped costs nothing, and must not make the others cheaper.
    assert files >= count, f"{kind}: {files} files are open for {count} followers"
    return Held(kind, count, resident / count, (resident - before) / count, count / seconds, cpu_us)


async def _tell(database: Database, jobs: Sequence[str], followers: Followers, held: Held) -> Held:
    """Change the jobs, and when all know, complete them."""
    moved_at = time.time()
    moved = await asyncio.gather(*(move(database, job_id) for job_id in jobs))
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            held = held._replace(change_seconds=await followers.reached() - moved_at)
    await asyncio.sleep(SETTLE_SECONDS)
    finished_at = time.time()
    await asyncio.gather(*(finish(database, job_id) for job_id in jobs))
    seen = await followers.seen(PATIENCE_SECONDS)
    ends = [moment for part in seen for moment in part.ends]
    pairs = list(zip(jobs, moved, strict=True))
    changed = sum(len(part.arrivals[job_id].get(version, ())) for part in seen for job_id, version in pairs)
    end_seconds = max(ends) - finished_at if len(ends) == held.followers else None
    refused = sum(sum(part.refused.values()) for part in seen)
    return held._replace(changed=changed, ended=len(ends), end_seconds=end_seconds, refused=refused)
