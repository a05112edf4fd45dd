"""A second try: a failed job goes on where it stopped, asks for consent again if it must, and counts nothing twice."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest
from msgspec import structs

from everreach.errors import LeaseLostError
from everreach.jobs.job import RUNNING, Job, Lease, Status, Tally
from everreach.security.oauth_state import State
from storage.jobs import JobStore
from tests.storage.builders import (
    LONG_AGO,
    NO_TOKENS,
    STRANGER,
    TOKENS,
    USER,
    WRITES,
    Stores,
    entry,
    people,
    state_of,
    writes,
)

KEPT: Final = (
    *("user_id", "provider", "created_at", "started_at", "cursor", "provider_account_id", "fence"),
    *("total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts"),
)


async def failed(stores: Stores, *, tokens: bool = True) -> Lease:
    """A job that named its account, committed one page, was throttled and taken over, and then failed."""
    lease = await stores.leased()
    await stores.leases.identify(lease, "id-1", "ada@example.org")
    await stores.commit(lease, [*people("ada", "bob"), entry("mute")])
    await stores.put(lease.job.id, throttled_since=LONG_AGO)
    lease = await stores.taken_over(lease)
    counts = await stores.ledger.count(lease.job)
    await stores.other_node.fail(lease, "The provider is out of order.", counts, keep_tokens=tokens)
    return lease


def second_state(lease: Lease) -> State:
    return replace(state_of(), job_id=lease.job.id)


async def reauthorized(stores: Stores) -> tuple[Job, State]:
    """A failed job that waits for a new consent."""
    lease = await failed(stores, tokens=False)
    state = second_state(lease)
    job = await stores.jobs.reauthorize(state, "sealed anew", 600)
    assert job
    return job, state


@pytest.mark.gen_test
async def test_a_retried_job_goes_on_where_it_stopped(stores: Stores) -> None:
    lease = await failed(stores)
    before = await stores.stored(lease.job.id)
    job = await stores.jobs.retry(lease.job.id, USER)
    assert job
    after = await stores.stored(job.id)
    assert (job.status, job.version) == (Status.PROCESSING, before["version"] + 1)
    assert [after[name] for name in KEPT] == [before[name] for name in KEPT]
    assert {**after, **TOKENS, "error_message": None, "completed_at": None} == after
    # What the failed try had used up is not held against the second.
    assert (job.takeovers, job.throttled_since, job.lease_owner) == (0, None, None)


@pytest.mark.gen_test
async def test_a_retried_job_is_due_at_once(stores: Stores) -> None:
    job = await stores.jobs.retry((await failed(stores)).job.id, USER)
    assert job
    document = await stores.stored(job.id)
    assert document["not_before"] == document["set_going_at"] == document["updated_at"]
    assert [due.id for due in await stores.jobs.due(RUNNING, 10)] == [job.id]
    taken = await stores.leased(job=job)
    assert taken.job.takeovers == 0


@pytest.mark.gen_test
async def test_eight_retries_at_one_moment_are_one(stores: Stores) -> None:
    lease = await failed(stores)
    retried = await asyncio.gather(*(stores.jobs.retry(lease.job.id, USER) for _ in range(8)))
    assert sum(job is not None for job in retried) == 1
    assert (await stores.stored(lease.job.id))["version"] == lease.job.version + 1


@pytest.mark.gen_test
async def test_a_job_whose_tokens_are_gone_is_not_retried_but_reauthorized(stores: Stores) -> None:
    lease = await failed(stores, tokens=False)
    before = await stores.stored(lease.job.id)
    assert {**before, **NO_TOKENS} == before
    assert "not_before" not in before
    assert await stores.jobs.retry(lease.job.id, USER) is None
    assert await stores.stored(lease.job.id) == before
    assert await stores.jobs.reauthorize(second_state(lease), "sealed anew", 600)


@pytest.mark.gen_test
async def test_a_job_whose_tokens_are_there_needs_no_new_consent(stores: Stores) -> None:
    lease = await failed(stores)
    before = await stores.stored_bytes(lease.job.id)
    assert await stores.jobs.reauthorize(second_state(lease), "sealed anew", 600) is None
    assert await stores.stored_bytes(lease.job.id) == before
    await stores.abandon(lease.job.id)
    await stores.jobs.forget(lease.job.id, USER)
    assert await stores.jobs.retry(lease.job.id, USER) is None
    assert await stores.jobs.reauthorize(second_state(lease), "sealed anew", 600)


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.gen_test
async def test_a_stranger_retries_nothing(stores: Stores, tokens: bool) -> None:
    lease = await failed(stores, tokens=tokens)
    before = await stores.stored_bytes(lease.job.id)
    assert await stores.jobs.retry(lease.job.id, STRANGER) is None
    foreign = replace(second_state(lease), user_id=STRANGER)
    assert await stores.jobs.reauthorize(foreign, "sealed anew", 600) is None
    assert await stores.stored_bytes(lease.job.id) == before


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.gen_test
async def test_a_worker_of_the_first_try_cannot_touch_the_second(stores: Stores, write: str) -> None:
    lease = await failed(stores)
    await stores.jobs.retry(lease.job.id, USER)
    await stores.other_node.claim(lease.job.id, USER)
    before = await stores.stored_bytes(lease.job.id)
    with pytest.raises(LeaseLostError):
        await writes(stores.other_node, lease)[write]()
    assert await stores.stored_bytes(lease.job.id) == before


@pytest.mark.gen_test
async def test_the_tokens_of_a_retried_job_are_not_forgotten(stores: Stores) -> None:
    lease = await failed(stores)
    await stores.jobs.retry(lease.job.id, USER)
    await stores.abandon(lease.job.id)
    before = await stores.stored_bytes(lease.job.id)
    await stores.jobs.forget(lease.job.id, USER)
    assert await stores.stored_bytes(lease.job.id) == before


@pytest.mark.gen_test
async def test_a_new_consent_is_asked_for_as_the_first_was(stores: Stores) -> None:
    job, state = await reauthorized(stores)
    document = await stores.stored(job.id)
    asked = {"status": "authenticating", "pkce_verifier": "sealed anew", "error_message": None, "completed_at": None}
    assert {**document, **asked, "access_token": None} == document
    assert 500 < await stores.seconds_left(job.id) <= 600
    assert (job.processed_contacts, job.provider_account_id, job.provider_account_name) == (3, "id-1", None)
    assert await stores.jobs.spend(replace(state, random=state_of().random), "google") is None
    spent = await stores.jobs.spend(state, "google")
    assert spent
    fetching = await stores.jobs.consent(spent, TOKENS)
    assert fetching
    assert (fetching.status, fetching.processed_contacts, fetching.cursor) == (Status.FETCHING, 3, job.cursor)


@pytest.mark.gen_test
async def test_a_new_consent_that_never_comes_fails_the_job_again_with_what_it_has(stores: Stores) -> None:
    job, state = await reauthorized(stores)
    await stores.abandon(job.id)
    assert await stores.jobs.expired(state, "google")
    again = await stores.jobs.expire(job.id, USER)
    assert again
    assert (again.status, again.processed_contacts, again.imported_contacts) == (Status.FAILED, 3, 2)
    assert await stores.jobs.expired(state, "google")
    assert await stores.jobs.reauthorize(replace(state_of(), job_id=job.id), "sealed once more", 600)


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.gen_test
async def test_a_half_written_page_counts_once_over_both_tries(stores: Stores, recorded: bool) -> None:
    page = [*people("ada", "bob"), entry("twin", "ada@example.org"), entry("mute")]
    lease = await stores.leased()
    await stores.commit(lease, people("zoe"))
    rows = await stores.insert(lease, lease.job.page, page)
    if recorded:
        await stores.ledger.record(lease, rows, recovering=False)
    await stores.contacts.record_unrecorded(lease.job)
    await stores.leases.fail(lease, "It failed.", await stores.ledger.count(lease.job))
    assert lease.job.imported_contacts == 3
    assert lease.job.skipped_contacts == (2 if recorded else 0)
    retried = await stores.jobs.retry(lease.job.id, USER)
    lease = await stores.leased(job=retried)
    tally = await stores.page(lease, [*page, *people("cleo")], recovering=True)
    assert tally == Tally(imported=1, skipped=0 if recorded else 2)
    await stores.leases.finish(lease, tally)
    counts = {"processed_contacts": 6, "imported_contacts": 4, "skipped_contacts": 2, "failed_contacts": 0}
    counts |= {"updated_contacts": 0, "deleted_contacts": 0}
    assert structs.replace(lease.job, **counts, total_contacts=6) == lease.job
    assert await stores.ledger.count(lease.job) == counts
    assert await stores.names() == ["ada", "bob", "cleo", "zoe"]


@pytest.mark.gen_test
async def test_a_cancel_keeps_the_tokens_only_where_they_are_kept_for_a_later_sync(stores: Stores) -> None:
    job = await stores.fetching()
    await stores.put(job.id, pkce_verifier="sealed")
    assert await JobStore(stores.database, keep_tokens=True).cancel(job.id, USER)
    document = await stores.stored(job.id)
    assert {**document, **TOKENS, "pkce_verifier": None, "status": "cancelled"} == document
