"""Many imports on one node: bounded, fair, and nobody forgotten."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everreach.engine import runner
from everreach.errors import DatabaseError
from everreach.jobs.job import Lease
from everreach.server.app import Node
from providers.google.source import GoogleSource
from storage.indexes import CONTACTS, JOBS, LEDGER
from tests.storage.builders import failing
from tests.world import World, new_user

LONG_AGO = datetime.now(UTC) - timedelta(days=2)


async def until(world: World, job_id: str, seconds: float = 40, **fields: Any) -> dict[str, Any]:
    """The stored job once its fields have these values."""
    async with asyncio.timeout(seconds):
        while True:
            job = await world.stored(job_id)
            if all(job.get(name) == value for name, value in fields.items()):
                return job
            await asyncio.sleep(0.02)


async def make_due(world: World, job_id: str, **fields: Any) -> None:
    await world.database[JOBS].update_one({"_id": job_id}, {"$set": {"not_before": LONG_AGO, **fields}})


@pytest.mark.settings(everreach_max_imports=2)
@pytest.mark.gen_test
async def test_a_node_works_on_no_more_jobs_than_it_is_set_to(world: World) -> None:
    world.sandbox.latency = 0.05
    user = new_user()
    jobs = [await world.consent("google", user, f"{number}@sandbox.example", 3000) for number in range(5)]
    most = 0
    while await world.database[JOBS].count_documents({"completed_at": None}):
        most = max(most, await world.database[JOBS].count_documents({"lease_owner": {"$ne": None}}))
        await asyncio.sleep(0.01)
    assert most == 2
    assert {(await world.stored(job))["status"] for job in jobs} == {"completed"}


@pytest.mark.settings(everreach_max_imports=1)
@pytest.mark.gen_test(timeout=60)
async def test_a_giant_book_does_not_starve_a_small_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TURN_SECONDS", 0.2)
    world.sandbox.latency = 0.05
    one, other = new_user(), new_user()
    giant = await world.consent("google", one, size=60_000)
    await until(world, giant, status="processing")
    small = await world.consent("google", other, size=100)
    assert (await world.ended(small, other))["status"] == "completed"
    assert (await world.status(giant, one))["status"] == "processing"
    assert (await world.stored(giant))["takeovers"] == 0
    await world.api("POST", f"/jobs/{giant}/cancel", one)


@pytest.mark.gen_test
async def test_a_job_whose_consent_never_comes_ends_as_failed(world: World) -> None:
    job_id, _ = await world.start("google", new_user())
    await make_due(world, job_id)
    job = await until(world, job_id, status="failed")
    assert "not connected in time" in job["error_message"]
    assert job["completed_at"] is not None


@pytest.mark.gen_test
async def test_the_tokens_of_a_failed_job_are_forgotten_when_its_day_is_over(world: World) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    await world.ended(job_id, user)
    sealed = {"access_token": "v1.sealed", "refresh_token": "v1.sealed"}
    await make_due(world, job_id, status="failed", **sealed)
    await until(world, job_id, access_token=None, refresh_token=None, not_before=None)


@pytest.mark.gen_test
async def test_a_job_taken_over_five_times_without_a_page_is_given_up(world: World) -> None:
    world.node.services.runner.stopping = True
    user = new_user()
    job_id = await world.consent("google", user, size=1500)
    await make_due(world, job_id, takeovers=4, lease_owner="a worker that died", fence=1, begun=1)
    world.node.services.runner.stopping = False
    job = await world.ended(job_id, user)
    assert (job["status"], "given up" in job["error_message"]) == ("failed", True)
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert (answer.status, (await world.ended(job_id, user))["status"]) == (200, "completed")


@pytest.mark.settings(everreach_lease_seconds=1)
@pytest.mark.gen_test(timeout=60)
async def test_an_unforeseen_error_is_logged_without_its_text_and_ends_the_job_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("ada@private.example")

    monkeypatch.setattr(GoogleSource, "page", broken)
    user = new_user()
    job = await world.ended(await world.consent("google", user), user, seconds=40)
    assert (job["status"], "given up" in job["error_message"]) == ("failed", True)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 5
    assert all("ValueError" in text and "private" not in text for text in errors)


@pytest.mark.gen_test
async def test_a_cancelled_job_that_died_half_way_is_settled_by_whoever_comes_by(world: World) -> None:
    user = new_user()
    job_id = await world.consent("google", user, size=1500)
    await world.ended(job_id, user)
    # As if the worker had died between the contacts and the ledger, and the person had cancelled then.
    lost = await world.database[LEDGER].find({"import_job_id": job_id, "action": "created"}).limit(100).to_list(None)
    await world.database[LEDGER].delete_many({"_id": {"$in": [row["_id"] for row in lost]}})
    await make_due(world, job_id, status="cancelled", page=0, imported_contacts=0, processed_contacts=0)
    job = await until(world, job_id, not_before=None)
    assert job["imported_contacts"] == await world.database[CONTACTS].count_documents({"user_id": user})
    assert job["processed_contacts"] == await world.database[LEDGER].count_documents({"import_job_id": job_id}) == 1500


@pytest.mark.settings(everreach_lease_seconds=60)
@pytest.mark.gen_test(timeout=60)
async def test_what_one_node_hands_back_another_goes_on_with(world: World) -> None:
    world.sandbox.latency = 0.1
    user = new_user()
    job_id = await world.consent("google", user, size=8000)
    await until(world, job_id, status="processing")
    config = world.config.model_copy(update={"port": 0})
    async with Node(config):
        began = asyncio.get_running_loop().time()
        await world.node.services.runner.stop(5)
        page = (await world.stored(job_id))["page"]
        while (await world.stored(job_id))["page"] == page:
            await asyncio.sleep(0.01)
        # A lease that was not handed back would last for a minute.
        assert asyncio.get_running_loop().time() - began < 20
        job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", 8000)
    assert (await world.stored(job_id))["takeovers"] == 0


@pytest.mark.gen_test
async def test_a_cancelled_import_stops_and_its_counters_are_what_stands(world: World) -> None:
    world.sandbox.latency = 0.05
    user = new_user()
    job_id = await world.consent("google", user, size=20_000)
    await until(world, job_id, status="processing")
    answer = await world.api("POST", f"/jobs/{job_id}/cancel", user)
    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    job = await until(world, job_id, not_before=None)
    stands = [await world.database[name].count_documents({"user_id": user}) for name in (CONTACTS, LEDGER)]
    assert stands == [job["imported_contacts"], job["processed_contacts"]]
    assert 0 < job["processed_contacts"] < 20_000


@pytest.mark.parametrize("code", [13, 10107], ids=["refuses", "is-no-primary"])
@pytest.mark.gen_test
async def test_a_database_that_reads_and_takes_no_writes_is_not_hammered(
    world: World, log_lines: list[str], code: int
) -> None:
    world.node.services.runner.stopping = True
    user = new_user()
    job_id = await world.consent("google", user)
    async with failing(world.database, "findAndModify", errorCode=code):
        log_lines.clear()
        world.node.services.runner.stopping = False
        await asyncio.sleep(3)
        assert 1 <= len([line for line in log_lines if "left to the next worker" in line]) <= 4
    assert (await world.ended(job_id, user))["status"] == "completed"


@pytest.mark.settings(everreach_max_imports=1)
@pytest.mark.gen_test
async def test_jobs_that_cannot_be_claimed_keep_no_other_from_its_worker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, stuck = world.node.services.runner._leases.claim, set[str]()

    async def refused(job_id: str, user_id: str) -> Lease | None:
        if job_id in stuck:
            raise DatabaseError
        return await claim(job_id, user_id)

    monkeypatch.setattr(world.node.services.runner._leases, "claim", refused)
    world.node.services.runner.stopping = True
    user = new_user()
    stuck.update([await world.consent("google", user) for _ in range(2)])
    job_id = await world.consent("google", user)
    world.node.services.runner.stopping = False
    assert (await world.ended(job_id, user))["status"] == "completed"
