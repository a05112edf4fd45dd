"""Whatever the token endpoint and the database do, the person is sent on within ten seconds, and the job tells why."""

import asyncio
import time
from typing import Any

import pytest

from everreach.errors import DatabaseAwayError
from everreach.jobs.job import Job
from everreach.oauth import consent
from providers.sandbox.faults import Fault
from storage.mongo import Document
from tests.handlers.edge import PROVIDERS, until
from tests.world import World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
TITLES = {"google": "Google", "microsoft": "Microsoft"}
NEVER = [Fault("slow", "token", seconds=30), Fault("stall", "token"), Fault("stall", "token", headers=False)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person waits for a moment only, so that the tests need not wait longer either."""
    monkeypatch.setattr(consent, "PATIENCE_SECONDS", 0.3)


def test_all_that_a_person_may_have_to_wait_for_is_over_within_ten_seconds() -> None:
    assert 5 < consent.PATIENCE_SECONDS < consent.ANSWER_SECONDS < 10


async def too_late(world: World, provider: str, user: str, **choices: Any) -> str:
    """A job whose exchange took too long."""
    job_id, page = await world.start(provider, user)
    url, began = await world.decide(page, **choices), time.monotonic()
    answer = await world.back(url)
    assert answer == {"provider": provider, "job_id": job_id, "status": "error", "message": "token_exchange_failed"}
    assert time.monotonic() - began < 5
    job = await world.status(job_id, user)
    sentence = f"{TITLES[provider]} took too long to answer. Please try again."
    assert (job["status"], job["error_message"]) == ("failed", sentence)
    return job_id


async def kept(world: World, job_id: str) -> None:
    async def there() -> bool:
        return bool((await world.stored(job_id))["access_token"])

    await until(there)


@BOTH
@pytest.mark.parametrize("fault", NEVER, ids=["slow", "silent in the middle", "silent"])
@pytest.mark.settings(everreach_shutdown_seconds=0)
@pytest.mark.usefixtures("impatient")
@pytest.mark.gen_test
async def test_nobody_waits_for_a_token_endpoint_that_does_not_answer(
    world: World, provider: str, fault: Fault
) -> None:
    world.sandbox.faults.add(fault)
    job_id = await too_late(world, provider, new_user())
    assert (await world.stored(job_id))["access_token"] is None


@BOTH
@pytest.mark.usefixtures("impatient")
@pytest.mark.gen_test
async def test_tokens_that_come_late_serve_a_retry(world: World, provider: str, log_lines: list[str]) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=1))
    user = new_user()
    job_id = await too_late(world, provider, user)
    before = await world.status(job_id, user)
    await kept(world, job_id)
    # Nobody who follows the job notices; and they go after a day, as those of any failed import.
    assert await world.status(job_id, user) == before
    stored = await world.stored(job_id)
    assert 86300 < (stored["not_before"] - stored["completed_at"]).total_seconds() < 86500
    assert any("the tokens came late, and are kept for a retry" in line for line in log_lines)
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert (answer.status, answer.json) == (200, {"job_id": job_id, "provider": provider})
    assert (await world.ended(job_id, user))["status"] == "completed"
    assert world.sandbox.stats.codes_exchanged == 1
    assert world.sandbox.stats.revoked == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.gen_test
async def test_a_late_grant_without_the_contacts_is_revoked(world: World) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=1))
    job_id = await too_late(world, "google", new_user(), contacts=False)

    async def revoked() -> bool:
        return world.sandbox.stats.revoked == 1

    await until(revoked)
    assert (await world.stored(job_id))["access_token"] is None


@pytest.mark.usefixtures("impatient")
@pytest.mark.gen_test
async def test_a_late_grant_does_not_get_into_a_newer_consent(world: World) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=1))
    user = new_user()
    job_id = await too_late(world, "google", user)
    page = (await world.api("POST", f"/jobs/{job_id}/retry", user)).json["authorization_url"]

    async def revoked() -> bool:
        return world.sandbox.stats.revoked == 1

    await until(revoked)
    waiting = await world.stored(job_id)
    assert (waiting["status"], waiting["access_token"]) == ("authenticating", None)
    assert (await world.back(await world.decide(page)))["status"] == "success"
    assert (await world.ended(job_id, user))["status"] == "completed"


@pytest.mark.usefixtures("impatient")
@pytest.mark.gen_test
async def test_a_late_refusal_is_told_in_the_log_only(world: World, log_lines: list[str]) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=1), Fault("invalid_grant", "token"))
    job_id = await too_late(world, "google", new_user())
    before = await world.stored(job_id)

    async def told() -> bool:
        return any("the exchange failed: invalid_grant" in line for line in log_lines)

    await until(told)
    assert await world.stored(job_id) == before


@BOTH
@pytest.mark.gen_test
async def test_a_database_that_is_away_for_a_moment_loses_no_grant(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = world.node.services.jobs
    store, tries = jobs.consent, 0

    async def away_at_first(job: Job, tokens: Document) -> Job | None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise DatabaseAwayError
        return await store(job, tokens)

    monkeypatch.setattr(jobs, "consent", away_at_first)
    user = new_user()
    job_id, page = await world.start(provider, user)
    assert (await world.back(await world.decide(page)))["status"] == "success"
    assert (await world.ended(job_id, user))["status"] == "completed"
    assert tries == 2


@BOTH
@pytest.mark.gen_test
async def test_an_answer_of_the_database_that_was_lost_is_no_error(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = world.node.services.jobs
    store = jobs.consent

    async def unheard(job: Job, tokens: Document) -> Job | None:
        if await store(job, tokens):
            raise DatabaseAwayError
        return None

    monkeypatch.setattr(jobs, "consent", unheard)
    user = new_user()
    job_id, page = await world.start(provider, user)
    assert (await world.back(await world.decide(page)))["status"] == "success"
    assert (await world.ended(job_id, user))["status"] == "completed"
    assert world.sandbox.stats.revoked == 0


@BOTH
@pytest.mark.gen_test
async def test_nobody_waits_for_the_database_either_and_the_import_begins_behind(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = world.node.services.jobs
    store, hanging = jobs.consent, asyncio.Event()

    async def slow(job: Job, tokens: Document) -> Job | None:
        await hanging.wait()
        return await store(job, tokens)

    monkeypatch.setattr(jobs, "consent", slow)
    monkeypatch.setattr(consent, "ANSWER_SECONDS", 0.5)
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page)
    assert (await world.back(url))["message"] == "server_error"
    hanging.set()
    assert (await world.ended(job_id, user))["status"] == "completed"
    # Who comes again is told what is true by now.
    assert (await world.back(url))["status"] == "success"


@BOTH
@pytest.mark.gen_test
async def test_a_node_that_stops_finishes_the_exchange_first(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=0.5))
    job_id, page = await world.start(provider, new_user())
    coming_back = asyncio.create_task(world.back(await world.decide(page)))

    async def exchanging() -> bool:
        return world.sandbox.stats.requests[f"{provider} token"] == 1

    await until(exchanging)
    await world.node.stop()
    assert (await coming_back)["status"] == "success"
    job = await world.stored(job_id)
    assert job["status"] in {"fetching", "processing", "completed"}
