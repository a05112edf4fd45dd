"""Pages of long lists: those that begin behind the last one's end join without a seam, and counting is done once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everreach.errors import BadRequestError
from everreach.job import Job
from storage.indexes import JOBS
from tests.storage.builders import STRANGER, USER, Stores, entry, people


async def ledger_of(stores: Stores, user: str = USER) -> Job:
    lease = await stores.leased(user)
    for number in range(4):
        await stores.commit(lease, [entry(f"mute-{number}"), *people(f"ada-{number}", f"bob-{number}")])
    return lease.job


async def names(read: Callable[[str | None], Awaitable[list[str]]]) -> list[str]:
    """All, read page by page, each behind the last of the one before."""
    found: list[str] = []
    while page := await read(found[-1] if found else None):
        found += page
    return found


@pytest.mark.parametrize("action", [None, "created", "skipped", "failed"])
@pytest.mark.gen_test
async def test_rows_behind_the_last_one_are_the_next_ones(stores: Stores, action: str | None) -> None:
    job = await ledger_of(stores)
    whole, total = await stores.pages.contacts(job, action, 100, 0)

    async def read(after: str | None) -> list[str]:
        rows, counted = await stores.pages.contacts(job, action, 5, 0, after)
        assert counted == total
        return [row["provider_contact_id"] for row in rows]

    assert await names(read) == [row["provider_contact_id"] for row in whole]
    if whole:
        rows, _ = await stores.pages.contacts(job, action, 2, 1, whole[0]["provider_contact_id"])
        assert rows == whole[2:4]


@pytest.mark.gen_test
async def test_jobs_behind_the_last_one_are_the_next_ones_also_of_one_moment(stores: Stores) -> None:
    for user in (USER, STRANGER) * 5:
        await stores.waiting(user)
    whole, _ = await stores.pages.jobs({"user_id": USER}, 100, 0)
    moment = {"$set": {"created_at": whole[0].created_at}}
    for change in ({}, moment):
        await stores.database[JOBS].update_many({}, change or {"$set": {"version": 1}})
        whole, total = await stores.pages.jobs({"user_id": USER}, 100, 0)

        async def read(after: str | None, total: int = total) -> list[str]:
            jobs, counted = await stores.pages.jobs({"user_id": USER}, 2, 0, after)
            assert counted == total == 5
            return [job.id for job in jobs]

        assert await names(read) == [job.id for job in whole]


@pytest.mark.gen_test
async def test_what_is_not_of_the_list_is_refused(stores: Stores) -> None:
    job, others = await ledger_of(stores), await ledger_of(stores, STRANGER)
    for after in ("unknown", "", others.id):
        with pytest.raises(BadRequestError, match="after"):
            await stores.pages.contacts(job, None, 20, 0, after)
        with pytest.raises(BadRequestError, match="after"):
            await stores.pages.jobs({"user_id": USER}, 20, 0, after)


@pytest.mark.gen_test
async def test_rows_are_counted_once_for_each_version_of_the_job(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, counted = await ledger_of(stores), []
    rows = stores.pages._rows

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(rows, name)

        async def count_documents(self, query: Any, **options: Any) -> int:
            counted.append(query)
            return int(await rows.count_documents(query, **options))

    monkeypatch.setattr(stores.pages, "_rows", Counting())
    for _ in range(3):
        for action in (None, "created"):
            await stores.pages.contacts(job, action, 20, 0)
    assert len(counted) == 2
    job.version += 1
    await stores.pages.contacts(job, None, 20, 0)
    assert len(counted) == 3
