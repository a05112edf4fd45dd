"""A scrape: open to all, and every line moves while people import. With several workers it is that of them all."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.processes import Bench, Server, ended
from everreach.concurrency import poller
from everreach.observability.metrics import REGISTRY
from providers.sandbox.faults import Fault, Kind
from storage.indexes import JOBS
from tests.everreach.server.test_prefork import pair
from tests.handlers.raw_line import RawLine
from tests.handlers.scraped import Scrape, changed, counters, parsed, total
from tests.test_crash import begin, surroundings
from tests.world import World, new_user

SIZE = 5000


async def scrape(world: World) -> Scrape:
    answer = await world.fetch(f"{world.origin}/metrics")
    assert answer.status == 200
    return parsed(answer.body)


@pytest.mark.gen_test
async def test_a_scrape_needs_no_token_and_is_in_prometheus_own_format(world: World) -> None:
    answer = await world.fetch(f"{world.origin}/metrics?token=anything", Authorization="Bearer noise")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"# TYPE everreach_jobs_running gauge\n" in answer.body
    assert (await world.fetch(f"{world.origin}/metrics", "POST")).status == 405


@pytest.mark.settings(everreach_max_imports=1)
@pytest.mark.gen_test(timeout=60)
async def test_every_line_moves_while_people_import(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SCAN_SECONDS", 0.05)
    while total(before := await scrape(world), "everreach_nodes_ready") != 1:
        await asyncio.sleep(0.05)
    scrapes = [before]
    one, other = new_user(), new_user()
    first = await taken_over(world, one)
    second = await world.consent("microsoft", other, size=100)
    # Long enough that who waits for the one worker is seen to wait, also by a busy machine.
    world.sandbox.latency = 0.4
    kinds: tuple[Kind, ...] = ("http_500", "token_401", "status_429")
    for page, kind in enumerate(kinds):
        world.sandbox.faults.add(Fault(kind, "page", page=page, provider="google", retry_after="0.1"))
    line = RawLine(world.node.port)
    await line.ask("ws", first, one)
    world.node.services.runner.stopping = False
    while not all([(await world.stored(job))["completed_at"] for job in (first, second)]):
        scrapes.append(await scrape(world))
        # To read a scrape takes longer than to write it, and all of this shares one event loop.
        await asyncio.sleep(0.15)
    line.abort()
    scrapes.append(await scrape(world))
    families = {metric.name for metric in REGISTRY.collect()}
    moved = {name for name in families for changing in changed(scrapes) if changing.startswith(name)}
    assert moved == families - {"everreach_nodes_ready", "everreach_webhook_tries"}
    assert [scrapes[0]["everreach_nodes_ready", frozenset()], total(scrapes[-1], "everreach_jobs_running")] == [1, 0]
    gained = {key: value - scrapes[0].get(key, 0.0) for key, value in counters(scrapes[-1]).items()}
    assert total(gained, "everreach_contacts_total", provider="google") == SIZE
    assert total(gained, "everreach_contacts_total", provider="microsoft") == 100
    assert total(gained, "everreach_jobs_ended_total", status="completed", stage="import") == 2
    for failure in ("transient", "token_rejected", "throttled"):
        assert total(gained, "everreach_provider_errors_total", provider="google", kind=failure) == 1
    for name in ("provider_retries", "token_refreshes", "lease_takeovers"):
        assert total(gained, f"everreach_{name}_total") == 1


async def taken_over(world: World, user: str) -> str:
    """An import at Google that waits for a worker since its last one died."""
    world.node.services.runner.stopping = True
    job_id = await world.consent("google", user, size=SIZE)
    dead = {"lease_owner": "a worker that died", "fence": 1, "begun": 1}
    await world.database[JOBS].update_one({"_id": job_id}, {"$set": dead})
    return job_id


@asynccontextmanager
async def two_workers() -> AsyncIterator[tuple[Bench, Server]]:
    async with surroundings(latency=0.05) as (bench, _), bench.server("crash", "--workers", "2") as server:
        await server.ready(bench.http)
        await asyncio.to_thread(pair, server.child.pid)
        yield bench, server


@pytest.mark.gen_test(timeout=60)
async def test_the_numbers_are_those_of_all_workers_whichever_is_asked_and_whoever_dies() -> None:
    async with two_workers() as (bench, server):

        async def scraped() -> Scrape:
            return parsed((await bench.http.get(f"http://127.0.0.1:{server.port}/metrics")).body)

        async def ready(count: int) -> Scrape:
            async with asyncio.timeout(40):
                while total(seen := await scraped(), "everreach_nodes_ready") != count:
                    await asyncio.sleep(0.1)
            return seen

        scrapes = [await ready(2)]
        imports = [await begin(bench, server, "google", 2000) for _ in range(2)]
        killed, _ = await asyncio.to_thread(pair, server.child.pid)
        for one in imports:
            await ended(server.client(bench.http, one.user), one.job_id)
            scrapes.append(await scraped())
        assert total(scrapes[-1], "everreach_contacts_total") == 2 * 2000
        assert total(scrapes[-1], "everreach_jobs_ended_total", status="completed") == 2
        os.kill(killed, signal.SIGKILL)
        scrapes.append(await ready(1))
        await asyncio.to_thread(pair, server.child.pid, without=killed)
        scrapes.append(await ready(2))
        assert total(scrapes[-1], "everreach_contacts_total") == 2 * 2000
        assert total(scrapes[-1], "everreach_change_stream_lag_seconds") < 10
        for earlier, later in itertools.pairwise(scrapes):
            assert all(later[key] >= value for key, value in counters(earlier).items())
