"""A real set of three loses its primary in mid-import: nothing acknowledged is lost, nothing shown goes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from everreach.errors import DatabaseError
from storage.embedded.binary import find_mongod
from tests.handlers.following import check_states, events, events_to_the_end, states_to_the_end, websocket
from tests.replica_set import ReplicaSet
from tests.test_crash import Import, check_undisturbed
from tests.world import ACCOUNT, World, new_user

SIZE = 12_000
ENOUGH_PAGES = 4
SECONDS = 8.0
"""The longest that a status may keep its asker waiting."""

GROWING = ("version", "processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    try:
        find_mongod()
    except DatabaseError as error:
        pytest.skip(error.message)
    with ReplicaSet(tmp_path_factory.mktemp("replica_set")) as made:
        yield made


class Witness:
    """Looks at a job's status all the time, as an impatient app does, and remembers whether all was as promised."""

    def __init__(self, world: World, one: Import) -> None:
        self._world = world
        self.one = one
        self.origin = world.origin
        self.answers = {200: 0, 503: 0}
        self.longest = 0.0
        self.last: dict[str, Any] = {}

    async def watch(self) -> None:
        """Until the job has ended."""
        while not self.last.get("completed_at"):
            began = time.monotonic()
            answer = await self._world.api("GET", f"/status/{self.one.job_id}", self.one.user)
            self.longest = max(self.longest, time.monotonic() - began)
            self.answers[answer.status] += 1
            if answer.status == 200:
                self._look(answer.json)
            await asyncio.sleep(0.05)

    def _look(self, job: dict[str, Any]) -> None:
        assert job["status"] in {"fetching", "processing", "completed"}
        assert job["error_message"] is None
        assert all(job[name] >= self.last.get(name, 0) for name in GROWING), (self.last, job)
        self.last = job

    async def saw(self, processed: int) -> None:
        """Wait until so many contacts have been shown as processed."""
        while self.last.get("processed_contacts", 0) < processed:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watched_import(replica_set: ReplicaSet, name: str) -> AsyncIterator[Witness]:
    """An import of some seconds, some of it done. At the end it has to be whole, and the witness content."""
    world = World(replica_set.uri(name), {})
    await world.open()
    try:
        world.sandbox.latency = 0.25
        user = new_user()
        one = Import("google", user, ACCOUNT, SIZE, await world.consent("google", user, size=SIZE))
        witness = Witness(world, one)
        async with asyncio.timeout(100), asyncio.TaskGroup() as group:
            group.create_task(witness.watch())
            await witness.saw(ENOUGH_PAGES * 1000)
            yield witness
        assert witness.longest < SECONDS
        assert witness.answers[200] > 20
        await check_undisturbed(world.database, one)
    finally:
        await world.close()


@pytest.mark.gen_test(timeout=180)
async def test_a_primary_that_steps_down_twice_is_no_matter(replica_set: ReplicaSet) -> None:
    async with watched_import(replica_set, "step_down") as witness:
        await asyncio.to_thread(replica_set.step_down)
        seen = witness.last["processed_contacts"]
        assert seen < SIZE
        await witness.saw(seen + 1000)
        await asyncio.to_thread(replica_set.step_down)
        assert witness.last["processed_contacts"] < SIZE


@pytest.mark.gen_test(timeout=180)
async def test_whoever_follows_sees_the_true_end_though_the_primary_stepped_down(replica_set: ReplicaSet) -> None:
    async with (
        watched_import(replica_set, "followed") as witness,
        websocket(witness.origin, witness.one.job_id, witness.one.user) as line,
        events(witness.origin, witness.one.job_id, witness.one.user) as answer,
    ):
        told = asyncio.gather(states_to_the_end(line), events_to_the_end(answer))
        await asyncio.to_thread(replica_set.step_down)
        assert witness.last["processed_contacts"] < SIZE
        for states in await told:
            check_states(states)
            counts = [states[-1][name] for name in ("status", "processed_contacts", "total_contacts")]
            assert counts == ["completed", SIZE, SIZE]


@pytest.mark.gen_test(timeout=180)
async def test_a_primary_that_is_killed_takes_nothing_with_it(replica_set: ReplicaSet) -> None:
    async with watched_import(replica_set, "killed") as witness:
        lost = await asyncio.to_thread(replica_set.kill_primary)
        before = witness.last["processed_contacts"]
        assert before < SIZE
        assert await asyncio.to_thread(replica_set.primary) is not lost
        await witness.saw(before + 1000)
        # It comes back with writes that the others never had, and has to take them back.
        lost.start()
        await asyncio.to_thread(replica_set.wait_whole)
