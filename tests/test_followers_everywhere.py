"""Two nodes on one database: whoever follows on the one sees what the other does, in order and to the true end."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from bench.processes import SECRET
from everreach.security.authenticator import issue
from everreach.server.app import Node
from handlers import BASE
from providers.sandbox.faults import Fault
from tests.handlers.following import (
    change,
    check_states,
    complete,
    events,
    events_to_the_end,
    following,
    knows,
    next_event,
    next_state,
    running_job,
    states_to_the_end,
    websocket,
)
from tests.storage.builders import failing
from tests.test_crash import SHORT_LEASE, Import, begin, check_undisturbed, moved, surroundings
from tests.world import ACCOUNT, World, bearer, new_user


@asynccontextmanager
async def other_node(world: World) -> AsyncIterator[tuple[Node, str]]:
    """A second node on the same database, and its origin."""
    async with Node(world.config.model_copy(update={"port": 0})) as node:
        yield node, f"http://127.0.0.1:{node.port}"


async def begun(world: World, size: int = 6000) -> Import:
    """An import of some seconds, on the first node."""
    world.sandbox.latency = 0.15
    user = new_user()
    return Import("google", user, ACCOUNT, size, await world.consent("google", user, size=size))


async def polled_to_the_end(world: World, origin: str, one: Import) -> list[dict[str, Any]]:
    """What the client of a long-poll sees."""
    seen = [await world.status(one.job_id, one.user)]
    while not seen[-1]["completed_at"]:
        job = await poll(world, origin, one.job_id, one.user, seen[-1]["version"])
        seen.append(job)
    return seen


async def poll(world: World, origin: str, job_id: str, user: str, since: int = 0) -> dict[str, Any]:
    """The job now, or as soon as it is newer, from this node."""
    address = f"{origin}{BASE}/status/{job_id}?since={since}&wait=20"
    async with asyncio.timeout(40):
        answer = await world.fetch(address, **bearer(user))
    assert answer.status == 200
    job: dict[str, Any] = answer.json
    return job


@pytest.mark.gen_test
async def test_an_import_on_one_node_is_seen_on_the_other_in_all_three_ways(world: World) -> None:
    async with other_node(world) as (_, origin):
        one = await begun(world)
        async with (
            websocket(origin, one.job_id, one.user) as line,
            events(origin, one.job_id, one.user) as answer,
        ):
            told = await asyncio.gather(
                states_to_the_end(line), events_to_the_end(answer), polled_to_the_end(world, origin, one)
            )
        for states in told:
            check_states(states)
            assert len(states) > 3
            assert states[-1] == await world.status(one.job_id, one.user)
            assert states[-1]["status"] == "completed"
        await check_undisturbed(world.database, one)


@pytest.mark.gen_test
async def test_when_the_importing_node_stops_its_followers_elsewhere_see_the_true_end(world: World) -> None:
    one = await begun(world, 5000)
    async with (
        other_node(world) as (_, origin),
        websocket(origin, one.job_id, one.user) as line,
    ):
        await next_state(line)
        assert (await next_state(line))["status"] == "processing"
        await world.node.stop()
        states = await states_to_the_end(line)
        check_states(states)
        assert states[-1]["status"] == "completed"
        await check_undisturbed(world.database, one)


@pytest.mark.gen_test(timeout=60)
async def test_when_the_importing_node_is_killed_its_followers_elsewhere_see_the_true_end() -> None:
    async with surroundings(latency=0.1) as (bench, database), AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(bench.server("crash", **SHORT_LEASE)) for _ in range(2)]
        for server in servers:
            await server.ready(bench.http)
        one = await begin(bench, servers[0], "google", 6000)
        await moved(database, one, 2, 30)
        token = {"Authorization": f"Bearer {issue(SECRET, one.user, 3600)}"}
        async with websocket(servers[1]._origin, one.job_id, headers=token) as line:
            await servers[0].end(signal.SIGKILL)
            states = await states_to_the_end(line)
        check_states(states)
        assert states[-1]["status"] == "completed"
        await check_undisturbed(database, one)


@pytest.mark.gen_test
async def test_a_retry_on_one_node_is_seen_at_once_on_the_other(world: World) -> None:
    world.sandbox.faults.add(Fault("missing_scope", "page", times=1))
    async with other_node(world) as (_, origin):
        user = new_user()
        job_id, page = await world.start("google", user)
        async with websocket(origin, job_id, user) as line:
            assert (await next_state(line))["status"] == "authenticating"
            await world.back(await world.decide(page))
            # The consent went to the other node, and the built client looks once when it comes back.
            assert (await poll(world, origin, job_id, user))["status"] != "authenticating"
            assert (await states_to_the_end(line))[-1]["status"] == "failed"
        failed = await poll(world, origin, job_id, user)
        world.sandbox.latency = 0.3
        assert (await world.api("POST", f"/jobs/{job_id}/retry", user)).status == 200
        again = await poll(world, origin, job_id, user)
        assert again["version"] > failed["version"]
        assert again["status"] != "failed"
        async with websocket(origin, job_id, user) as line:
            states = await states_to_the_end(line)
        check_states(states)
        assert states[-1]["status"] == "completed"


GAPS: dict[str, dict[str, Any]] = {
    "history-lost": {"errorCode": 286},
    "hangs-up": {"closeConnection": True},
    "cursor-lost": {"errorCode": 43},
}


@pytest.mark.parametrize("fault", GAPS.values(), ids=GAPS)
@pytest.mark.gen_test
async def test_whatever_breaks_the_stream_followers_see_the_true_end(world: World, fault: dict[str, Any]) -> None:
    user = new_user()
    jobs = [await running_job(world, user) for _ in range(3)]
    async with (
        websocket(world.origin, jobs[0], user) as line,
        events(world.origin, jobs[1], user) as answer,
    ):
        await next_state(line)
        await next_event(answer)
        polling = asyncio.create_task(poll(world, world.origin, jobs[2], user, 2))
        await following(world.node, 3)
        await knows(world.node, fresh=True)
        async with failing(world.database, "getMore", "aggregate", **fault):
            await knows(world.node, fresh=False)
            # Meanwhile the database is asked, and the database knows.
            for version in (3, 4):
                await change(world, jobs[0])
                assert (await world.status(jobs[0], user))["version"] == version
            for job_id in jobs:
                await complete(world, job_id)
        states = await states_to_the_end(line)
        assert (states[-1]["status"], line.close_code) == ("completed", 1000)
        check_states(states)
        assert (await events_to_the_end(answer))[-1]["status"] == "completed"
        assert (await polling)["status"] == "completed"
    for job_id in jobs:
        assert (await world.status(job_id, user))["status"] == "completed"
    await following(world.node, 0)


async def streams(world: World) -> set[int]:
    """The change streams of this database; some may be left of a node that stopped a moment ago."""
    namespace = f"{world.database.name}.contact_import_jobs"
    query: list[dict[str, Any]] = [
        {"$currentOp": {"allUsers": True, "idleCursors": True}},
        {"$match": {"ns": namespace, "cursor.tailable": True}},
    ]
    return {found["cursor"]["cursorId"] async for found in world.database.client.admin.aggregate(query)}


@pytest.mark.gen_test
async def test_a_node_opens_no_stream_for_one_who_only_polls(world: World) -> None:
    user = new_user()
    before = await streams(world)
    job_id = await running_job(world, user)
    for version in range(3, 8):
        await change(world, job_id)
        assert (await world.status(job_id, user))["version"] == version
    assert await streams(world) <= before


@pytest.mark.gen_test
async def test_a_node_has_one_stream_however_many_follow(world: World) -> None:
    user = new_user()
    jobs = [await running_job(world, user) for _ in range(5)]
    async with AsyncExitStack() as stack:
        await next_state(await stack.enter_async_context(websocket(world.origin, jobs[0], user)))
        await knows(world.node, fresh=True)
        before = await streams(world)
        for job_id in jobs * 4:
            await next_state(await stack.enter_async_context(websocket(world.origin, job_id, user)))
        await following(world.node, 21)
        assert await streams(world) <= before
