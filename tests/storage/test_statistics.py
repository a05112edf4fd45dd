"""What the database counts of imports: every one of them once, by an index, and without being in anybody's way."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import ExecutionTimeout

from everreach.errors import DatabaseError
from storage.indexes import JOBS
from storage.mongo import Database
from storage.statistics import Group, Statistics, stages
from tests.storage.builders import Stores, failing, people

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)
DAY = datetime(2025, 11, 3, tzinfo=UTC)


def job(seconds: float | None = None, **fields: Any) -> dict[str, Any]:
    """A job that was started at NOON, set going a minute later, and ended so many seconds after that."""
    going = NOON + timedelta(minutes=1)
    ended = None if seconds is None else going + timedelta(seconds=seconds)
    return {
        "user_id": "somebody",
        "provider": "google",
        "status": "completed",
        "error_message": None,
        "processed_contacts": 10,
        "imported_contacts": 7,
        "created_at": NOON,
        "set_going_at": going,
        "completed_at": ended,
        **fields,
    }


async def groups(database: Database, *jobs: dict[str, Any]) -> list[Group]:
    await database[JOBS].insert_many([{"_id": str(number), **one} for number, one in enumerate(jobs)])
    return sorted(await Statistics(database).groups(DAY), key=repr)


@pytest.mark.gen_test
async def test_imports_that_are_alike_are_summed(database: Database) -> None:
    assert await groups(database, job(2.5), job(2.5, processed_contacts=30), job(4)) == [
        Group(DAY, "google", "completed", None, 2.5, imports=2, contacts=40, new=14),
        Group(DAY, "google", "completed", None, 4.0, imports=1, contacts=10, new=7),
    ]


@pytest.mark.parametrize("differing", [{"provider": "microsoft"}, {"status": "failed"}, {"error_message": "Why."}])
@pytest.mark.gen_test
async def test_others_are_not(database: Database, differing: dict[str, Any]) -> None:
    assert len(await groups(database, job(1), job(1, **differing))) == 2


@pytest.mark.parametrize(
    ("ran", "told"),
    [(0.0, 0.001), (0.004, 0.004), (0.1234, 0.123), (9.876, 9.88), (61.25, 61.2), (3599, 3600), (86_400, 86_400)],
)
@pytest.mark.gen_test
async def test_durations_are_told_to_three_digits(database: Database, ran: float, told: float) -> None:
    [group] = await groups(database, job(ran))
    assert group.seconds == pytest.approx(told, abs=1e-9)


@pytest.mark.parametrize("fields", [{"set_going_at": None}, {"completed_at": None}])
@pytest.mark.gen_test
async def test_one_that_never_ran_or_has_not_ended_has_no_duration(database: Database, fields: dict[str, Any]) -> None:
    [absent] = fields
    without = {name: value for name, value in job(1).items() if name != absent}
    [group] = await groups(database, job(1, **fields), without)
    assert (group.seconds, group.imports) == (None, 2)


@pytest.mark.gen_test
async def test_what_was_started_before_is_left_out_and_days_are_told_apart(database: Database) -> None:
    before, after = DAY - timedelta(milliseconds=1), DAY + timedelta(days=1)
    found = await groups(database, job(1, created_at=before), job(1, created_at=DAY), job(1, created_at=after))
    assert [group.day for group in found] == [DAY, after]


@pytest.mark.gen_test
async def test_the_time_at_the_consent_page_does_not_count_and_a_retry_begins_anew(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.put(lease.job.id, created_at=NOON, started_at=NOON)
    await stores.leases.fail(lease, "It failed.", {"processed_contacts": 0})
    [first] = await Statistics(stores.database).groups(DAY)
    await stores.put(lease.job.id, set_going_at=NOON)
    retried = await stores.jobs.retry(lease.job.id, lease.job.user_id)
    assert retried
    lease = await stores.leased(job=retried)
    await stores.leases.finish(lease, await stores.page(lease, people("ada")))
    [second] = await Statistics(stores.database).groups(DAY)
    assert (first.status, first.reason, second.status) == ("failed", "It failed.", "completed")
    assert first.seconds is not None
    assert second.seconds is not None
    assert max(first.seconds, second.seconds) < 60


@pytest.mark.gen_test
async def test_it_reads_by_an_index(database: Database) -> None:
    plan = await database.command("explain", {"aggregate": JOBS, "pipeline": stages(NOON), "cursor": {}})
    text = json.dumps(plan, default=str)
    assert ('"created"' in text, "COLLSCAN" in text) == (True, False)


@pytest.mark.gen_test
async def test_it_reads_from_a_secondary_and_not_for_long(database: Database) -> None:
    statistics = Statistics(database)
    assert statistics._jobs.read_preference.mongos_mode == "secondaryPreferred"
    code = ExecutionTimeout("").code or 50
    async with failing(database, "aggregate", errorCode=code):
        with pytest.raises(DatabaseError, match="fewer days"):
            await statistics.groups(DAY)
