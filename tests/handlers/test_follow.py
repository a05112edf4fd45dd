"""What everybody who follows an import is shown, either way: whole states, in order, not too often, to the end."""

import asyncio
import time

import pytest

from tests.handlers.following import change, check_states, complete, following, running_job, shown
from tests.handlers.test_status import check_document
from tests.world import World, new_user

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
