"""Long work in short steps: everybody else is heard between two of them."""

import asyncio
from collections.abc import Iterator

import pytest

from everreach.concurrency.cooperative import STEP, map_cooperatively


@pytest.mark.parametrize("count", [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP, 1000])
@pytest.mark.gen_test
async def test_the_results_are_those_of_all_items_in_their_order(count: int) -> None:
    assert await map_cooperatively(lambda number: number + 1, range(count)) == list(range(1, count + 1))


@pytest.mark.gen_test
async def test_items_are_made_no_sooner_than_they_are_worked_on() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(2 * STEP):
            made.append(number)
            yield number

    await map_cooperatively(made.remove, items())
    assert made == []


@pytest.mark.gen_test
async def test_between_two_steps_of_a_crowd_everybody_else_is_heard() -> None:
    log: list[str] = []

    async def someone_else() -> None:
        while not log or log[-1] != "over":
            log.append("heard")
            await asyncio.sleep(0)

    listener = asyncio.create_task(someone_else())
    await asyncio.gather(*(map_cooperatively(lambda _: log.append("worked"), range(3 * STEP)) for _ in range(3)))
    log.append("over")
    await listener
    longest = max(len(run.split()) for run in " ".join(log).split("heard"))
    assert longest == STEP
