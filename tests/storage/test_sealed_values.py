"""What rests sealed: found to the last value, and replaced only where it is still the one that was read."""

import uuid

import pytest

from everreach.jobs.fields import SEALED
from storage.indexes import JOBS
from storage.mongo import Database
from storage.sealed_values import BATCH, Sealed, SealedStore
from tests.storage.builders import NEW_TOKENS, TOKENS, USER, Stores


async def everything(database: Database) -> list[Sealed]:
    store, found, after = SealedStore(database), [], ""
    while batch := await store.batch(after):
        found += batch.values
        after = batch.last
    return found


@pytest.mark.gen_test
async def test_every_sealed_value_of_every_job_is_found_once(database: Database) -> None:
    jobs = [
        {"_id": str(uuid.uuid4()), "user_id": str(number), **dict.fromkeys(SEALED[: number % 4], "v1.sealed")}
        for number in range(2 * BATCH + 7)
    ]
    await database[JOBS].insert_many(jobs)
    found = await everything(database)
    expected = {(job["_id"], job["user_id"], name) for job in jobs for name in SEALED if name in job}
    assert len(found) == len(expected)
    assert {value[:3] for value in found} == expected
    assert await SealedStore(database).count() == len(jobs)


@pytest.mark.gen_test
async def test_a_value_is_sealed_anew_and_nobody_who_follows_the_job_is_woken(stores: Stores) -> None:
    job = await stores.fetching()
    before = await stores.stored(job.id)
    value = Sealed(job.id, USER, "refresh_token", TOKENS["refresh_token"])
    # A text that looks like one of the database's own expressions is stored as it is.
    assert await SealedStore(stores.database).reseal([(value, "$sealed anew")]) == 1
    assert await stores.stored(job.id) == {**before, "refresh_token": "$sealed anew"}


@pytest.mark.gen_test
async def test_a_token_that_was_refreshed_meanwhile_is_not_overwritten(stores: Stores) -> None:
    lease = await stores.leased()
    read = Sealed(lease.job.id, USER, "access_token", TOKENS["access_token"])
    await stores.leases.store_tokens(lease, NEW_TOKENS)
    assert await SealedStore(stores.database).reseal([(read, "the old one, sealed anew")]) == 0
    assert (await stores.stored(lease.job.id))["access_token"] == NEW_TOKENS["access_token"]


@pytest.mark.gen_test
async def test_a_token_that_was_deleted_meanwhile_does_not_come_back(stores: Stores) -> None:
    job = await stores.fetching()
    read = Sealed(job.id, USER, "access_token", TOKENS["access_token"])
    await stores.jobs.cancel(job.id, USER)
    assert await SealedStore(stores.database).reseal([(read, "the old one, sealed anew")]) == 0
    assert (await stores.stored(job.id))["access_token"] is None


def test_a_repr_shows_no_value_and_no_person() -> None:
    assert repr(Sealed("job", USER, "access_token", "v1.sealed")) == "Sealed(job, access_token)"
