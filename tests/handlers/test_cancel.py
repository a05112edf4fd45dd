"""Cancel: the person ends a job that has not ended."""

import asyncio
from typing import Any

import pytest

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
