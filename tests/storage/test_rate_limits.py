"""How often one person may ask: never once too often, never refused for nothing, and the same on every node."""

import asyncio
from collections.abc import Callable
from typing import Final

import pytest
from limits import parse

from everreach.errors import TooManyRequestsError
from storage.mongo import Database
from storage.rate_limits import RateLimits
from tests.storage.builders import STRANGER, USER

FIVE_AN_HOUR: Final = parse("5/hour")
SIXTY_A_MINUTE: Final = parse("60/minute")

Node = Callable[[], RateLimits]


@pytest.fixture
def node(database: Database) -> Node:
    """Makes the limits of one more node on the same database."""
    return lambda: RateLimits(database)


async def refused(limits: RateLimits, action: str = "start", user: str = USER) -> int:
    """Ask once too often; the seconds to wait."""
    with pytest.raises(TooManyRequestsError) as caught:
        await limits.hit(FIVE_AN_HOUR, action, user)
    return caught.value.retry_after


async def passed(limits: RateLimits, times: int, user: str = USER) -> int:
    """Ask so many times at one moment, at most five of which may pass; how many did."""

    async def hit() -> bool:
        try:
            await limits.hit(FIVE_AN_HOUR, "start", user)
        except TooManyRequestsError:
            return False
        return True

    return sum(await asyncio.gather(*(hit() for _ in range(times))))


async def let_pass(database: Database, seconds: float) -> None:
    """Let every request so far have come so many seconds earlier."""
    async for window in database["rate_limits"].find():
        entries = [entry - seconds for entry in window["entries"]]
        await database["rate_limits"].update_one({"_id": window["_id"]}, {"$set": {"entries": entries}})


@pytest.mark.gen_test
async def test_five_pass_and_the_sixth_is_told_when_to_come_back(node: Node) -> None:
    limits = node()
    for _ in range(5):
        await limits.hit(FIVE_AN_HOUR, "start", USER)
    seconds = await refused(limits)
    assert 3500 < seconds <= 3600


@pytest.mark.gen_test
async def test_the_answer_says_it_in_a_header_and_in_words(node: Node) -> None:
    limits = node()
    await passed(limits, 5)
    with pytest.raises(TooManyRequestsError) as caught:
        await limits.hit(FIVE_AN_HOUR, "start", USER)
    error = caught.value
    assert error.headers == {"Retry-After": str(error.retry_after)}
    assert str(error.retry_after) in error.message
    assert USER not in error.message


@pytest.mark.gen_test
async def test_another_person_and_another_action_are_counted_by_themselves(node: Node) -> None:
    limits = node()
    await passed(limits, 5)
    await refused(limits)
    assert await passed(limits, 6, STRANGER) == 5
    for _ in range(5):
        await limits.hit(FIVE_AN_HOUR, "status", USER)
    await refused(limits, "status")


@pytest.mark.gen_test
async def test_two_nodes_count_together(node: Node) -> None:
    first, second = node(), node()
    assert await passed(first, 3) == 3
    assert await passed(second, 3) == 2
    await refused(first)


@pytest.mark.gen_test
async def test_a_restart_forgets_nothing(node: Node) -> None:
    await passed(node(), 5)
    await refused(node())


@pytest.mark.gen_test
async def test_a_refused_request_does_not_count(node: Node, database: Database) -> None:
    limits = node()
    assert await passed(limits, 20) == 5
    await let_pass(database, 3601)
    assert await passed(limits, 20) == 5


@pytest.mark.gen_test
async def test_the_window_moves_with_each_request(node: Node, database: Database) -> None:
    limits = node()
    await passed(limits, 2)
    await let_pass(database, 3000)
    assert await passed(limits, 4) == 3
    seconds = await refused(limits)
    assert 500 < seconds <= 600
    await let_pass(database, 601)
    # Only the first two are an hour old by now.
    assert await passed(limits, 4) == 2


@pytest.mark.gen_test
async def test_a_wait_ends_when_the_oldest_request_is_an_hour_old(node: Node, database: Database) -> None:
    limits = node()
    await passed(limits, 5)
    await let_pass(database, 3595)
    assert 1 <= await refused(limits) <= 5


@pytest.mark.gen_test
async def test_twenty_first_requests_at_one_moment_all_pass_where_sixty_may(node: Node, database: Database) -> None:
    await asyncio.gather(*(node().hit(SIXTY_A_MINUTE, "status", USER) for _ in range(20)))
    (window,) = await database["rate_limits"].find().to_list(None)
    assert len(window["entries"]) == 20


@pytest.mark.gen_test
async def test_requests_at_one_moment_never_exceed_the_amount(node: Node) -> None:
    first, second = node(), node()
    together = await asyncio.gather(passed(first, 10), passed(second, 10))
    assert sum(together) == 5
    await refused(first)
