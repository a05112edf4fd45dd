"""Cancel: the person ends a job that has not ended."""

import asyncio
import time
from typing import Any

import pytest
from tornado.testing import bind_unused_port

from everreach import followed
from everreach.app import Node
from everreach.errors import DatabaseAwayError
from providers.sandbox.faults import Fault
from tests.handlers.edge import (
    COUNTERS,
    PROVIDERS,
    SEALED,
    TIME,
    all_jobs,
    check_error,
    check_headers,
    check_strangers,
    standing,
    until,
)
from tests.handlers.following import change, following, running_job, shown
from tests.world import World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
TOKENS = ("access_token", "refresh_token", "token_expires_at", "pkce_verifier")


async def cancel(world: World, job_id: str, user: str) -> dict[str, Any]:
    """The status document that the cancelling answers."""
    answer = await world.api("POST", f"/jobs/{job_id}/cancel", user)
    assert answer.status == 200, answer.body
    check_headers(answer)
    job: dict[str, Any] = answer.json
    assert (job["id"], job["status"], job["error_message"]) == (job_id, "cancelled", None)
    assert TIME.fullmatch(job["completed_at"])
    now = await world.status(job_id, user)
    assert set(job) == set(now)
    assert now["completed_at"] == job["completed_at"]
    return job


async def settled(world: World, job_id: str) -> dict[str, Any]:
    """The job once nobody has to look at it again."""

    async def at_rest() -> dict[str, Any] | None:
        job = await world.stored(job_id)
        return None if "not_before" in job else job

    job: dict[str, Any] = await until(at_rest)
    return job


async def check_counters(world: World, job: dict[str, Any]) -> None:
    """They are what stands in the database: the ledger's rows, and the contacts."""
    assert {name: job[name] for name in COUNTERS} == await standing(world, job["_id"])
    contacts = await world.database["contacts"].count_documents({"import_job_id": job["_id"]})
    assert contacts == job["imported_contacts"]
    assert job["total_contacts"] >= job["processed_contacts"]


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_waits_for_consent(world: World, provider: str) -> None:
    user = new_user()
    job_id, _ = await world.start(provider, user)
    before = await world.status(job_id, user)
    job = await cancel(world, job_id, user)
    assert job["version"] == before["version"] + 1
    stored = await world.stored(job_id)
    assert [stored[name] for name in (*TOKENS, "state_hash")] == [None] * 5
    assert "not_before" not in stored


async def fetching(world: World, provider: str, user: str) -> str:
    """A job whose first page is asked for, and never comes."""
    world.sandbox.latency = 60
    job_id = await world.consent(provider, user)

    async def asked() -> bool:
        return world.sandbox.stats.peak_page_requests > 0

    await until(asked)
    assert (await world.status(job_id, user))["status"] == "fetching"
    return job_id


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_fetches_its_first_page(world: World, provider: str) -> None:
    user = new_user()
    job_id = await fetching(world, provider, user)
    await cancel(world, job_id, user)
    job = await settled(world, job_id)
    assert [job[name] for name in (*COUNTERS, *TOKENS)] == [0] * 4 + [None] * 4
    await check_counters(world, job)


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_is_in_the_middle_stops_and_its_counters_are_what_stands(world: World, provider: str) -> None:
    world.sandbox.latency = 0.1
    user = new_user()
    job_id = await world.consent(provider, user, size=50_000)

    async def processing() -> bool:
        return bool((await world.status(job_id, user))["processed_contacts"])

    await until(processing)
    await cancel(world, job_id, user)
    job = await settled(world, job_id)
    assert job["status"] == "cancelled"
    assert [job[name] for name in TOKENS] == [None] * 4
    assert 0 < job["processed_contacts"] < 50_000
    await check_counters(world, job)
    view = await world.status(job_id, user)
    assert view["progress_percent"] < 100
    # The provider's pages are no longer asked for, but one that was on its way is still served, to nobody.
    pages = world.sandbox.stats.pages.total()
    await world.ended(await world.consent(provider, user, account="grace@sandbox.example"), user)
    assert world.sandbox.stats.pages["ada@sandbox.example"] <= pages + 1
    assert await world.stored(job_id) == job


async def half_way(world: World, user: str, size: int = 50_000) -> str:
    """A job of which some pages are committed, and the next is always under way."""
    world.sandbox.latency = 0.02
    job_id = await world.consent("google", user, size=size)

    async def processing() -> bool:
        return bool((await world.stored(job_id))["processed_contacts"])

    await until(processing)
    return job_id


async def check_last_word(world: World, user: str, job: dict[str, Any]) -> None:
    """What the cancelling answered is what stands in the database, then and at last."""
    assert {name: job[name] for name in COUNTERS} == await standing(world, job["id"])
    await settled(world, job["id"])
    assert await world.status(job["id"], user) == job
    await check_counters(world, await world.stored(job["id"]))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a worker may take longer than people would wait."""
    assert followed.SETTLING_SECONDS == 2
    monkeypatch.setattr(followed, "SETTLING_SECONDS", 20.0)


PATIENT = pytest.mark.usefixtures("patient")


@PATIENT
@pytest.mark.gen_test
async def test_the_answer_has_the_last_counters(world: World) -> None:
    user = new_user()
    job_id = await half_way(world, user)
    await check_last_word(world, user, await cancel(world, job_id, user))


@PATIENT
@pytest.mark.gen_test
async def test_the_answer_has_the_last_counters_of_a_worker_elsewhere(world: World) -> None:
    reserved, port = bind_unused_port()
    reserved.close()
    world.node.services.runner._limit = 0
    async with Node(world.config.model_copy(update={"port": port})) as other:
        user = new_user()
        job_id = await half_way(world, user)
        assert job_id in other.services.runner._turns
        await check_last_word(world, user, await cancel(world, job_id, user))


@PATIENT
@pytest.mark.parametrize("kind", ["ws", "events"])
@pytest.mark.gen_test
async def test_the_last_that_followers_are_shown_are_the_last_counters(world: World, kind: str) -> None:
    user = new_user()
    job_id = await half_way(world, user)
    async with shown(kind, world.origin, job_id, user) as line:
        await line.next()
        polling = asyncio.create_task(world.api("GET", f"/status/{job_id}?since=99999&wait=20", user))
        await following(world.node, 2)
        job = await cancel(world, job_id, user)
        states = await line.to_the_end()
    assert [state["status"] for state in states].count("cancelled") == 1
    assert states[-1] == job == (await polling).json
    await check_last_word(world, user, job)


@PATIENT
@pytest.mark.gen_test
async def test_who_asks_meanwhile_waits_for_the_last_counters_too(world: World) -> None:
    user = new_user()
    job_id = await half_way(world, user)
    cancelling = asyncio.create_task(cancel(world, job_id, user))
    seen = []
    while not cancelling.done():
        seen.append(await world.status(job_id, user))
    last = await cancelling
    assert all(job == last for job in seen if job["status"] == "cancelled")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "SETTLING_SECONDS", 0.5)


async def abandoned(world: World, user: str) -> str:
    """A job whose worker is gone, and whose lease lasts for an hour."""
    job_id = await running_job(world, user)
    await change(world, job_id, fence=1, lease_owner="gone")
    return job_id


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["ws", "events"])
@pytest.mark.gen_test
async def test_where_the_worker_is_gone_nobody_waits_for_long_and_only_once(world: World, kind: str) -> None:
    user = new_user()
    job_id = await abandoned(world, user)
    async with shown(kind, world.origin, job_id, user) as line:
        await line.next()
        began = time.monotonic()
        job = await cancel(world, job_id, user)
        assert time.monotonic() - began >= 0.5
        assert (await line.to_the_end())[-1] == job
    began = time.monotonic()
    assert await world.status(job_id, user) == job
    assert time.monotonic() - began < 0.4
    assert "not_before" in await world.stored(job_id)


@pytest.mark.gen_test
async def test_a_database_that_goes_away_meanwhile_does_not_undo_the_cancel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new_user()
    job_id = await abandoned(world, user)

    async def away(*_: object) -> None:
        raise DatabaseAwayError

    monkeypatch.setattr(world.node.services.watch, "view", away)
    answer = await world.api("POST", f"/jobs/{job_id}/cancel", user)
    assert (answer.status, answer.json["status"]) == (200, "cancelled")


@pytest.mark.settings(everreach_lease_seconds=60)
@pytest.mark.gen_test
async def test_the_worker_that_is_called_off_is_free_at_once(world: World) -> None:
    user = new_user()
    await cancel(world, await fetching(world, "google", user), user)

    async def idle() -> bool:
        return not world.node.services.runner._turns

    # Without being told, it would hear of it when it renews its lease, a quarter of a minute later.
    await until(idle, 10)


@pytest.mark.gen_test
async def test_a_cancelled_job_that_was_throttled(world: World) -> None:
    world.sandbox.faults.add(Fault("status_429", "page", times=None, retry_after="300"))
    user = new_user()
    job_id = await world.consent("google", user)

    async def waits() -> bool:
        return (await world.stored(job_id)).get("throttled_since") is not None

    await until(waits)
    await cancel(world, job_id, user)
    assert (await world.status(job_id, user))["status"] == "cancelled"
    await check_counters(world, await world.stored(job_id))


@pytest.mark.gen_test
async def test_of_eight_at_once_one_cancels(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    answers = await asyncio.gather(*(world.api("POST", f"/jobs/{job_id}/cancel", user) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert (await world.stored(job_id))["version"] == 2


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_has_ended_is_a_conflict_and_stays_as_it_is(world: World, provider: str) -> None:
    user = new_user()
    completed = await world.consent(provider, user)
    await world.ended(completed, user)
    cancelled, _ = await world.start(provider, user)
    await cancel(world, cancelled, user)
    failed, page = await world.start(provider, user)
    await world.back(await world.decide(page, contacts=False))
    before = await all_jobs(world)
    assert sorted(job["status"] for job in before) == ["cancelled", "completed", "failed"]
    for job_id in (completed, cancelled, failed):
        check_error(await world.api("POST", f"/jobs/{job_id}/cancel", user), 409, "Conflict")
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_nobody_cancels_what_is_not_theirs(world: World) -> None:
    owner = new_user()
    job_id, _ = await world.start("google", owner)
    before = await all_jobs(world)
    await check_strangers(world, "POST", "/jobs/{}/cancel", job_id)
    unsigned = await world.api("POST", f"/jobs/{job_id}/cancel")
    check_error(unsigned, 401)
    assert unsigned.headers["WWW-Authenticate"] == "Bearer"
    check_error(await world.api("GET", f"/jobs/{job_id}/cancel", owner), 405)
    assert await all_jobs(world) == before


@BOTH
@pytest.mark.gen_test
async def test_the_tokens_are_gone_when_a_job_completes(world: World, provider: str) -> None:
    user = new_user()
    job_id = await world.consent(provider, user)
    await world.ended(job_id, user)
    job = await world.stored(job_id)
    assert [job[name] for name in TOKENS] == [None] * 4
    assert not SEALED.search(repr(job))


@BOTH
@pytest.mark.settings(token_retention="keep")
@pytest.mark.gen_test
async def test_a_completed_jobs_tokens_are_kept_where_the_operator_wants_them(world: World, provider: str) -> None:
    user = new_user()
    job_id = await world.consent(provider, user)
    await world.ended(job_id, user)
    job, vault = await world.stored(job_id), world.node.services.vault
    for name in ("access_token", "refresh_token"):
        opened = vault.open(job[name], job_id=job_id, user_id=user, field=name)
        assert opened in {*world.sandbox.grants._access, *world.sandbox.grants._refresh}
    assert (job["pkce_verifier"], job["state_hash"]) == (None, None)


@pytest.mark.settings(token_retention="keep")
@pytest.mark.gen_test
async def test_a_cancelled_jobs_tokens_are_kept_where_the_operator_wants_them(world: World) -> None:
    world.sandbox.latency = 60
    user = new_user()
    job_id = await world.consent("google", user)
    await cancel(world, job_id, user)
    assert (await world.stored(job_id))["refresh_token"]
