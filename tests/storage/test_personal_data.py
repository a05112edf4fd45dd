"""A person's documents: all of them are found and deleted, nobody else's, and none too early."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from limits import parse

from storage.files.uploads import Upload, UploadStore
from storage.indexes import CONTACTS, DELIVERIES, JOBS, LEDGER, PERSON_BOUND, RATE_LIMITS, UPLOAD_CHUNKS, UPLOADS
from storage.mongo import Database
from storage.personal_data import PersonStore, _queries
from storage.rate_limits import RateLimits
from tests.storage.builders import LONG_AGO, NO_TOKENS, STRANGER, USER, Stores, people


@pytest.fixture
def persons(database: Database) -> PersonStore:
    return PersonStore(database)


OWN: list[dict[str, Any]] = [
    *({}, {"email": None}, {"email": ""}, {"email": "own@example.org", "source": "app"}),
    *({"email": odd} for odd in (7, 7.5, True, datetime.now(UTC), ObjectId(), b"ada", Regex("ada"), Decimal128("7"))),
    *({"email": odd} for odd in ({}, {"work": "ada"}, [], [7], [None], ["", 7], ["one@example.org", 7, None])),
    *({"email": odd} for odd in (Code("ada"), Timestamp(7, 7), MinKey(), MaxKey(), Int64(7))),
]
"""What the app itself may have written."""


async def live(stores: Stores, user: str) -> None:
    """An import, a file, contacts of the app's own, a delivery, a file and windows of two kinds."""
    lease = await stores.leased(user)
    await stores.commit(lease, people("ada", "bob"))
    await stores.leases.fail(lease, "It failed.", {"processed_contacts": 2})
    await stores.database[CONTACTS].insert_many([{"user_id": user, **own} for own in OWN])
    await stores.database[DELIVERIES].insert_one({"user_id": user, "job_id": lease.job.id})
    upload = Upload(lease.job.id, user)
    await UploadStore(stores.database).open(upload)
    await UploadStore(stores.database).add(upload, 0, b"BEGIN:VCARD")
    for rate, action in (("5/hour", "start"), ("60/minute", "status")):
        await RateLimits(stores.database).hit(parse(rate), action, user)


@pytest.mark.gen_test
async def test_everything_of_a_person_is_counted_and_deleted_and_nothing_of_another(
    stores: Stores, persons: PersonStore
) -> None:
    await live(stores, USER)
    await live(stores, STRANGER)
    everything = {
        JOBS: 1,
        LEDGER: 2,
        CONTACTS: 2 + len(OWN),
        DELIVERIES: 1,
        UPLOADS: 1,
        UPLOAD_CHUNKS: 1,
        RATE_LIMITS: 2,
    }
    assert await persons.count(USER) == everything
    strangers = {name: await stores.database[name].find({"user_id": STRANGER}).to_list(None) for name in PERSON_BOUND}
    assert await persons.delete(USER) == everything
    assert (await persons.count(USER)).total() == 0
    assert await persons.count(STRANGER) == everything
    for name, documents in strangers.items():
        assert await stores.database[name].find().to_list(None) == documents


@pytest.mark.gen_test
async def test_more_documents_than_fit_into_a_batch_are_deleted(
    stores: Stores, persons: PersonStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.personal_data._BATCH", 3)
    await stores.database[CONTACTS].insert_many([{"user_id": USER} for _ in range(10)])
    assert (await persons.delete(USER))[CONTACTS] == 10


@pytest.mark.gen_test
async def test_no_question_about_a_person_reads_a_whole_collection(database: Database) -> None:
    for name in PERSON_BOUND:
        for query in _queries(name, USER):
            plan = json.dumps((await database[name].find(query).explain())["queryPlanner"]["winningPlan"], default=str)
            assert ("IXSCAN" in plan, "COLLSCAN" in plan) == (True, False)


@pytest.mark.gen_test
async def test_a_job_that_has_not_ended_stays(stores: Stores, persons: PersonStore) -> None:
    job = await stores.fetching()
    assert await persons.unended(USER) == [job.id]
    assert (await persons.delete(USER))[JOBS] == 0
    await stores.jobs.cancel(job.id, USER)
    assert await persons.unended(USER) == []
    assert (await persons.delete(USER))[JOBS] == 1


@pytest.mark.gen_test
async def test_a_cancelled_job_stays_until_its_worker_can_no_longer_be_writing(
    stores: Stores, persons: PersonStore
) -> None:
    lease = await stores.leased()
    assert await persons.seconds_until_silence(USER) == 0
    await stores.jobs.cancel(lease.job.id, USER)
    left = await stores.seconds_left(lease.job.id)
    # Half a second more than the lease: what was sent in its last moment may still be on its way.
    assert left < await persons.seconds_until_silence(USER) <= left + 0.5
    assert (await persons.delete(USER))[JOBS] == 0
    await stores.abandon(lease.job.id)
    assert await persons.seconds_until_silence(USER) == 0
    assert (await persons.delete(USER))[JOBS] == 1


@pytest.mark.gen_test
async def test_nobody_is_waited_for_where_no_worker_holds_the_job(stores: Stores, persons: PersonStore) -> None:
    throttled = await stores.leased()
    await stores.leases.wait_out(throttled, 900)
    await stores.jobs.cancel(throttled.job.id, USER)
    settled = await stores.leased()
    cancelled = await stores.jobs.cancel(settled.job.id, USER)
    assert cancelled
    await stores.jobs.settle(cancelled, await stores.ledger.count(cancelled))
    failed = await stores.leased()
    await stores.leases.fail(failed, "It failed.", {"processed_contacts": 0})
    assert await persons.seconds_until_silence(USER) == 0
    assert await persons.seconds_until_silence(STRANGER) == 0


@pytest.mark.gen_test
async def test_of_each_job_that_ended_with_tokens_the_best_is_told(stores: Stores, persons: PersonStore) -> None:
    both, access, neither, running = [await stores.fetching() for _ in range(4)]
    await stores.put(both.id, status="failed", not_before=LONG_AGO)
    await stores.put(access.id, status="completed", refresh_token=None)
    await stores.put(neither.id, status="completed", **NO_TOKENS)
    held = {one.token.job_id: one for one in await persons.grants(USER)}
    assert held.keys() == {both.id, access.id}
    assert running.id not in held
    assert (held[both.id].provider, held[both.id].token.field) == ("google", "refresh_token")
    assert (held[access.id].token.field, held[access.id].token.text) == ("access_token", "sealed access")


@pytest.mark.gen_test
async def test_a_job_that_a_hand_broke_keeps_its_person_from_nothing(stores: Stores, persons: PersonStore) -> None:
    job = await stores.fetching()
    await stores.put(job.id, status="cancelled", lease_owner="node-9", not_before="soon", provider=None)
    assert await persons.seconds_until_silence(USER) == 0
    assert [held.provider for held in await persons.grants(USER)] == ["None"]
    assert (await persons.delete(USER))[JOBS] == 1
