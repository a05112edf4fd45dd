"""The indexes: what the database itself enforces, and what keeps the engine's questions cheap."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from everreach.errors import DatabaseError
from everreach.jobs.job import RUNNING, Lease
from everreach.jobs.options import Duplicates, Options, WithoutEmail
from storage import indexes
from storage.indexes import CONTACT_KEY, CONTACT_OTHER_KEY, CONTACTS, DELIVERIES, JOBS, LEDGER, ensure_indexes
from storage.ledger import Row
from storage.mongo import Database, Document, connect, ping
from tests.storage.builders import LONG_AGO, STRANGER, USER, Stores, entry, people


@pytest.mark.gen_test
async def test_making_the_indexes_again_changes_nothing(database: Database) -> None:
    before = [await database[name].index_information() for name in (JOBS, LEDGER, CONTACTS, DELIVERIES)]
    await ensure_indexes(database)
    assert [await database[name].index_information() for name in (JOBS, LEDGER, CONTACTS, DELIVERIES)] == before


@pytest.mark.gen_test
async def test_every_unique_index_begins_with_the_shard_key(database: Database) -> None:
    unique = {}
    for name in (JOBS, LEDGER, CONTACTS, DELIVERIES):
        indexes = await database[name].index_information()
        unique.update({index: made["key"][0][0] for index, made in indexes.items() if made.get("unique")})
    assert unique == {"once": "user_id", CONTACT_KEY: "user_id", CONTACT_OTHER_KEY: "user_id"}


@pytest.mark.gen_test
async def test_the_database_itself_refuses_a_second_contact_with_the_same_email(database: Database) -> None:
    contacts = database[CONTACTS]
    await contacts.insert_one({"user_id": USER, "email": "ada@example.org"})
    with pytest.raises(DuplicateKeyError):
        await contacts.insert_one({"user_id": USER, "email": "ada@example.org"})
    await contacts.insert_one({"user_id": STRANGER, "email": "ada@example.org"})
    other: Any = await contacts.insert_one({"user_id": USER, "email": "bob@example.org"})
    with pytest.raises(DuplicateKeyError):
        await contacts.update_one({"_id": other.inserted_id}, {"$set": {"email": "ada@example.org"}})


@pytest.mark.gen_test
async def test_any_number_of_contacts_have_no_email(database: Database) -> None:
    documents: list[Document] = [
        *({"user_id": USER} for _ in range(3)),
        *({"user_id": USER, "email": None} for _ in range(3)),
        *({"user_id": USER, "email": ""} for _ in range(3)),
        *({"user_id": USER, "emails": []} for _ in range(3)),
    ]
    await database[CONTACTS].insert_many(documents)
    assert await database[CONTACTS].count_documents({}) == 12


@pytest.mark.gen_test
async def test_a_providers_contact_has_one_row_in_a_job(database: Database) -> None:
    row = {"user_id": USER, "import_job_id": "job", "provider_contact_id": "ada"}
    await database[LEDGER].insert_one({**row})
    for key in row:
        await database[LEDGER].insert_one({**row, key: "another"})
    with pytest.raises(DuplicateKeyError):
        await database[LEDGER].insert_one({**row})


async def with_duplicates(database: Database, people_: int) -> list[ObjectId]:
    """Contacts from before the key: so many people, each twice; the ids of all of them."""
    await database[CONTACTS].drop_index(CONTACT_KEY)
    documents: list[Document] = [
        {"_id": ObjectId(), "user_id": USER, "email": f"person-{number // 2}@example.org"}
        for number in range(people_ * 2)
    ]
    harmless = [{"user_id": user, "email": email} for user, email in [(USER, ""), (USER, ""), (STRANGER, "x@y.z")]]
    await database[CONTACTS].insert_many([*documents, *harmless])
    return [document["_id"] for document in documents]


@pytest.mark.gen_test
async def test_duplicates_that_are_there_already_are_named_with_the_way_to_mend_them(database: Database) -> None:
    ids = await with_duplicates(database, 2)
    with pytest.raises(DatabaseError) as caught:
        await ensure_indexes(database)
    message = caught.value.message
    assert all(str(id_) in message for id_ in ids)
    assert message.count(USER) == 2
    assert "Keep one of each group, delete or merge the others, then start again." in message
    # An e-mail address does not belong in a log, nor anywhere in the error's own past.
    assert "@" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert await database[CONTACTS].count_documents({}) == 7


@pytest.mark.gen_test
async def test_of_many_duplicates_the_first_few_are_named(database: Database) -> None:
    ids = await with_duplicates(database, 50)
    with pytest.raises(DatabaseError) as caught:
        await ensure_indexes(database)
    assert sum(str(id_) in caught.value.message for id_ in ids) == 10


@pytest.mark.gen_test
async def test_once_they_are_mended_the_start_succeeds(database: Database) -> None:
    ids = await with_duplicates(database, 2)
    await database[CONTACTS].delete_many({"_id": {"$in": ids[::2]}})
    await ensure_indexes(database)
    assert CONTACT_KEY in await database[CONTACTS].index_information()


async def started_together(database_uri: str) -> list[BaseException | None]:
    """How each of eight nodes fares that make the indexes at the same moment."""
    nodes = [connect(database_uri) for _ in range(8)]
    await asyncio.gather(*(ping(node) for node in nodes))
    outcomes = await asyncio.gather(*(ensure_indexes(node) for node in nodes), return_exceptions=True)
    for node in nodes:
        node.client.close()
    return outcomes


@pytest.mark.gen_test
async def test_nodes_that_start_together_do_not_disturb_each_other(database: Database, database_uri: str) -> None:
    await database.client.drop_database(database.name)
    assert await started_together(database_uri) == [None] * 8


@pytest.mark.gen_test
async def test_of_nodes_that_start_together_none_goes_without_the_key(database: Database, database_uri: str) -> None:
    await with_duplicates(database, 2)
    # While the index still fails for one, the database tells another now and then that it exists.
    for _ in range(3):
        assert [type(outcome) for outcome in await started_together(database_uri)] == [DatabaseError] * 8


@pytest.mark.gen_test
async def test_a_key_that_cannot_be_used_stops_the_start(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_TRIES", 2)
    await database.command("collMod", CONTACTS, index={"name": CONTACT_KEY, "hidden": True})
    with pytest.raises(DatabaseError, match="Unhide or drop it"):
        await ensure_indexes(database)


async def watched(database: Database, collection: str, asking: Awaitable[object]) -> list[Document]:
    """How the database went about what `asking` asks of this collection, as its own profiler saw it."""
    await database.command("profile", 2)
    await asking
    await database.command("profile", 0)
    query = {"ns": f"{database.name}.{collection}", "op": {"$in": ["query", "command", "insert", "update"]}}
    operations = database["system.profile"].find(query)
    seen: list[Document] = await operations.sort("ts", 1).to_list(None)
    assert seen
    return seen


def found(plan: Any, name: str) -> set[str]:
    """Every value under this name, anywhere in a plan that won."""
    if isinstance(plan, list):
        return {value for part in plan for value in found(part, name)}
    if not isinstance(plan, dict):
        return set()
    below = {value for key, part in plan.items() if key != "rejectedPlans" for value in found(part, name)}
    return below | ({plan[name]} if name in plan else set())


async def used(database: Database, operation: Document) -> set[str]:
    """The indexes that serve this very command; it scans no collection and sorts nothing in memory."""
    command = {name: value for name, value in operation["command"].items() if name not in {"lsid", "$db"}}
    plan = await database.command({"explain": command, "verbosity": "queryPlanner"})
    assert {"COLLSCAN", "SORT"}.isdisjoint(found(plan, "stage"))
    return found(plan, "indexName")


@pytest.mark.gen_test
async def test_what_is_due_is_found_without_looking_at_anything_else(stores: Stores) -> None:
    for number in range(10):
        job = await stores.fetching()
        await stores.put(job.id, not_before=LONG_AGO if number < 2 else LONG_AGO + timedelta(days=365_000))
    (search,) = await watched(stores.database, JOBS, stores.jobs.due(RUNNING, 10))
    assert await used(stores.database, search) == {"due"}
    assert search["nreturned"] == 2


@pytest.mark.gen_test
async def test_what_has_ended_for_good_costs_the_search_nothing(stores: Stores) -> None:
    for _ in range(5):
        await stores.jobs.cancel((await stores.exchanging()).id, USER)
    (search,) = await watched(stores.database, JOBS, stores.jobs.due(RUNNING, 10))
    assert (await used(stores.database, search), search["keysExamined"], search["docsExamined"]) == ({"due"}, 0, 0)


@pytest.mark.gen_test
async def test_a_page_of_history_is_read_in_the_indexs_own_order(stores: Stores) -> None:
    for user in (USER, STRANGER) * 5:
        await stores.waiting(user)
    page, count = await watched(stores.database, JOBS, stores.pages.jobs({"user_id": USER}, 2, 1))
    assert (await used(stores.database, page), await used(stores.database, count)) == ({"history"}, {"history"})
    assert page["docsExamined"] <= 3
    assert count["docsExamined"] == 0


async def ledger_of(stores: Stores) -> Lease:
    lease = await stores.leased()
    for number in range(4):
        page = [entry(f"mute-{number}"), *people(f"ada-{number}", f"bob-{number}")]
        await stores.commit(lease, page)
    return lease


@pytest.mark.gen_test
async def test_counting_a_jobs_rows_reads_no_row(stores: Stores) -> None:
    lease = await ledger_of(stores)
    (count,) = await watched(stores.database, LEDGER, stores.ledger.count(lease.job))
    assert (await used(stores.database, count), count["docsExamined"]) == ({"outcome"}, 0)


@pytest.mark.gen_test
async def test_counting_a_page_while_recovering_reads_no_row(stores: Stores) -> None:
    lease = await ledger_of(stores)
    recording = stores.ledger.record(lease, [Row("x", None, None)], recovering=True)
    _, count = await watched(stores.database, LEDGER, recording)
    assert (await used(stores.database, count), count["docsExamined"]) == ({"outcome"}, 0)


@pytest.mark.parametrize("action", [None, "created", "skipped"])
@pytest.mark.gen_test
async def test_a_page_of_rows_reads_only_the_rows_up_to_it(stores: Stores, action: str | None) -> None:
    lease = await ledger_of(stores)
    page, count = await watched(stores.database, LEDGER, stores.pages.contacts(lease.job, action, 2, 1))
    assert (await used(stores.database, page), await used(stores.database, count)) == ({"outcome"}, {"outcome"})
    assert page["docsExamined"] <= 4
    assert count["docsExamined"] == 0


@pytest.mark.parametrize("action", [None, "created", "skipped"])
@pytest.mark.gen_test
async def test_a_page_behind_a_row_reads_neither_what_comes_before_nor_another_job(
    stores: Stores, action: str | None
) -> None:
    lease = await ledger_of(stores)
    await stores.commit(await stores.leased(), people(*map(str, range(50))))
    (*_, last), total = await stores.pages.contacts(lease.job, action, 100, 0)
    (second, *_), _ = await stores.pages.contacts(lease.job, action, 100, total - 2)
    for row, left in ((last, 0), (second, 1)):
        reading = stores.pages.contacts(lease.job, action, 20, 0, row["provider_contact_id"])
        *_, named, page = await watched(stores.database, LEDGER, reading)
        assert (await used(stores.database, named), await used(stores.database, page)) == ({"once"}, {"outcome"})
        # The one that is named is skipped, and the index is read no further than the job's own entries.
        assert (page["nreturned"], page["keysExamined"]) == (left, 1 + left)


@pytest.mark.gen_test
async def test_a_page_behind_a_job_reads_neither_what_comes_before_nor_another_person(stores: Stores) -> None:
    for user in (USER, STRANGER) * 5:
        await stores.waiting(user)
    jobs, _ = await stores.pages.jobs({"user_id": USER}, 20, 0)
    reading = stores.pages.jobs({"user_id": USER}, 20, 0, jobs[3].id)
    _, page, _ = await watched(stores.database, JOBS, reading)
    assert (await used(stores.database, page), page["nreturned"], page["keysExamined"]) == ({"history"}, 1, 2)


@pytest.mark.gen_test
async def test_looking_for_duplicates_reads_only_those(stores: Stores) -> None:
    await ledger_of(stores)
    lease = await stores.leased()
    page = people("ada-1", "new", "bob-3")
    lookup, _ = await watched(stores.database, CONTACTS, stores.insert(lease, lease.job.page, page))
    assert (await used(stores.database, lookup), lookup["docsExamined"]) == ({CONTACT_KEY}, 2)


@pytest.mark.gen_test
async def test_recording_who_was_left_without_an_email_uses_their_own_index(stores: Stores) -> None:
    lease = await ledger_of(stores)
    options = Options(without_email=WithoutEmail.IMPORT, duplicates=Duplicates.FILL)
    job = msgspec.structs.replace(lease.job, options=options)
    searches = await watched(stores.database, CONTACTS, stores.contacts.record_unrecorded(job))
    assert [await used(stores.database, search) for search in searches] == [{CONTACT_KEY}, {CONTACT_OTHER_KEY}] * 2


@pytest.mark.gen_test
async def test_recording_what_was_left_scans_no_other_persons_contacts(stores: Stores) -> None:
    lease = await ledger_of(stores)
    await stores.commit(await stores.leased(STRANGER), people(*map(str, range(50))))
    (search,) = await watched(stores.database, CONTACTS, stores.contacts.record_unrecorded(lease.job))
    assert await used(stores.database, search) == {CONTACT_KEY}
    assert search["docsExamined"] == 8
