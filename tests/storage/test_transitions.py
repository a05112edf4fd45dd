"""The table of the arrows: whatever status a job has, a store's method takes its own step or changes nothing at all."""

import inspect
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from everreach.errors import LeaseLostError
from everreach.jobs.job import ARROWS, ENDS, Status
from everreach.jobs.options import Options, Reading
from storage.jobs import JobStore
from storage.leases import LeaseStore
from tests.storage.builders import (
    LEASE_SECONDS,
    NO_COUNTS,
    NO_TOKENS,
    TOKENS,
    USER,
    WRITES,
    Attempt,
    Stores,
    state_of,
    writes,
)

STAY: Final = "the same status"
RUNNING: Final = (Status.FETCHING, Status.PROCESSING)
ALIVE: Final = tuple(status for status in Status if status not in ENDS)

ON_JOBS: Final[Mapping[str, tuple[tuple[Status, ...], str]]] = {
    "spend": ((Status.AUTHENTICATING,), STAY),
    "deny": ((Status.AUTHENTICATING,), Status.FAILED),
    "consent": ((Status.AUTHENTICATING,), Status.FETCHING),
    "refuse": ((Status.AUTHENTICATING,), Status.FAILED),
    "expire": ((Status.AUTHENTICATING,), Status.FAILED),
    "set_off": ((Status.PENDING,), Status.FETCHING),
    "discard": ((Status.PENDING,), Status.FAILED),
    "cancel": (ALIVE, Status.CANCELLED),
    "retry": ((Status.FAILED,), Status.FETCHING),
    "reauthorize": ((Status.FAILED,), Status.AUTHENTICATING),
    "keep": ((Status.FAILED,), STAY),
    "forget": ((Status.FAILED,), STAY),
    "settle": ((Status.CANCELLED,), STAY),
    "claim": (RUNNING, STAY),
}
ON_LEASES: Final[Mapping[str, tuple[tuple[Status, ...], str]]] = {
    "begin": (RUNNING, STAY),
    "renew": (RUNNING, STAY),
    "release": (RUNNING, STAY),
    "postpone": (RUNNING, STAY),
    "wait_out": (RUNNING, STAY),
    "identify": (RUNNING, STAY),
    "locate": (RUNNING, STAY),
    "store_tokens": (RUNNING, STAY),
    "advance": (RUNNING, Status.PROCESSING),
    "finish": (RUNNING, Status.COMPLETED),
    "fail": (RUNNING, Status.FAILED),
}
TABLE: Final = {**ON_JOBS, **ON_LEASES}

READS: Final = {"get", "these", "due", "expired", "consented", "grants_beside", "received"}
BEGINNINGS: Final = {"create", "receive"}


async def before_spending(stores: Stores, arrow: str) -> tuple[str, Attempt]:
    state = await stores.waiting()
    if arrow == "expire":
        await stores.abandon(state.job_id)
    attempts: dict[str, Attempt] = {
        "spend": lambda: stores.jobs.spend(state, "google"),
        "deny": lambda: stores.jobs.deny(state, "google"),
        "expire": lambda: stores.jobs.expire(state.job_id, USER),
        "cancel": lambda: stores.jobs.cancel(state.job_id, USER),
    }
    return state.job_id, attempts[arrow]


async def after_spending(stores: Stores, arrow: str) -> tuple[str, Attempt]:
    job = await stores.exchanging()
    attempts: dict[str, Attempt] = {
        "consent": lambda: stores.jobs.consent(job, TOKENS),
        "refuse": lambda: stores.jobs.refuse(job, "The provider refused."),
    }
    return job.id, attempts[arrow]


async def for_a_second_try(stores: Stores, arrow: str) -> tuple[str, Attempt]:
    job = await stores.fetching()
    if arrow in {"reauthorize", "keep"}:
        await stores.put(job.id, **NO_TOKENS)
    attempts: dict[str, Attempt] = {
        "retry": lambda: stores.jobs.retry(job.id, USER),
        "reauthorize": lambda: stores.jobs.reauthorize(replace(state_of(), job_id=job.id), "sealed anew", 600),
        "keep": lambda: stores.jobs.keep(job, TOKENS),
    }
    return job.id, attempts[arrow]


async def due_for_the_engine(stores: Stores, arrow: str) -> tuple[str, Attempt]:
    job = await stores.fetching()
    await stores.abandon(job.id)
    attempts: dict[str, Attempt] = {
        "forget": lambda: stores.jobs.forget(job.id, USER),
        "settle": lambda: stores.jobs.settle(job, NO_COUNTS),
        "claim": lambda: stores.leases.claim(job.id, USER),
    }
    return job.id, attempts[arrow]


async def of_a_file(stores: Stores, arrow: str) -> tuple[str, Attempt]:
    job_id, reading = str(uuid.uuid4()), Reading(size=3)
    await stores.jobs.receive(job_id, USER, provider="csv", name=None, reading=reading, options=Options())
    if arrow == "discard":
        await stores.abandon(job_id)
    attempts: dict[str, Attempt] = {
        "set_off": lambda: stores.jobs.set_off(job_id, USER, reading, Options()),
        "discard": lambda: stores.jobs.discard(job_id, USER),
    }
    return job_id, attempts[arrow]


async def prepared(stores: Stores, arrow: str) -> tuple[str, Attempt]:
    """A job for which this arrow would match, if only its status were right, and the arrow itself."""
    if arrow in ON_LEASES:
        lease = await stores.leased()
        await stores.abandon(lease.job.id)
        return lease.job.id, writes(stores.leases, lease)[arrow]
    if arrow in {"spend", "deny", "expire", "cancel"}:
        return await before_spending(stores, arrow)
    if arrow in {"consent", "refuse"}:
        return await after_spending(stores, arrow)
    if arrow in {"retry", "reauthorize", "keep"}:
        return await for_a_second_try(stores, arrow)
    if arrow in {"set_off", "discard"}:
        return await of_a_file(stores, arrow)
    return await due_for_the_engine(stores, arrow)


@pytest.mark.parametrize("arrow", TABLE)
@pytest.mark.gen_test
async def test_an_arrow_takes_its_own_step_from_where_it_begins(stores: Stores, arrow: str) -> None:
    starts, end = TABLE[arrow]
    for status in starts:
        job_id, attempt = await prepared(stores, arrow)
        await stores.put(job_id, status=status)
        before = await stores.stored_bytes(job_id)
        await attempt()
        assert (await stores.stored(job_id))["status"] == (status if end is STAY else end)
        assert await stores.stored_bytes(job_id) != before


@pytest.mark.parametrize("arrow", TABLE)
@pytest.mark.gen_test
async def test_an_arrow_from_anywhere_else_changes_not_one_byte(stores: Stores, arrow: str) -> None:
    starts, _ = TABLE[arrow]
    for status in set(Status).difference(starts):
        job_id, attempt = await prepared(stores, arrow)
        await stores.put(job_id, status=status)
        before = await stores.stored_bytes(job_id)
        if arrow in ON_LEASES:
            with pytest.raises(LeaseLostError):
                await attempt()
        else:
            assert await attempt() is None, status
        assert await stores.stored_bytes(job_id) == before, status


@pytest.mark.parametrize(("arrow", "starts", "end"), [(arrow, *steps) for arrow, steps in TABLE.items()])
def test_every_step_is_one_that_a_job_may_take(arrow: str, starts: tuple[Status, ...], end: str) -> None:
    assert end is STAY or all(end in ARROWS[start] for start in starts), arrow


@pytest.mark.parametrize("store", [JobStore, LeaseStore])
def test_no_method_of_a_store_is_missing_from_the_table(store: type) -> None:
    public = {name for name, _ in inspect.getmembers(store, inspect.isfunction) if not name.startswith("_")}
    assert public <= TABLE.keys() | READS | BEGINNINGS
    assert set(WRITES) == ON_LEASES.keys()


@pytest.mark.parametrize("ended", sorted(ENDS - {Status.FAILED}))
def test_what_has_completed_or_was_cancelled_stays_so(ended: Status) -> None:
    assert not ARROWS[ended]


@pytest.mark.gen_test
async def test_create_begins_every_life_with_waiting_for_consent(stores: Stores) -> None:
    state = await stores.waiting()
    document = await stores.stored(state.job_id)
    assert document["status"] == Status.AUTHENTICATING
    assert document["version"] == 1


@pytest.mark.parametrize("arrow", ["begin", "renew", "release", "postpone", "wait_out", "store_tokens"])
@pytest.mark.gen_test
async def test_what_no_client_sees_wakes_nobody(stores: Stores, arrow: str) -> None:
    lease = await stores.leased()
    before = await stores.stored(lease.job.id)
    await writes(stores.leases, lease)[arrow]()
    after = await stores.stored(lease.job.id)
    assert (after["version"], after["updated_at"]) == (before["version"], before["updated_at"])


@pytest.mark.parametrize("arrow", ["identify", "advance", "finish", "fail"])
@pytest.mark.gen_test
async def test_what_clients_see_makes_the_version_grow_by_one(stores: Stores, arrow: str) -> None:
    lease = await stores.leased()
    before = await stores.stored(lease.job.id)
    await writes(stores.leases, lease)[arrow]()
    after = await stores.stored(lease.job.id)
    assert after["version"] == before["version"] + 1
    assert after["updated_at"] >= before["updated_at"]


@pytest.mark.gen_test
async def test_claiming_is_seen_by_no_client_either(stores: Stores) -> None:
    job = await stores.fetching()
    lease = await stores.leased(job=job)
    assert (lease.job.version, lease.job.updated_at) == (job.version, job.updated_at)
    assert 0 < await stores.seconds_left(job.id) <= LEASE_SECONDS
