"""How long after a page's commit on one node those who follow the job on another node see it."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from statistics import median
from typing import NamedTuple

from pymongo.read_concern import ReadConcern

from bench.followers import Followers
from bench.processes import SECRET, Bench, Providers, Server
from bench.standing import stand
from everreach.net.http import Http
from everreach.security.authenticator import issue
from storage.indexes import JOBS
from storage.mongo import Database

FOLLOWERS = 5000
JOBS_FOLLOWED = (50, 1)
CONTACTS = 12_000
PAGE_SECONDS = 0.45
"""Frames of one job keep 0.25 s from each other: pages that came faster would wait for that."""
PATIENCE_SECONDS = 10.0
QUIET_SECONDS = 2.0
LONGEST_SECONDS = 120.0


class Lag(NamedTuple):
    """Milliseconds from a page's commit to its frames: over all followers of the import, and to the last of them.

    `whole` is the share of the frames that came of those that should have come.
    """

    followers: int
    jobs: int
    commits: int
    whole: float
    median_ms: float
    p99_ms: float
    last_ms: float


async def measure(bench: Bench) -> list[Lag]:
    """As many followers of fifty jobs of which one is an import, and all of them of that one."""
    database = bench.database("lag")
    async with AsyncExitStack() as stack:
        urls = await (await stack.enter_async_context(Providers(PAGE_SECONDS))).urls()
        # The first node that is asked imports: its callback begins at once what others would find a moment later.
        nodes = [await stack.enter_async_context(bench.server(database.name, **urls)) for _ in range(2)]
        for node in nodes:
            await node.ready(bench.http)
        lags = [await _follow(bench, database, nodes[0], nodes[1], jobs) for jobs in JOBS_FOLLOWED]
    await database.client.drop_database(database.name)
    return lags


async def _follow(bench: Bench, database: Database, importing: Server, following: Server, jobs: int) -> Lag:
    user = str(uuid.uuid4())
    client = importing.client(bench.http, user)
    started = await client.post("/google/start")
    others = (await stand(bench, importing, database, jobs))[1:]
    followed = [(started["job_id"], issue(SECRET, user, 36000)), *others]
    async with Followers(bench, following.port, followed, FOLLOWERS) as followers:
        await followers.ready()
        committing = asyncio.create_task(_commits(database, started["job_id"]))
        await _consent(bench.http, started["authorization_url"])
        async with asyncio.timeout(LONGEST_SECONDS):
            commits = await committing
        # Those who follow what stands have nothing left to see.
        seen = await followers.seen(PATIENCE_SECONDS if jobs == 1 else QUIET_SECONDS)
    return _lag(jobs, commits, [part.arrivals[started["job_id"]] for part in seen])


async def _consent(http: Http, authorization_url: str) -> None:
    """Say yes: the import begins. Whoever follows it does so already."""
    answers = {"decision": "allow", "contacts": "on", "account": "bench@sandbox.example", "size": str(CONTACTS)}
    decided = await http.post_form(authorization_url, answers)
    await http.get(decided.headers["location"])


async def _commits(database: Database, job_id: str) -> dict[int, float]:
    """When each page was committed, by the version that it made. The clock is the database's, on this same machine."""
    commits = {}
    jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
    async with jobs.watch([{"$match": {"documentKey._id": job_id}}]) as changes:
        async for change in changes:
            fields = change["updateDescription"]["updatedFields"]
            if "page" in fields:
                commits[fields["version"]] = fields["updated_at"].timestamp()
            if fields.get("completed_at"):
                break
    return commits


def _lag(jobs: int, commits: dict[int, float], arrivals: list[dict[int, list[float]]]) -> Lag:
    seen = {version: [moment for part in arrivals for moment in part.get(version, ())] for version in commits}
    delays = sorted(1000 * (moment - commits[version]) for version in commits for moment in seen[version])
    lasts = [1000 * (max(seen[version]) - commits[version]) for version in commits if seen[version]]
    whole = len(delays) / (len(commits) * FOLLOWERS // jobs)
    p99 = delays[int(len(delays) * 0.99)]
    return Lag(FOLLOWERS, jobs, len(commits), whole, median(delays), p99, median(lasts))
