"""Lanes: of one person two queries at once, the others wait their turn, and nobody else waits for them."""

import asyncio
from collections import Counter

import pytest

from everreach.errors import TooManyRequestsError
from handlers.lanes import AT_ONCE, MOST, Lanes
from tests.handlers.edge import until
from tests.world import World, new_user


@pytest.mark.gen_test
async def test_two_at_once_the_others_in_turn_and_too_many_are_refused() -> None:
    lanes, open_, inside, most = Lanes(), asyncio.Event(), Counter[str](), Counter[str]()

    async def ask(user: str) -> None:
        async with lanes.lane(user):
            inside[user] += 1
            most[user] = max(most[user], inside[user])
            await open_.wait()
            inside[user] -= 1

    asking = [asyncio.create_task(ask(user)) for user in ("ada", "bob") for _ in range(MOST)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequestsError):
        await ask("ada")
    open_.set()
    await asyncio.gather(*asking)
    assert most == {"ada": AT_ONCE, "bob": AT_ONCE}
    assert lanes._lanes == {}


@pytest.mark.gen_test
async def test_who_gives_up_waiting_leaves_the_lane() -> None:
    lanes, held = Lanes(), asyncio.Event()

    async def ask() -> None:
        async with lanes.lane("ada"):
            await held.wait()

    asking = [asyncio.create_task(ask()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert lanes._lanes == {}


@pytest.mark.gen_test
async def test_one_who_asks_for_everything_at_once_slows_only_themselves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other = new_user(), new_user()
    pages, open_ = world.node.services.pages, asyncio.Event()
    read, asked = pages.jobs, []

    async def slow(query: dict[str, str], *rest: object) -> object:
        asked.append(query["user_id"])
        if query["user_id"] == user:
            await open_.wait()
        return await read(query, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pages, "jobs", slow)
    greedy = [asyncio.create_task(world.api("GET", "/list", user)) for _ in range(6)]

    async def all_wait() -> bool:
        lane = world.node.services.lanes._lanes.get(user)
        return lane is not None and lane.present == 6

    await until(all_wait)
    assert (await world.api("GET", "/list", other)).status == 200
    assert asked == [user] * AT_ONCE + [other]
    open_.set()
    assert {answer.status for answer in await asyncio.gather(*greedy)} == {200}
