"""Hits in blocks: far fewer questions to the database, the same limits, and no more slack than the module admits."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from limits import parse

from everreach.errors import DatabaseAwayError, TooManyRequestsError
from storage.mongo import Database
from storage.rate_limits import MOST, RateLimits
from tests.storage.builders import STRANGER, USER, failing
from tests.storage.test_rate_limits import FIVE_AN_HOUR, SIXTY_A_MINUTE, let_pass

HELD = 13
"""What one process holds of sixty at most: a quarter of the 59 after the first, without the one used at once."""


class Cluster:
    """Nodes on one database, and the time that passes for all of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._ahead = 0.0

    def now(self) -> float:
        return monotonic() + self._ahead

    def node(self) -> RateLimits:
        return RateLimits(self.database, clock=self.now)

    async def wait(self, seconds: float) -> None:
        self._ahead += seconds
        await let_pass(self.database, seconds)

    async def counted(self) -> int:
        (window,) = await self.database["rate_limits"].find().to_list(None)
        return len(window["entries"])


@pytest.fixture
def cluster(database: Database) -> Cluster:
    return Cluster(database)


async def passes(limits: RateLimits, user: str = USER) -> bool:
    try:
        await limits.hit(SIXTY_A_MINUTE, "status", user)
    except TooManyRequestsError:
        return False
    return True


async def passed(limits: RateLimits, times: int) -> int:
    """Ask so many times, one after the other; how many passed."""
    return sum([await passes(limits) for _ in range(times)])


async def passed_at_once(limits: RateLimits, times: int) -> int:
    return sum(await asyncio.gather(*(passes(limits) for _ in range(times))))


@asynccontextmanager
async def questions(database: Database) -> AsyncIterator[Callable[[], int]]:
    """How often the limits asked the database, known when the block has ended."""
    await database.command("profile", 2)
    asked: list[int] = []
    yield lambda: asked[0]
    await database.command("profile", 0)
    asked.append(await database["system.profile"].count_documents({"command.findAndModify": "rate_limits"}))


@pytest.mark.gen_test
async def test_who_asks_every_two_seconds_costs_the_database_a_sixth_of_that(cluster: Cluster) -> None:
    limits = cluster.node()
    async with questions(cluster.database) as asked:
        for _ in range(90):
            assert await passes(limits)
            await cluster.wait(2)
    assert 3 <= asked() <= 15


@pytest.mark.gen_test
async def test_who_asks_once_is_counted_once(cluster: Cluster) -> None:
    await cluster.node().hit(SIXTY_A_MINUTE, "status", USER)
    assert await cluster.counted() == 1


@pytest.mark.gen_test
async def test_one_process_is_exact(cluster: Cluster) -> None:
    limits = cluster.node()
    assert await passed(limits, 70) == 60
    await cluster.wait(60)
    assert await passed(limits, 70) == 60


@pytest.mark.gen_test
async def test_many_at_once_are_exact_and_share_their_questions(cluster: Cluster) -> None:
    limits = cluster.node()
    async with questions(cluster.database) as asked:
        assert await passed_at_once(limits, 200) == 60
    assert asked() <= 20


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.gen_test
async def test_whatever_the_pace_nobody_is_refused_for_nothing(cluster: Cluster, seed: int) -> None:
    limits, chance = cluster.node(), random.Random(seed)
    times: list[float] = []
    refused = 0
    for _ in range(60):
        # The real time that passes meanwhile is far below the second that is forgiven here.
        for _ in range(chance.choice([1, 1, 2, 40])):
            if await passes(limits):
                times.append(cluster.now())
            else:
                refused += 1
                assert sum(time > cluster.now() - 61 for time in times) >= 60
        assert sum(time > cluster.now() - 59 for time in times) <= 60 + HELD
        await cluster.wait(chance.choice([0.5, 2, 5, 20]))
    assert refused


@pytest.mark.gen_test
async def test_two_nodes_in_turn_let_sixty_pass(cluster: Cluster) -> None:
    first, second = cluster.node(), cluster.node()
    assert sum([await passes(node) for _ in range(70) for node in (first, second)]) == 60


@pytest.mark.gen_test
async def test_two_nodes_at_one_moment_let_sixty_pass(cluster: Cluster) -> None:
    first, second = cluster.node(), cluster.node()
    assert sum(await asyncio.gather(passed_at_once(first, 90), passed_at_once(second, 90))) == 60


@pytest.mark.gen_test
async def test_twenty_nodes_at_one_moment_let_no_more_than_sixty_pass(cluster: Cluster) -> None:
    nodes = [cluster.node() for _ in range(20)]
    together = sum(await asyncio.gather(*(passed_at_once(node, 10) for node in nodes)))
    # What a node holds when its ten have passed is all that may be missing.
    assert 60 - HELD <= together <= 60
    assert await cluster.counted() == 60


@pytest.mark.gen_test
async def test_who_moves_to_another_node_may_lose_what_the_first_one_holds(cluster: Cluster) -> None:
    first, second = cluster.node(), cluster.node()
    assert await passed(first, 2) == 2
    assert await passed(second, 70) == 60 - 2 - HELD
    # It is held, not lost: whoever comes back gets it.
    assert await passed(first, 70) == HELD


@pytest.mark.gen_test
async def test_what_is_held_comes_on_top_of_a_later_window_once(cluster: Cluster) -> None:
    limits = cluster.node()
    await passed(limits, 2)
    await cluster.wait(58)
    assert await passed(limits, 45 + HELD) == 45 + HELD
    await cluster.wait(2)
    assert await passed(limits, 70) == 15
    await cluster.wait(60)
    assert await passed(limits, 70) == 60


@pytest.mark.gen_test
async def test_what_is_held_ends_when_it_does_not_count_any_more(cluster: Cluster) -> None:
    limits = cluster.node()
    await passed(limits, 2)
    await cluster.wait(60)
    assert await passed(limits, 70) == 60


@pytest.mark.gen_test
async def test_a_restart_forgets_nothing(cluster: Cluster) -> None:
    assert await passed(cluster.node(), 2) == 2
    assert await passed(cluster.node(), 70) == 60 - 2 - HELD
    assert await passed(cluster.node(), 70) == 0


@pytest.mark.gen_test
async def test_five_an_hour_is_exact_wherever_they_come_from(cluster: Cluster) -> None:
    first, second = cluster.node(), cluster.node()
    for number, node in enumerate((first, first, second, second, first), 1):
        await node.hit(FIVE_AN_HOUR, "start", USER)
        assert await cluster.counted() == number
    for node in (first, second, cluster.node()):
        with pytest.raises(TooManyRequestsError):
            await node.hit(FIVE_AN_HOUR, "start", USER)


@pytest.mark.gen_test
async def test_of_a_small_rate_nothing_is_remembered(cluster: Cluster) -> None:
    node = cluster.node()
    await node.hit(FIVE_AN_HOUR, "start", USER)
    assert len(node._blocks) == 0


@pytest.mark.gen_test
async def test_a_refusal_after_a_refusal_writes_nothing(cluster: Cluster) -> None:
    limits, windows = cluster.node(), cluster.database["rate_limits"]
    await passed(limits, 61)
    before = await windows.find_one()
    await cluster.database.command("profile", 2)
    assert await passed(limits, 5) == 0
    await cluster.database.command("profile", 0)
    asked = cluster.database["system.profile"].find({"command.findAndModify": "rate_limits"})
    assert [question["nModified"] async for question in asked] == [0] * 5
    assert await windows.find_one() == before


@pytest.mark.gen_test
async def test_a_window_removes_itself_when_it_is_over(cluster: Cluster) -> None:
    await cluster.node().hit(SIXTY_A_MINUTE, "status", USER)
    window = await cluster.database["rate_limits"].find_one()
    assert window is not None
    assert timedelta(seconds=55) < window["expireAt"] - datetime.now(UTC) <= timedelta(seconds=60)
    indexes = await cluster.database["rate_limits"].index_information()
    assert indexes["expireAt_1"]["expireAfterSeconds"] == 0


@pytest.mark.gen_test
async def test_one_who_gives_up_takes_nothing_from_the_others(cluster: Cluster) -> None:
    limits = cluster.node()
    first, *others = [asyncio.create_task(passes(limits)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [True, True]


@pytest.mark.gen_test
async def test_what_is_held_needs_no_database_and_what_is_not_says_that_it_is_away(cluster: Cluster) -> None:
    limits = cluster.node()
    await passed(limits, 2)
    async with failing(cluster.database, "findAndModify", errorCode=262):
        assert await passed(limits, HELD) == HELD
        for _ in range(2):
            waiting = [passes(limits) for _ in range(5)]
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(answer) for answer in answers} == {DatabaseAwayError}
    assert await passed(limits, 70) == 60 - 2 - HELD


@pytest.mark.gen_test
async def test_memory_is_bounded_and_the_limit_holds_all_the_same(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.rate_limits.PEOPLE", 3)
    limits = cluster.node()
    assert await passed(limits, 2) == 2
    for number in range(10):
        await passes(limits, f"{STRANGER}-{number}")
    assert len(limits._blocks) == 3
    assert await passed(limits, 70) == 60 - 2 - HELD


@pytest.mark.gen_test
async def test_a_block_is_small_however_large_the_rate(cluster: Cluster) -> None:
    limits, rate = cluster.node(), parse("100000/hour")
    for _ in range(2):
        await limits.hit(rate, "status", USER)
    assert await cluster.counted() == 1 + MOST
