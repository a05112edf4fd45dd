"""Retry: a failed job goes on where it stopped, after a new consent where its tokens are gone."""

import asyncio
from typing import Any

import pytest

from providers.sandbox.faults import Fault
from providers.sandbox.people import expected
from tests.handlers.edge import (
    COUNTERS,
    PROVIDERS,
    all_jobs,
    check_error,
    check_headers,
    check_strangers,
    query_of,
    standing,
)
from tests.world import ACCOUNT, Answer, World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
SIZE = 2500


async def retry(world: World, job_id: str, user: str) -> Answer:
    return await world.api("POST", f"/jobs/{job_id}/retry", user)


async def stopped(world: World, provider: str, user: str) -> dict[str, Any]:
    """A job that failed at its second page."""
    world.sandbox.faults.add(Fault("missing_scope", "page", page=1))
    job = await world.ended(await world.consent(provider, user, size=SIZE), user)
    assert (job["status"], job["processed_contacts"] > 0) == ("failed", True)
    return job


async def never_connected(world: World, provider: str, user: str) -> str:
    """A job that failed before it had any token."""
    world.sandbox.faults.add(Fault("html_502", "token"))
    job_id, page = await world.start(provider, user)
    assert (await world.back(await world.decide(page)))["message"] == "token_exchange_failed"
    return job_id


@BOTH
@pytest.mark.gen_test
async def test_a_failed_import_goes_on_where_it_stopped(world: World, provider: str) -> None:
    user = new_user()
    failed = await stopped(world, provider, user)
    answer = await retry(world, failed["id"], user)
    assert (answer.status, answer.json) == (200, {"job_id": failed["id"], "provider": provider})
    check_headers(answer)
    job = await world.ended(failed["id"], user)
    imported, no_email, duplicate = expected(world.sandbox.book(ACCOUNT, SIZE))
    assert (job["status"], job["error_message"]) == ("completed", None)
    assert [job[name] for name in COUNTERS] == [SIZE, imported, no_email + duplicate, 0]
    assert await standing(world, job["id"]) == {name: job[name] for name in COUNTERS}
    assert await world.database["contacts"].count_documents({"user_id": user}) == imported
    assert job["version"] > failed["version"]
    assert world.sandbox.stats.codes_exchanged == 1


@BOTH
@pytest.mark.gen_test
async def test_without_tokens_the_person_is_asked_again(world: World, provider: str) -> None:
    user = new_user()
    job_id = await never_connected(world, provider, user)
    answer = await retry(world, job_id, user)
    assert answer.status == 200
    assert set(answer.json) == {"job_id", "provider", "authorization_url"}
    assert (answer.json["job_id"], answer.json["provider"]) == (job_id, provider)
    waiting = await world.status(job_id, user)
    assert (waiting["status"], waiting["error_message"], waiting["completed_at"]) == ("authenticating", None, None)
    told = await world.back(await world.decide(answer.json["authorization_url"]))
    assert told == {"provider": provider, "job_id": job_id, "status": "success"}
    assert (await world.ended(job_id, user))["status"] == "completed"


@BOTH
@pytest.mark.gen_test
async def test_the_state_of_the_first_consent_serves_no_more(world: World, provider: str) -> None:
    user = new_user()
    world.sandbox.faults.add(Fault("html_502", "token"))
    job_id, page = await world.start(provider, user)
    await world.back(await world.decide(page))
    again = (await retry(world, job_id, user)).json["authorization_url"]
    assert query_of(again)["state"] != query_of(page)["state"]
    assert query_of(again)["code_challenge"] != query_of(page)["code_challenge"]
    before = await all_jobs(world)
    for decision in ("allow", "deny"):
        assert (await world.back(await world.decide(page, decision)))["message"] == "invalid_state"
    assert await all_jobs(world) == before


@BOTH
@pytest.mark.gen_test
async def test_of_eight_at_once_one_goes_on(world: World, provider: str) -> None:
    user = new_user()
    failed = await stopped(world, provider, user)
    answers = await asyncio.gather(*(retry(world, failed["id"], user) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    job = await world.ended(failed["id"], user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@BOTH
@pytest.mark.gen_test
async def test_who_said_no_may_think_again(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    assert (await world.back(await world.decide(page, "deny")))["message"] == "access_denied"
    again = (await retry(world, job_id, user)).json["authorization_url"]
    assert (await world.back(await world.decide(again)))["status"] == "success"
    assert (await world.ended(job_id, user))["status"] == "completed"


@BOTH
@pytest.mark.gen_test
async def test_only_what_failed_can_be_retried(world: World, provider: str) -> None:
    user = new_user()
    completed = await world.consent(provider, user)
    await world.ended(completed, user)
    waiting, _ = await world.start(provider, user)
    cancelled, _ = await world.start(provider, user)
    await world.api("POST", f"/jobs/{cancelled}/cancel", user)
    before = await all_jobs(world)
    for job_id in (completed, waiting, cancelled):
        check_error(await retry(world, job_id, user), 409, "Conflict")
    assert await all_jobs(world) == before


@pytest.mark.settings(rate_limit_start="3/hour")
@pytest.mark.gen_test
async def test_a_retry_that_asks_for_a_consent_counts_as_a_start(world: World) -> None:
    user = new_user()
    goes_on = await stopped(world, "google", user)
    job_id = await never_connected(world, "google", user)
    page = (await retry(world, job_id, user)).json["authorization_url"]
    await world.back(await world.decide(page, "deny"))
    before = await all_jobs(world)
    refused = await retry(world, job_id, user)
    check_error(refused, 429, "Too Many Requests")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    check_error(await world.api("POST", "/microsoft/start", user), 429, "Too Many Requests")
    assert await all_jobs(world) == before
    # Whose tokens are there asks nobody, and does not count; nor does another person.
    assert (await retry(world, goes_on["id"], user)).status == 200
    other = new_user()
    assert (await retry(world, await never_connected(world, "google", other), other)).status == 200


@pytest.mark.settings(rate_limit_start="2/hour", google_client_secret=None)
@pytest.mark.gen_test
async def test_a_retry_that_cannot_ask_does_not_count(world: World) -> None:
    user = new_user()
    job_id = await never_connected(world, "microsoft", user)
    await world.database["contact_import_jobs"].update_one({"_id": job_id}, {"$set": {"provider": "google"}})
    for _ in range(3):
        check = await retry(world, job_id, user)
        assert (check.status, check.json["error"]) == (400, "Configuration Required")
    assert (await world.api("POST", "/microsoft/start", user)).status == 200


@pytest.mark.gen_test
async def test_nobody_retries_what_is_not_theirs(world: World) -> None:
    owner = new_user()
    job_id = await never_connected(world, "google", owner)
    before = await all_jobs(world)
    await check_strangers(world, "POST", "/jobs/{}/retry", job_id)
    check_error(await world.api("POST", f"/jobs/{job_id}/retry"), 401)
    check_error(await world.api("GET", f"/jobs/{job_id}/retry", owner), 405)
    assert await all_jobs(world) == before
