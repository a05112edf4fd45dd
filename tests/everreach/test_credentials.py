"""Tokens: refreshed before they expire and when they are rejected, once for all, and never lost on the way."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everreach.vault import Vault
from providers.sandbox.faults import Fault
from tests.world import World, new_user

PROVIDERS = pytest.mark.parametrize("provider", ["google", "microsoft"])
SIZE = 3200


async def held_up(world: World, provider: str) -> tuple[str, str]:
    """A job with its consent given, which no worker may take yet."""
    world.node.services.runner.stopping = True
    user = new_user()
    return await world.consent(provider, user, size=SIZE), user


async def let_go(world: World, job_id: str, user: str, **fields: Any) -> dict[str, Any]:
    if fields:
        await world.database["contact_import_jobs"].update_one({"_id": job_id}, {"$set": fields})
    world.node.services.runner.stopping = False
    return await world.ended(job_id, user)


@PROVIDERS
@pytest.mark.gen_test
async def test_an_access_token_is_refreshed_before_it_expires(world: World, provider: str) -> None:
    job_id, user = await held_up(world, provider)
    job = await let_go(world, job_id, user, token_expires_at=datetime.now(UTC) + timedelta(seconds=5))
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)
    assert world.sandbox.stats.refreshes == 1


@PROVIDERS
@pytest.mark.gen_test
async def test_a_rejected_token_is_refreshed_once(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=1))
    user = new_user()
    job = await world.ended(await world.consent(provider, user, size=SIZE), user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)
    assert world.sandbox.stats.refreshes == 1


@PROVIDERS
@pytest.mark.gen_test
async def test_a_revoked_grant_ends_the_job_with_reconnect_and_no_retry_loop(world: World, provider: str) -> None:
    world.sandbox.faults.add(
        Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh", times=None)
    )
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    job = await world.ended(job_id, user)
    assert (job["status"], "reconnect your account" in job["error_message"]) == ("failed", True)
    assert world.sandbox.stats.faults["invalid_grant"] == 1
    stored = await world.stored(job_id)
    assert (stored["access_token"], stored["refresh_token"]) == (None, None)


@pytest.mark.settings(token_retention="keep")
@pytest.mark.gen_test
async def test_microsofts_rotated_refresh_token_is_stored_and_googles_missing_one_overwrites_nothing(
    world: World,
) -> None:
    for provider, rotated in (("google", False), ("microsoft", True)):
        job_id, user = await held_up(world, provider)
        before = await refresh_token(world, job_id)
        await let_go(world, job_id, user, token_expires_at=datetime.now(UTC))
        assert (await refresh_token(world, job_id) != before) == rotated


async def refresh_token(world: World, job_id: str) -> str:
    job = await world.stored(job_id)
    vault = Vault(world.config.encryption_keys())
    return vault.open(job["refresh_token"], job_id=job_id, user_id=job["user_id"], field="refresh_token")


@PROVIDERS
@pytest.mark.gen_test
async def test_a_refresh_that_fails_for_a_moment_is_tried_again(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("html_502", "refresh", times=1), Fault("reset", "refresh", times=1, after=True))
    job_id, user = await held_up(world, provider)
    job = await let_go(world, job_id, user, token_expires_at=datetime.now(UTC))
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@pytest.mark.gen_test
async def test_tokens_of_another_job_do_not_open(world: World) -> None:
    (one, user), (other, _) = [await held_up(world, "google") for _ in range(2)]
    stolen = (await world.stored(other))["access_token"]
    job = await let_go(world, one, user, access_token=stolen)
    assert (job["status"], "reconnect" in job["error_message"]) == ("failed", True)


@pytest.mark.gen_test
async def test_without_a_refresh_token_a_rejected_access_token_means_reconnect(world: World) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=0))
    job_id, user = await held_up(world, "google")
    job = await let_go(world, job_id, user, refresh_token=None)
    assert (job["status"], "reconnect" in job["error_message"]) == ("failed", True)
    assert world.sandbox.stats.refreshes == 0


@PROVIDERS
@pytest.mark.gen_test
async def test_a_failed_job_is_retried_where_it_stopped(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("http_500", "page", page=2, times=None))
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    failed = await world.ended(job_id, user)
    assert (failed["status"], failed["processed_contacts"] > 0) == ("failed", True)
    world.sandbox.faults.clear()
    served = world.sandbox.stats.pages.total()
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert (answer.status, answer.json) == (200, {"job_id": job_id, "provider": provider})
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"], job["version"] > failed["version"]) == ("completed", SIZE, True)
    assert world.sandbox.stats.pages.total() - served <= 6


@pytest.mark.gen_test
async def test_a_retry_after_a_broken_listing_begins_it_again_and_counts_nobody_twice(world: World) -> None:
    world.sandbox.faults.add(Fault("foreign_next_link", "page", page=1))
    user = new_user()
    job_id = await world.consent("microsoft", user, size=SIZE)
    assert (await world.ended(job_id, user))["status"] == "failed"
    await world.api("POST", f"/jobs/{job_id}/retry", user)
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"], job["total_contacts"]) == ("completed", SIZE, SIZE)


@PROVIDERS
@pytest.mark.gen_test
async def test_a_retry_asks_for_consent_again_where_the_tokens_are_gone(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh"))
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    assert (await world.ended(job_id, user))["status"] == "failed"
    world.sandbox.faults.clear()
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert answer.json.keys() == {"job_id", "provider", "authorization_url"}
    assert (await world.status(job_id, user))["status"] == "authenticating"
    told = await world.back(await world.decide(answer.json["authorization_url"], size=SIZE))
    assert told["status"] == "success"
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@pytest.mark.gen_test
async def test_a_retry_with_another_account_is_refused(world: World) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh"))
    user = new_user()
    job_id = await world.consent("google", user, size=SIZE)
    before = await world.ended(job_id, user)
    world.sandbox.faults.clear()
    url = (await world.api("POST", f"/jobs/{job_id}/retry", user)).json["authorization_url"]
    await world.back(await world.decide(url, account="somebody.else@sandbox.example", size=SIZE))
    job = await world.ended(job_id, user)
    assert (job["status"], "another account" in job["error_message"]) == ("failed", True)
    assert job["processed_contacts"] == before["processed_contacts"]


@pytest.mark.gen_test
async def test_only_a_failed_job_can_be_retried_and_only_by_its_owner(world: World) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    await world.ended(job_id, user)
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert (answer.status, answer.json["error"]) == (409, "Conflict")
    answers = await asyncio.gather(
        world.api("POST", f"/jobs/{job_id}/retry", new_user()), world.api("POST", "/jobs/nonsense/retry", user)
    )
    assert [answer.status for answer in answers] == [404, 404]
