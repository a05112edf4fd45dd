"""What everybody who follows an import is shown, either way: whole states, in order, not too often, to the end."""

import asyncio
import time

import pytest

from storage.indexes import JOBS
from tests.handlers.edge import check_error
from tests.handlers.following import (
    change,
    check_states,
    complete,
    events,
    events_to_the_end,
    following,
    knows,
    path_of,
    running_job,
    shown,
    states_to_the_end,
    websocket,
)
from tests.handlers.test_status import check_document
from tests.world import World, bearer, new_user

EITHER_WAY = pytest.mark.parametrize("kind", ["ws", "events"])


@EITHER_WAY
@pytest.mark.gen_test
async def test_an_import_from_its_first_state_to_its_end(world: World, kind: str) -> None:
    world.sandbox.latency = 0.1
    user = new_user()
    job_id = await world.consent("google", user, size=8000)
    before = await world.status(job_id, user)
    async with shown(kind, world.origin, job_id, user) as line:
        states = await line.to_the_end()
    check_states(states)
    for state in states:
        check_document(state)
    assert states[0]["version"] >= before["version"]
    assert len(states) > 2
    assert states[-1] == await world.status(job_id, user)
    assert states[-1]["status"] == "completed"
    await following(world.node, 0)


@EITHER_WAY
@pytest.mark.gen_test
async def test_at_most_four_states_a_second_and_the_last_is_the_newest(world: World, kind: str) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    origin = world.origin
    async with shown(kind, origin, job_id, user) as line, shown(kind, origin, job_id, user) as other:
        assert (await line.next())["version"] == 2
        began = time.monotonic()
        for number in range(1, 101):
            await change(world, job_id, processed_contacts=number, imported_contacts=number)
            # Else the changes would be over before the second state is due.
            await asyncio.sleep(0.005)
        await complete(world, job_id)
        states = await line.to_the_end()
        assert 2 <= len(states) <= 4 * (time.monotonic() - began) + 1
        check_states(states)
        assert (states[-1]["status"], states[-1]["version"]) == ("completed", 103)
        assert (await other.to_the_end())[1:] == states


@pytest.mark.gen_test
async def test_whoever_follows_a_job_that_is_erased_is_told_so_and_nothing_more_of_it(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    await change(world, job_id, provider_account_name="ada@private.example")
    polling = asyncio.create_task(world.fetch(f"{world.origin}{path_of('poll', job_id, since=3)}", **bearer(user)))
    async with websocket(world.origin, job_id, user) as line, events(world.origin, job_id, user) as answer:
        await following(world.node, 3)
        await knows(world.node, fresh=True)
        assert (await world.status(job_id, user))["provider_account_name"] == "ada@private.example"
        await world.database[JOBS].delete_one({"_id": job_id})
        await states_to_the_end(line)
        await events_to_the_end(answer)
        assert line.close_code == 4404
        check_error(await polling, 404)
        # The stream is open still, and memory would answer.
        await knows(world.node, fresh=True)
        check_error(await world.api("GET", f"/status/{job_id}", user), 404)
    await following(world.node, 0)
