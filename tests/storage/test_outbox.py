"""The ends that nobody was told of yet: each end leaves word in the statement that makes it, and word is never lost."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from bson.datetime_ms import DatetimeMS

from everreach.jobs.job import Status, Tally
from everreach.jobs.status_document import StatusDocument
from storage.indexes import JOBS
from storage.mongo import Database, Document
from storage.outbox import DUE, TAKEN_SECONDS, Ended, Outbox
from storage.quarantine import UNREADABLE_SECONDS
from tests.storage.builders import LONG_AGO, STRANGER, USER, Stores

COUNTS: Final = {"processed_contacts": 3, "imported_contacts": 1, "skipped_contacts": 1, "failed_contacts": 1}


@pytest.fixture
def stores(database: Database) -> Stores:
    """The stores of a deployment that has webhooks."""
    return Stores(database, announce=True)


@pytest.fixture
def announcements(database: Database) -> Outbox:
    return Outbox(database)


async def finished(stores: Stores) -> str:
    lease = await stores.leased()
    await stores.leases.finish(lease, Tally(imported=2, skipped=1))
    return lease.job.id


async def failed(stores: Stores) -> str:
    lease = await stores.leased()
    await stores.leases.fail(lease, "It failed.", COUNTS)
    return lease.job.id


async def refused(stores: Stores) -> str:
    job = await stores.exchanging()
    await stores.jobs.refuse(job, "It failed.")
    return job.id


async def expired(stores: Stores) -> str:
    state = await stores.waiting()
    await stores.abandon(state.job_id)
    await stores.jobs.expire(state.job_id, USER)
    return state.job_id


async def denied(stores: Stores) -> str:
    state = await stores.waiting()
    await stores.jobs.deny(state, "google")
    return state.job_id


async def cancelled(stores: Stores) -> str:
    job = await stores.fetching()
    await stores.jobs.cancel(job.id, USER)
    return job.id


End = Callable[[Stores], Awaitable[str]]
ENDS: Final[list[tuple[End, Status]]] = [
    (finished, Status.COMPLETED),
    (failed, Status.FAILED),
    (refused, Status.FAILED),
    (expired, Status.FAILED),
    (denied, Status.FAILED),
    (cancelled, Status.CANCELLED),
]


async def retried_and_failed(stores: Stores, job_id: str) -> None:
    job = await stores.jobs.retry(job_id, USER)
    assert job
    again = dict.fromkeys(COUNTS, 9)
    await stores.leases.fail(await stores.leased(job=job), "It failed again.", again)


async def let_pass(stores: Stores, job_id: str) -> None:
    """Whoever took the job's ends has had time enough."""
    await stores.put(job_id, announce_at=LONG_AGO)


async def seconds_left(stores: Stores, job_id: str) -> float:
    left: timedelta = (await stores.stored(job_id))["announce_at"] - await stores.now()
    return left.total_seconds()


@pytest.mark.parametrize(("end", "status"), ENDS, ids=[end.__name__ for end, _ in ENDS])
@pytest.mark.gen_test
async def test_whatever_ends_a_job_leaves_word_of_it(
    stores: Stores, announcements: Outbox, end: End, status: Status
) -> None:
    job_id = await end(stores)
    assert await announcements.due(10) == [Ended(job_id, USER)]
    (job,) = await announcements.take(Ended(job_id, USER))
    present = await stores.jobs.get(job_id, USER)
    assert present
    assert (job.status, StatusDocument.of(job)) == (status, StatusDocument.of(present))


@pytest.mark.parametrize("end", [end for end, _ in ENDS])
@pytest.mark.gen_test
async def test_without_webhooks_no_end_leaves_anything(database: Database, end: End) -> None:
    stores = Stores(database)
    document = await stores.stored(await end(stores))
    assert {"unannounced", "announce_at", "telling"}.isdisjoint(document)


@pytest.mark.gen_test
async def test_a_job_that_has_not_ended_has_nothing_to_tell(stores: Stores, announcements: Outbox) -> None:
    lease = await stores.leased()
    await stores.commit(lease, [])
    assert await announcements.due(10) == []
    assert await announcements.take(Ended(lease.job.id, USER)) == []


@pytest.mark.gen_test
async def test_a_cancelled_job_is_told_once_its_counters_are_settled_and_only_once(
    stores: Stores, announcements: Outbox
) -> None:
    lease = await stores.leased()
    job = await stores.jobs.cancel(lease.job.id, USER)
    assert job
    assert await announcements.due(10) == []
    # The worker that was called off and the node that came by may both settle it.
    assert await stores.jobs.settle(job, COUNTS)
    assert await stores.jobs.settle(job, COUNTS)
    (told,) = await announcements.take(Ended(job.id, USER))
    assert (told.status, told.processed_contacts, told.imported_contacts) == (Status.CANCELLED, 3, 1)
    await announcements.told(told)
    assert await stores.jobs.settle(job, COUNTS)
    assert await announcements.due(10) == []


@pytest.mark.gen_test
async def test_two_failures_of_one_job_are_two_ends_even_where_the_first_was_not_told_in_time(
    stores: Stores, announcements: Outbox
) -> None:
    job_id = await failed(stores)
    at_first = await stores.jobs.get(job_id, USER)
    assert at_first
    await retried_and_failed(stores, job_id)
    first, second = await announcements.take(Ended(job_id, USER))
    assert StatusDocument.of(first) == StatusDocument.of(at_first)
    assert second.error_message == "It failed again."
    assert first.version < second.version == (await stores.stored(job_id))["version"]


@pytest.mark.gen_test
async def test_a_retry_does_not_make_an_end_unsaid(stores: Stores, announcements: Outbox) -> None:
    job_id = await failed(stores)
    assert await stores.jobs.retry(job_id, USER)
    (told,) = await announcements.take(Ended(job_id, USER))
    assert (told.status, told.error_message, told.completed_at is None) == (Status.FAILED, "It failed.", False)


@pytest.mark.gen_test
async def test_one_node_takes_an_end_and_another_only_when_its_time_is_over(
    stores: Stores, announcements: Outbox
) -> None:
    ended = Ended(await finished(stores), USER)
    assert len(await announcements.take(ended)) == 1
    assert await announcements.take(ended) == []
    assert await announcements.due(10) == []
    assert 0 < await seconds_left(stores, ended.job_id) <= TAKEN_SECONDS
    await let_pass(stores, ended.job_id)
    assert len(await announcements.take(ended)) == 1


@pytest.mark.gen_test
async def test_what_is_told_leaves_nothing_in_the_job_and_wakes_nobody(stores: Stores, announcements: Outbox) -> None:
    ended = Ended(await finished(stores), USER)
    before = await stores.stored(ended.job_id)
    (job,) = await announcements.take(ended)
    await announcements.told(job)
    after = await stores.stored(ended.job_id)
    assert {"unannounced", "announce_at"}.isdisjoint(after)
    assert after == {name: value for name, value in before.items() if name not in {"unannounced", "announce_at"}}
    await announcements.told(job)
    assert await stores.stored(ended.job_id) == after


@pytest.mark.gen_test
async def test_what_ends_while_an_earlier_end_is_told_stays_to_be_told(stores: Stores, announcements: Outbox) -> None:
    job_id = await failed(stores)
    (first,) = await announcements.take(Ended(job_id, USER))
    await retried_and_failed(stores, job_id)
    await announcements.told(first)
    assert await announcements.due(10) == [Ended(job_id, USER)]
    (second,) = await announcements.take(Ended(job_id, USER))
    assert second.error_message == "It failed again."


@pytest.mark.gen_test
async def test_the_longest_waiting_come_first_and_no_more_than_are_asked_for(
    stores: Stores, announcements: Outbox
) -> None:
    first, second, third = [await denied(stores) for _ in range(3)]
    await stores.put(second, announce_at=LONG_AGO)
    assert [ended.job_id for ended in await announcements.due(2)] == [second, first]
    assert third in {ended.job_id for ended in await announcements.due(3)}


BROKEN: Final[dict[str, Document]] = {
    "nobody's": {"$unset": {"user_id": ""}},
    "a word for a time": {"$set": {"created_at": "yesterday"}},
    "a moment beyond all years": {"$set": {"created_at": DatetimeMS(8_640_000_000_000_000)}},
    "no ends": {"$unset": {"unannounced": ""}},
    "ends that are no list": {"$set": {"unannounced": "completed"}},
    "an end that is no document": {"$set": {"unannounced.0": "completed"}},
    "a status that there is not": {"$set": {"unannounced.0.status": "invented later"}},
    "an end that is none": {"$set": {"unannounced.0.status": "fetching"}},
}


@pytest.mark.parametrize("edit", BROKEN.values(), ids=BROKEN)
@pytest.mark.gen_test
async def test_what_somebody_broke_by_hand_is_left_aside_and_said_once(
    stores: Stores, announcements: Outbox, log_lines: list[str], edit: Document
) -> None:
    broken, plain = await failed(stores), await finished(stores)
    await stores.database[JOBS].update_one({"_id": broken}, edit)
    for _ in range(2):
        taken = [job.id for ended in await announcements.due(10) for job in await announcements.take(ended)]
        assert broken not in taken
        assert taken == [plain]
        assert UNREADABLE_SECONDS - 60 < await seconds_left(stores, broken) <= UNREADABLE_SECONDS
        await let_pass(stores, plain)
        await let_pass(stores, broken)
    assert len([line for line in log_lines if broken in line]) == 1


@pytest.mark.parametrize("rubbish", ["nonsense", [{"status": "invented later"}]])
@pytest.mark.gen_test
async def test_a_job_whose_end_cannot_be_read_tells_its_next_one(
    stores: Stores, announcements: Outbox, rubbish: object
) -> None:
    job_id = await failed(stores)
    await stores.put(job_id, unannounced=rubbish)
    assert await announcements.take(Ended(job_id, USER)) == []
    await retried_and_failed(stores, job_id)
    (told,) = await announcements.take(Ended(job_id, USER))
    assert told.error_message == "It failed again."
    await announcements.told(told)
    assert {"unannounced", "announce_at", "unreadable"}.isdisjoint(await stores.stored(job_id))


@pytest.mark.gen_test
async def test_what_was_mended_is_told_by_itself_and_nothing_of_the_fault_stays(
    stores: Stores, announcements: Outbox
) -> None:
    job_id = await failed(stores)
    ends = (await stores.stored(job_id))["unannounced"]
    await stores.put(job_id, unannounced="nonsense")
    assert await announcements.take(Ended(job_id, USER)) == []
    await stores.put(job_id, unannounced=ends)
    assert await announcements.due(10) == []
    await let_pass(stores, job_id)
    (told,) = await announcements.take(*await announcements.due(10))
    await announcements.told(told)
    assert {"unannounced", "announce_at", "unreadable"}.isdisjoint(await stores.stored(job_id))


@pytest.mark.gen_test
async def test_a_strangers_word_is_taken_by_nobody(stores: Stores, announcements: Outbox) -> None:
    assert await announcements.take(Ended(await finished(stores), STRANGER)) == []


@pytest.mark.gen_test
async def test_looking_for_ends_reads_no_job_but_those(stores: Stores, database: Database) -> None:
    await denied(stores)
    await database[JOBS].insert_many([{"user_id": USER, "status": "completed"} for _ in range(50)])
    found: Any = database[JOBS].find(DUE).sort("announce_at", 1)
    explained = await found.explain()
    assert explained["executionStats"]["totalDocsExamined"] == 1
