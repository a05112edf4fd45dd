"""Reading jobs, and the housekeeping: history, what is due, tokens that are forgotten, counters that settle."""

from datetime import timedelta
from typing import Final

import pytest
from bson.datetime_ms import DatetimeMS
from msgspec.structs import replace

from everreach.errors import DatabaseAwayError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Job, Status
from storage import pages as module
from storage.indexes import JOBS
from storage.mongo import Document
from tests.storage.builders import LONG_AGO, NO_TOKENS, STRANGER, TOKENS, USER, Stores

COUNTS: Final = {"processed_contacts": 6, "imported_contacts": 3, "skipped_contacts": 2, "failed_contacts": 1}


def shown(job: Job) -> Job:
    """The job as whoever only looks is given it."""
    return replace(job, access_token=None, refresh_token=None, pkce_verifier=None, cursor=Cursor())


@pytest.mark.gen_test
async def test_a_strangers_job_and_no_job_look_the_same(stores: Stores) -> None:
    state = await stores.waiting()
    assert await stores.jobs.get(state.job_id, USER)
    assert await stores.jobs.get(state.job_id, STRANGER) is None
    assert await stores.jobs.get("no such id", USER) is None


@pytest.mark.gen_test
async def test_a_field_of_a_later_version_is_no_hindrance(stores: Stores) -> None:
    job = await stores.fetching()
    await stores.put(job.id, invented_later={"some": ["thing"]})
    assert await stores.jobs.get(job.id, USER) == shown(job)


@pytest.mark.gen_test
async def test_whoever_only_looks_is_given_no_secret_and_no_cursor(stores: Stores) -> None:
    job = await stores.fetching()
    await stores.put(job.id, cursor={"position": "a long way"}, pkce_verifier="sealed")
    (listed,), _ = await stores.pages.jobs({"user_id": USER}, 1, 0)
    one = (await stores.jobs.these([job.id]))[job.id]
    assert listed == one == await stores.jobs.get(job.id, USER) == shown(job)
    (due,) = await stores.jobs.due(frozenset({Status.FETCHING}), 1)
    assert due == replace(shown(job), cursor=Cursor("a long way"))


@pytest.mark.gen_test
async def test_several_are_read_at_once_whoever_owns_them_and_the_unreadable_are_named(
    stores: Stores,
) -> None:
    jobs = [await stores.fetching(user) for user in (USER, STRANGER, USER, USER)]
    await stores.put(jobs[2].id, status="invented later")
    found = await stores.jobs.these([*(job.id for job in jobs[:3]), "no such id"])
    assert found == {jobs[0].id: shown(jobs[0]), jobs[1].id: shown(jobs[1]), jobs[2].id: None}
    assert await stores.jobs.these([]) == {}


async def history_of(stores: Stores, *steps: tuple[str, Status]) -> list[str]:
    """Jobs of these providers and statuses, a minute apart; their ids, newest first."""
    ids: list[str] = []
    for minute, (provider, status) in enumerate(steps):
        job_id = (await stores.waiting(provider=provider)).job_id
        await stores.put(job_id, status=status, created_at=LONG_AGO + timedelta(minutes=minute))
        ids.insert(0, job_id)
    return ids


def ids_of(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


@pytest.mark.gen_test
async def test_history_is_newest_first_and_only_ones_own(stores: Stores) -> None:
    ids = await history_of(stores, *[("google", Status.COMPLETED)] * 4)
    await stores.waiting(STRANGER)
    jobs, total = await stores.pages.jobs({"user_id": USER}, 20, 0)
    assert (ids_of(jobs), total) == (ids, 4)


@pytest.mark.gen_test
async def test_history_comes_in_pages_that_neither_overlap_nor_leave_out(stores: Stores) -> None:
    ids = await history_of(stores, *[("google", Status.COMPLETED)] * 5)
    # Those that began at the very same moment have an order of their own, or a page could repeat one.
    for job_id in ids:
        await stores.put(job_id, created_at=LONG_AGO)
    pages = [await stores.pages.jobs({"user_id": USER}, 2, offset) for offset in (0, 2, 4)]
    assert [len(jobs) for jobs, _ in pages] == [2, 2, 1]
    assert sorted(job.id for jobs, _ in pages for job in jobs) == sorted(ids)
    assert {total for _, total in pages} == {5}


@pytest.mark.gen_test
async def test_a_page_past_the_end_is_empty_and_still_tells_the_total(stores: Stores) -> None:
    await history_of(stores, *[("google", Status.FAILED)] * 3)
    assert await stores.pages.jobs({"user_id": USER}, 20, 3) == ([], 3)
    assert await stores.pages.jobs({"user_id": USER}, 20, 999_999_999_999_999) == ([], 3)
    assert await stores.pages.jobs({"user_id": STRANGER}, 20, 0) == ([], 0)


@pytest.mark.gen_test
async def test_a_history_that_takes_too_long_ends_in_the_database_too(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await history_of(stores, ("google", Status.COMPLETED))
    monkeypatch.setattr(module, "PATIENCE_MS", 300)
    with pytest.raises(DatabaseAwayError):
        await stores.pages.jobs({"user_id": USER, "$where": "sleep(20000) || true"}, 20, 0)
    under_way = {"$match": {"ns": f"{stores.database.name}.{JOBS}", "active": True}}
    assert not await stores.database.client.admin.aggregate([{"$currentOp": {}}, under_way]).to_list(None)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"provider": "google"}, [1, 3]),
        ({"status": "failed"}, [0, 3]),
        ({"provider": "google", "status": "failed"}, [3]),
        ({"provider": "microsoft", "status": "completed"}, []),
    ],
)
@pytest.mark.gen_test
async def test_history_filters_and_counts_what_it_filtered(
    stores: Stores, query: dict[str, str], places: list[int]
) -> None:
    ids = await history_of(
        stores,
        ("google", Status.FAILED),
        ("microsoft", Status.CANCELLED),
        ("google", Status.COMPLETED),
        ("microsoft", Status.FAILED),
    )
    jobs, total = await stores.pages.jobs({"user_id": USER, **query}, 20, 0)
    assert (ids_of(jobs), total) == ([ids[place] for place in places], len(places))


@pytest.mark.gen_test
async def test_the_longest_waiting_is_due_first(stores: Stores) -> None:
    jobs = [await stores.fetching() for _ in range(4)]
    for minute, job in zip((3, 1, 2), jobs, strict=False):
        await stores.put(job.id, not_before=LONG_AGO + timedelta(minutes=minute))
    await stores.put(jobs[3].id, not_before=await stores.now() + timedelta(hours=1))
    due = await stores.jobs.due(frozenset({Status.FETCHING, Status.PROCESSING}), 10)
    assert ids_of(due) == [jobs[1].id, jobs[2].id, jobs[0].id]
    assert ids_of(await stores.jobs.due(frozenset({Status.FETCHING}), 2)) == [jobs[1].id, jobs[2].id]


@pytest.mark.gen_test
async def test_a_job_that_another_version_wrote_keeps_no_other_from_being_due(stores: Stores) -> None:
    strange, plain, odd = [await stores.fetching() for _ in range(3)]
    await stores.put(strange.id, cursor="invented later")
    # A year that Python does not know.
    await stores.put(odd.id, started_at=DatetimeMS(8_640_000_000_000_000))
    assert ids_of(await stores.jobs.due(frozenset({Status.FETCHING}), 10)) == [plain.id]


@pytest.mark.gen_test
async def test_only_the_statuses_asked_for_are_due_whoever_owns_them(stores: Stores) -> None:
    jobs = {status: await stores.fetching(user) for status, user in zip(Status, [USER, STRANGER] * 4, strict=False)}
    for status, job in jobs.items():
        await stores.put(job.id, status=status, not_before=LONG_AGO)
    for status, job in jobs.items():
        assert ids_of(await stores.jobs.due(frozenset({status}), 10)) == [job.id]


@pytest.mark.gen_test
async def test_what_has_ended_for_good_is_never_due_again(stores: Stores) -> None:
    denied = await stores.waiting()
    await stores.jobs.deny(denied, "google")
    await stores.jobs.refuse(await stores.exchanging(), "No.")
    await stores.jobs.cancel((await stores.exchanging()).id, USER)
    late = await stores.waiting()
    await stores.abandon(late.job_id)
    await stores.jobs.expire(late.job_id, USER)
    # Not even with a clock that is centuries ahead: the field is not there at all.
    jobs, total = await stores.pages.jobs({"user_id": USER}, 20, 0)
    assert total == 4
    assert not any(["not_before" in await stores.stored(job.id) for job in jobs])
    assert await stores.jobs.due(frozenset(Status), 10) == []


async def failed(stores: Stores) -> str:
    lease = await stores.leased()
    await stores.leases.fail(lease, "It failed.", COUNTS)
    return lease.job.id


@pytest.mark.gen_test
async def test_a_failed_jobs_tokens_are_forgotten_when_the_time_for_a_retry_has_passed(stores: Stores) -> None:
    job_id = await failed(stores)
    before = await stores.stored(job_id)
    await stores.jobs.forget(job_id, USER)
    assert await stores.stored(job_id) == before
    assert before["access_token"] == TOKENS["access_token"]
    await stores.abandon(job_id)
    await stores.jobs.forget(job_id, STRANGER)
    assert (await stores.stored(job_id))["refresh_token"] == TOKENS["refresh_token"]
    await stores.jobs.forget(job_id, USER)
    expected: Document = {**before, **NO_TOKENS, "upload_id": None}
    del expected["not_before"]
    assert await stores.stored(job_id) == expected


@pytest.mark.gen_test
async def test_a_cancelled_job_is_looked_at_once_more_when_its_workers_lease_is_over(stores: Stores) -> None:
    lease = await stores.leased()
    ends = (await stores.stored(lease.job.id))["not_before"]
    cancelled = await stores.jobs.cancel(lease.job.id, USER)
    assert cancelled
    assert (await stores.stored(lease.job.id))["not_before"] == ends
    await stores.abandon(lease.job.id)
    assert ids_of(await stores.jobs.due(frozenset({Status.CANCELLED}), 10)) == [lease.job.id]
    settled = await stores.jobs.settle(cancelled, COUNTS)
    assert settled
    assert replace(settled, **COUNTS, total_contacts=6, version=cancelled.version + 1) == settled
    assert settled.completed_at == cancelled.completed_at
    document = await stores.stored(lease.job.id)
    assert document["lease_owner"] is None
    assert "not_before" not in document


@pytest.mark.gen_test
async def test_a_cancelled_job_that_nobody_holds_is_settled_at_once(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.leases.wait_out(lease, 900)
    assert await stores.jobs.cancel(lease.job.id, USER)
    assert ids_of(await stores.jobs.due(frozenset({Status.CANCELLED}), 10)) == [lease.job.id]


@pytest.mark.gen_test
async def test_a_settled_total_is_never_lowered(stores: Stores) -> None:
    job = await stores.fetching()
    await stores.put(job.id, total_contacts=50)
    cancelled = await stores.jobs.cancel(job.id, USER)
    assert cancelled
    settled = await stores.jobs.settle(cancelled, COUNTS)
    assert settled
    assert settled.total_contacts == 50


@pytest.mark.gen_test
async def test_only_the_jobs_own_last_worker_is_settled_for(stores: Stores) -> None:
    job = await stores.fetching()
    await stores.leased(job=job)
    await stores.jobs.cancel(job.id, USER)
    before = await stores.stored_bytes(job.id)
    # `job` was read before the claim: its fence is an older one.
    assert await stores.jobs.settle(job, COUNTS) is None
    assert await stores.stored_bytes(job.id) == before
