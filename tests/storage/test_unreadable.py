"""What cannot be read keeps nothing else waiting: neither another job from being due, nor one from being listed."""

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from msgspec import ValidationError

from everreach.job import Job, Status
from storage.indexes import JOBS
from storage.unreadable import UNREADABLE_SECONDS
from tests.storage.builders import LONG_AGO, USER, Stores, failing


def ids_of(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


@pytest.mark.gen_test
async def test_jobs_that_cannot_be_read_do_not_starve_one_that_can(stores: Stores) -> None:
    for _ in range(5):
        await stores.put((await stores.fetching()).id, cursor="invented later", not_before=LONG_AGO)
    plain = await stores.fetching()
    assert ids_of(await stores.jobs.due(frozenset({Status.FETCHING}), 2)) == [plain.id]


@pytest.mark.gen_test
async def test_a_job_that_nobody_could_read_for_long_is_left_aside_and_that_is_said_once(
    stores: Stores, log_lines: list[str]
) -> None:
    strange = await stores.fetching()
    await stores.put(strange.id, cursor="invented later")
    for _ in range(2):
        # A node of the version that wrote it may be about to take it.
        assert await stores.jobs.due(frozenset({Status.FETCHING}), 2) == []
        assert await stores.seconds_left(strange.id) <= 0
    for _ in range(2):
        await stores.abandon(strange.id)
        assert await stores.jobs.due(frozenset({Status.FETCHING}), 2) == []
        assert UNREADABLE_SECONDS - 30 < await stores.seconds_left(strange.id) <= UNREADABLE_SECONDS
    assert [line for line in log_lines if strange.id in line and "left aside" in line] == log_lines[-1:]


@pytest.mark.gen_test
async def test_where_the_database_does_not_let_it_be_left_aside_the_others_are_due_all_the_same(stores: Stores) -> None:
    strange, plain = [await stores.fetching() for _ in range(2)]
    await stores.put(strange.id, cursor="invented later", not_before=LONG_AGO)
    async with failing(stores.database, "findAndModify", errorCode=13):
        assert ids_of(await stores.jobs.due(frozenset({Status.FETCHING}), 2)) == [plain.id]


@pytest.mark.gen_test
async def test_some_can_be_left_out(stores: Stores) -> None:
    jobs = [await stores.fetching() for _ in range(3)]
    assert ids_of(await stores.jobs.due(frozenset({Status.FETCHING}), 1, [jobs[0].id])) == [jobs[1].id]


@pytest.mark.gen_test
async def test_history_leaves_out_what_cannot_be_read(stores: Stores) -> None:
    strange, plain = [await stores.fetching() for _ in range(2)]
    await stores.put(strange.id, started_at="invented later")
    jobs, _ = await stores.pages.jobs({"user_id": USER}, 20, 0)
    assert ids_of(jobs) == [plain.id]
    with pytest.raises(ValidationError):
        await stores.jobs.get(strange.id, USER)


@pytest.mark.gen_test
async def test_bytes_that_are_no_text_make_no_job_unreadable(stores: Stores) -> None:
    job = await stores.fetching()
    document = bson.encode({**await stores.stored(job.id), "_id": "broken text", "provider_account_name": "ada@X"})
    await stores.database[JOBS].insert_one(RawBSONDocument(document.replace(b"ada@X", b"ada@\xff")))
    due = await stores.jobs.due(frozenset({Status.FETCHING}), 2)
    assert [(one.id, one.provider_account_name) for one in due] == [(job.id, None), ("broken text", "ada@\ufffd")]
