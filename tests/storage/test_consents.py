"""A consent is stored once, only for whom it is meant, and never half done; and what came late is not lost."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from everreach.jobs.job import Status
from everreach.security.oauth_state import State
from storage.consents import EXCHANGE_SECONDS
from storage.jobs import JobStore
from storage.transitions import RETRY_WINDOW_SECONDS
from tests.storage.builders import NEW_TOKENS, NO_TOKENS, STRANGER, TOKENS, USER, Stores, state_of

WRONG: Final[dict[str, Callable[[State], tuple[State, str]]]] = {
    "provider": lambda state: (state, "microsoft"),
    "user": lambda state: (replace(state, user_id=STRANGER), "google"),
    "nonce": lambda state: (replace(state, random=state_of().random), "google"),
    "job": lambda state: (replace(state, job_id=state_of().job_id), "google"),
}


@pytest.mark.gen_test
async def test_a_state_serves_once(stores: Stores) -> None:
    state = await stores.waiting()
    job = await stores.jobs.spend(state, "google")
    assert job
    assert job.pkce_verifier == "sealed verifier"
    assert await stores.jobs.spend(state, "google") is None
    assert await stores.jobs.deny(state, "google") is None


@pytest.mark.gen_test
async def test_eight_callbacks_at_one_moment_spend_a_state_once(stores: Stores) -> None:
    state = await stores.waiting()
    spent = await asyncio.gather(*(stores.jobs.spend(state, "google") for _ in range(8)))
    assert sum(job is not None for job in spent) == 1


@pytest.mark.gen_test
async def test_yes_and_no_at_one_moment_are_one_answer(stores: Stores) -> None:
    state = await stores.waiting()
    answers = await asyncio.gather(stores.jobs.spend(state, "google"), stores.jobs.deny(state, "google"))
    assert sum(job is not None for job in answers) == 1


@pytest.mark.gen_test
async def test_an_exchange_that_never_ends_is_noticed_after_a_minute(stores: Stores) -> None:
    job = await stores.exchanging()
    assert EXCHANGE_SECONDS - 10 < await stores.seconds_left(job.id) <= EXCHANGE_SECONDS


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.gen_test
async def test_a_state_with_something_wrong_changes_no_job(stores: Stores, wrong: str) -> None:
    state = await stores.waiting()
    before = await stores.stored_bytes(state.job_id)
    presented, provider = WRONG[wrong](state)
    assert await stores.jobs.spend(presented, provider) is None
    assert await stores.jobs.deny(presented, provider) is None
    assert not await stores.jobs.expired(presented, provider)
    assert await stores.stored_bytes(state.job_id) == before


@pytest.mark.gen_test
async def test_a_late_state_changes_nothing_and_is_told_from_a_wrong_one(stores: Stores) -> None:
    state = await stores.waiting()
    assert not await stores.jobs.expired(state, "google")
    await stores.abandon(state.job_id)
    before = await stores.stored_bytes(state.job_id)
    assert await stores.jobs.spend(state, "google") is None
    assert await stores.jobs.deny(state, "google") is None
    assert await stores.stored_bytes(state.job_id) == before
    assert await stores.jobs.expired(state, "google")
    for changed in WRONG.values():
        assert not await stores.jobs.expired(*changed(state))


@pytest.mark.gen_test
async def test_a_late_state_is_told_from_a_wrong_one_after_the_sweep_too(stores: Stores) -> None:
    state = await stores.waiting()
    await stores.abandon(state.job_id)
    assert await stores.jobs.expire(state.job_id, USER)
    assert await stores.jobs.spend(state, "google") is None
    assert await stores.jobs.expired(state, "google")
    for changed in WRONG.values():
        assert not await stores.jobs.expired(*changed(state))


@pytest.mark.gen_test
async def test_a_used_state_is_not_called_late(stores: Stores) -> None:
    state = await stores.waiting()
    await stores.jobs.spend(state, "google")
    await stores.abandon(state.job_id)
    assert not await stores.jobs.expired(state, "google")
    assert await stores.jobs.expire(state.job_id, USER)
    assert not await stores.jobs.expired(state, "google")


@pytest.mark.gen_test
async def test_no_at_the_consent_page_fails_the_job_and_says_so(stores: Stores) -> None:
    state = await stores.waiting()
    denied = await stores.jobs.deny(state, "google")
    assert denied
    assert (denied.status, denied.version) == (Status.FAILED, 2)
    assert denied.completed_at == denied.updated_at
    document = await stores.stored(state.job_id)
    message = "You did not allow access to your contacts. Start the import again to try once more."
    assert {**document, **NO_TOKENS, "state_hash": None, "error_message": message} == document
    assert "not_before" not in document


@pytest.mark.gen_test
async def test_consent_stores_the_tokens_and_sets_the_import_going_in_one_statement(stores: Stores) -> None:
    job = await stores.exchanging()
    fetching = await stores.jobs.consent(job, TOKENS)
    assert fetching
    assert (fetching.status, fetching.version) == (Status.FETCHING, job.version + 1)
    document = await stores.stored(job.id)
    assert {**document, **TOKENS, "pkce_verifier": None, "completed_at": None} == document
    # Due at once, by the clock of the same statement.
    assert document["not_before"] == document["set_going_at"] == document["updated_at"]
    assert [due.id for due in await stores.jobs.due(frozenset({Status.FETCHING}), 10)] == [job.id]


@pytest.mark.gen_test
async def test_a_job_is_found_by_the_state_that_was_spent_for_it(stores: Stores) -> None:
    state = await stores.waiting()
    assert await stores.jobs.consented(state, "google") is None
    job = await stores.jobs.spend(state, "google")
    assert job
    found = await stores.jobs.consented(state, "google")
    assert found
    assert (found.id, found.status) == (job.id, Status.AUTHENTICATING)
    await stores.jobs.consent(job, TOKENS)
    found = await stores.jobs.consented(state, "google")
    assert found
    assert found.status is Status.FETCHING
    for changed in WRONG.values():
        assert await stores.jobs.consented(*changed(state)) is None


@pytest.mark.gen_test
async def test_an_exchange_stores_nothing_in_a_newer_consent(stores: Stores) -> None:
    job = await stores.exchanging()
    await stores.jobs.refuse(job, "It took too long.")
    again = replace(state_of(), job_id=job.id)
    await stores.jobs.reauthorize(again, "sealed anew", 600)
    await stores.jobs.spend(again, "google")
    before = await stores.stored_bytes(job.id)
    assert await stores.jobs.consent(job, TOKENS) is None
    assert await stores.jobs.refuse(job, "Too late.") is None
    assert await stores.jobs.keep(job, TOKENS) is None
    assert await stores.stored_bytes(job.id) == before


@pytest.mark.parametrize("keep_tokens", [False, True])
@pytest.mark.gen_test
async def test_late_tokens_are_kept_for_a_retry(stores: Stores, keep_tokens: bool) -> None:
    jobs = JobStore(stores.database, keep_tokens=keep_tokens)
    job = await stores.exchanging()
    refused = await jobs.refuse(job, "It took too long.")
    assert refused
    kept = await jobs.keep(job, TOKENS)
    assert kept
    assert (kept.status, kept.version, kept.access_token) == (Status.FAILED, refused.version, TOKENS["access_token"])
    document = await stores.stored(job.id)
    assert ("not_before" in document) == (not keep_tokens)
    if not keep_tokens:
        assert 86300 < await stores.seconds_left(job.id) <= RETRY_WINDOW_SECONDS
    # Once, and not in place of others.
    assert await jobs.keep(job, NEW_TOKENS) is None
    assert await jobs.retry(job.id, USER)


@pytest.mark.gen_test
async def test_grants_beside_are_those_of_the_same_person_and_provider(stores: Stores) -> None:
    job = await stores.exchanging()
    await stores.fetching(STRANGER)
    await stores.fetching(provider="microsoft")
    await stores.waiting()
    assert not await stores.jobs.grants_beside(job)
    another = await stores.exchanging()
    assert await stores.jobs.grants_beside(job)
    await stores.jobs.refuse(another, "No.")
    assert not await stores.jobs.grants_beside(job)
    await stores.fetching()
    assert await stores.jobs.grants_beside(job)


@pytest.mark.gen_test
async def test_consent_after_a_cancel_stores_no_token(stores: Stores) -> None:
    job = await stores.exchanging()
    await stores.jobs.cancel(job.id, USER)
    before = await stores.stored_bytes(job.id)
    assert await stores.jobs.consent(job, TOKENS) is None
    assert await stores.jobs.refuse(job, "Too late.") is None
    assert await stores.stored_bytes(job.id) == before
    assert (await stores.stored(job.id))["access_token"] is None


@pytest.mark.gen_test
async def test_no_tokens_are_stored_for_a_state_that_was_not_spent(stores: Stores) -> None:
    state = await stores.waiting()
    job = await stores.jobs.get(state.job_id, USER)
    assert job
    before = await stores.stored_bytes(job.id)
    assert await stores.jobs.consent(job, TOKENS) is None
    assert await stores.jobs.refuse(job, "No.") is None
    assert await stores.stored_bytes(job.id) == before


@pytest.mark.gen_test
async def test_a_refused_exchange_fails_the_job_with_its_reason(stores: Stores) -> None:
    job = await stores.exchanging()
    refused = await stores.jobs.refuse(job, "The contacts were not shared.")
    assert refused
    assert (refused.status, refused.error_message) == (Status.FAILED, "The contacts were not shared.")
    assert refused.completed_at == refused.updated_at
    document = await stores.stored(job.id)
    assert {**document, **NO_TOKENS} == document
    assert "not_before" not in document
