"""What people and the OAuth flow do to a job: each step once, only for whom it is meant, and never half done."""

import asyncio
from typing import Final

import pytest

from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Status
from tests.storage.builders import LONG_AGO, NO_TOKENS, STRANGER, TOKENS, USER, Stores, state_of

CONTRACT: Final = {
    *("user_id", "provider", "status", "access_token", "refresh_token", "token_expires_at", "provider_account_id"),
    *("provider_account_name", "total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts"),
    *("failed_contacts", "error_message", "version", "created_at", "started_at", "completed_at", "updated_at"),
}
COUNTERS: Final = {name for name in CONTRACT if name.endswith("_contacts")}


@pytest.mark.gen_test
async def test_a_new_job_has_every_field_of_the_contract(stores: Stores) -> None:
    before = await stores.now()
    state = state_of()
    await stores.jobs.create(state, "microsoft", "sealed verifier", 600)
    document = await stores.stored(state.job_id)
    assert document.keys() >= CONTRACT
    begun = {"_id": state.job_id, "user_id": USER, "provider": "microsoft", "status": "authenticating", "version": 1}
    assert {**document, **begun, **dict.fromkeys(COUNTERS, 0)} == document
    assert {**document, **NO_TOKENS, "pkce_verifier": "sealed verifier"} == document
    nothing = ("provider_account_id", "provider_account_name", "error_message", "completed_at")
    assert [document[name] for name in nothing] == [None] * 4
    assert before <= document["created_at"] <= await stores.now()
    assert document["created_at"] == document["started_at"] == document["updated_at"]


@pytest.mark.gen_test
async def test_a_new_job_waits_for_consent_just_as_long_as_its_state_lives(stores: Stores) -> None:
    state = state_of()
    await stores.jobs.create(state, "google", "sealed verifier", 0.25)
    document = await stores.stored(state.job_id)
    # Both moments are the database's: one statement, one clock.
    assert (document["not_before"] - document["created_at"]).total_seconds() == 0.25


@pytest.mark.gen_test
async def test_a_job_as_read_is_the_job_as_created(stores: Stores) -> None:
    state = await stores.waiting()
    job = await stores.jobs.get(state.job_id, USER)
    assert job
    assert (job.id, job.status, job.cursor, job.page, job.fence) == (state.job_id, "authenticating", Cursor(), 0, 0)
    assert job.created_at.tzinfo is not None


@pytest.mark.parametrize("status", [Status.PENDING, Status.AUTHENTICATING, Status.FETCHING, Status.PROCESSING])
@pytest.mark.gen_test
async def test_whatever_has_not_ended_can_be_cancelled(stores: Stores, status: Status) -> None:
    job = await stores.fetching()
    await stores.put(job.id, status=status, pkce_verifier="sealed", state_hash="hash")
    cancelled = await stores.jobs.cancel(job.id, USER)
    assert cancelled
    assert (cancelled.status, cancelled.version) == (Status.CANCELLED, job.version + 1)
    assert cancelled.completed_at == cancelled.updated_at
    document = await stores.stored(job.id)
    assert {**document, **NO_TOKENS, "state_hash": None, "error_message": None} == document


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
@pytest.mark.gen_test
async def test_what_has_ended_cannot_be_cancelled(stores: Stores, status: Status) -> None:
    job = await stores.fetching()
    await stores.put(job.id, status=status)
    before = await stores.stored_bytes(job.id)
    assert await stores.jobs.cancel(job.id, USER) is None
    assert await stores.stored_bytes(job.id) == before


@pytest.mark.gen_test
async def test_a_stranger_cancels_nothing(stores: Stores) -> None:
    job = await stores.fetching()
    before = await stores.stored_bytes(job.id)
    assert await stores.jobs.cancel(job.id, STRANGER) is None
    assert await stores.stored_bytes(job.id) == before


@pytest.mark.gen_test
async def test_two_cancels_at_one_moment_are_one(stores: Stores) -> None:
    job = await stores.fetching()
    cancelled = await asyncio.gather(*(stores.jobs.cancel(job.id, USER) for _ in range(8)))
    assert sum(one is not None for one in cancelled) == 1
    assert (await stores.stored(job.id))["version"] == job.version + 1


@pytest.mark.parametrize("text", ["$status", "$$NOW", "$", "$$ROOT", "{$ne: 1}"])
@pytest.mark.gen_test
async def test_a_text_with_a_dollar_sign_is_a_text(stores: Stores, text: str) -> None:
    state = state_of()
    await stores.jobs.create(state, text, text, 600)
    job = await stores.jobs.spend(state, text)
    assert job
    assert (job.provider, job.pkce_verifier) == (text, text)
    assert await stores.jobs.consent(job, {**TOKENS, "access_token": text, "refresh_token": text})
    document = await stores.stored(job.id)
    assert (document["access_token"], document["refresh_token"]) == (text, text)
    refused = await stores.jobs.refuse(await stores.exchanging(), text)
    assert refused
    assert refused.error_message == text


@pytest.mark.gen_test
async def test_a_consent_that_never_came_fails_the_job_when_its_time_is_up(stores: Stores) -> None:
    state = await stores.waiting()
    before = await stores.stored_bytes(state.job_id)
    assert await stores.jobs.expire(state.job_id, USER) is None
    assert await stores.stored_bytes(state.job_id) == before
    await stores.put(state.job_id, not_before=LONG_AGO)
    assert await stores.jobs.expire(state.job_id, STRANGER) is None
    expired = await stores.jobs.expire(state.job_id, USER)
    assert expired
    assert expired.status is Status.FAILED
    assert expired.error_message == "The account was not connected in time. Please start the import again."
    assert expired.completed_at == expired.updated_at
    document = await stores.stored(state.job_id)
    assert {**document, **NO_TOKENS, "state_hash": None} == document
    assert "not_before" not in document
