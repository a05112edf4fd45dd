"""What the person's contacts lack is filled in: once, whoever dies meanwhile, and never over what somebody wrote."""

from typing import Any

import msgspec
import pytest
from bson import ObjectId

from everreach.contacts.page import Entry
from everreach.jobs.job import Lease, Tally
from everreach.jobs.options import Duplicates, Options
from storage.contacts import filling
from storage.indexes import CONTACTS, JOBS
from storage.mongo import Document
from tests.storage.builders import USER, Stores, contact

FILL = Options(duplicates=Duplicates.FILL)


def came(id_: str, email: str = "ada@example.org", **more: Any) -> Entry:
    made: Any = {**contact(email), **more}
    return Entry(id=id_, etag=None, contact=made, raw={"id": id_})


async def filling_lease(stores: Stores) -> Lease:
    lease = await stores.leased()
    stored = {"options": msgspec.to_builtins(FILL)}
    await stores.database[JOBS].update_one({"_id": lease.job.id}, {"$set": stored})
    await stores.leases.begin(lease)
    return lease


async def written(stores: Stores, **fields: Any) -> Document:
    """A contact that the app wrote."""
    document = {"_id": ObjectId(), "user_id": USER, "email": "ada@example.org", **fields}
    await stores.database[CONTACTS].insert_one(document)
    return document


async def the_contact(stores: Stores) -> Document:
    (there,) = await stores.people()
    return there


@pytest.mark.gen_test
async def test_what_is_missing_is_added_and_the_row_says_what(stores: Stores) -> None:
    there = await written(stores, display_name="Countess", urls=["a"])
    lease = await filling_lease(stores)
    assert await stores.page(lease, [came("1", urls=["a", "b"], notes="Maths")]) == Tally(imported=1, updated=1)
    now = await the_contact(stores)
    assert (now["display_name"], now["urls"], now["notes"]) == ("Countess", ["a", "b"], "Maths")
    (row,) = await stores.rows()
    assert (row["action"], row["contact_id"], row["skip_reason"]) == ("updated", there["_id"], None)
    assert row["before"] == {"urls": ["a"]}
    assert row["after"] == {"notes": "Maths", "urls": ["a", "b"]}


@pytest.mark.gen_test
async def test_whoever_lacks_nothing_is_a_duplicate(stores: Stores) -> None:
    there = await written(stores, display_name="Countess", urls=["a"])
    assert await stores.page(await filling_lease(stores), [came("1", urls=["a"])]) == Tally(skipped=1)
    assert await the_contact(stores) == there


@pytest.mark.gen_test
async def test_twins_of_one_book_fill_one_after_the_other(stores: Stores) -> None:
    lease = await filling_lease(stores)
    page = [came("1", urls=["a"]), came("2", urls=["b"]), came("3", urls=["c"]), came("4", urls=["b"])]
    assert await stores.page(lease, page) == Tally(imported=3, skipped=1, updated=2)
    assert (await the_contact(stores))["urls"] == ["a", "b", "c"]
    assert [row["action"] for row in await stores.rows()] == ["created", "updated", "updated", "skipped"]


@pytest.mark.gen_test
async def test_a_page_that_is_written_again_tells_the_same(stores: Stores) -> None:
    await written(stores, display_name="Countess")
    lease = await filling_lease(stores)
    page = [came("1", urls=["a"]), came("2", urls=["b"])]
    for _ in range(2):
        prepared = await stores.contacts.prepare(lease.job, 0, page)
        rows = await stores.contacts.insert(lease, prepared)
        assert [(row.action, row.before) for row in rows] == [("updated", {}), ("updated", {"urls": ["a"]})]
    assert (await the_contact(stores))["urls"] == ["a", "b"]


@pytest.mark.gen_test
async def test_who_filled_and_died_has_it_recorded(stores: Stores) -> None:
    there = await written(stores, display_name="Countess")
    lease = await filling_lease(stores)
    prepared = await stores.contacts.prepare(lease.job, 0, [came("1", urls=["a"]), came("2", email="b@example.org")])
    await stores.contacts.insert(lease, prepared)
    await stores.contacts.record_unrecorded(lease.job)
    rows = {row["provider_contact_id"]: row for row in await stores.rows()}
    assert (rows["1"]["action"], rows["1"]["contact_id"]) == ("updated", there["_id"])
    assert rows["1"]["after"] == {"urls": ["a"]}
    assert rows["2"]["action"] == "created"


@pytest.mark.gen_test
async def test_what_somebody_writes_meanwhile_stays(stores: Stores) -> None:
    there = await written(stores, display_name="Countess", urls=["a"])
    lease = await filling_lease(stores)
    prepared = await stores.contacts.prepare(lease.job, 0, [came("1", urls=["b"])])
    pairs = [(prepared[0], there)]
    # The person edits the contact between our look and our write.
    await stores.database[CONTACTS].update_one({"_id": there["_id"]}, {"$set": {"urls": ["mine"]}})
    await filling.Filling(stores.database[CONTACTS]).fill(lease, pairs)
    assert (await the_contact(stores))["urls"] == ["mine", "b"]
    assert (prepared[0].row.action, prepared[0].row.before) == ("updated", {"urls": ["mine"]})


@pytest.mark.gen_test
async def test_a_contact_that_is_edited_all_the_time_fails_alone(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await written(stores, urls=["a"])
    lease = await filling_lease(stores)
    prepared = await stores.contacts.prepare(lease.job, 0, [came("1", urls=["b"])])
    stale = filling.Filling(stores.database[CONTACTS])

    async def as_it_was(_job: Any, pairs: Any) -> Any:
        return pairs

    monkeypatch.setattr(stale, "_present", as_it_was)
    await stores.database[CONTACTS].update_one({"_id": there["_id"]}, {"$set": {"urls": ["mine"]}})
    await stale.fill(lease, [(prepared[0], there)])
    assert (await the_contact(stores))["urls"] == ["mine"]
    assert prepared[0].row.action == "failed"
    assert "being edited" in str(prepared[0].row.error_message)


@pytest.mark.gen_test
async def test_who_was_deleted_meanwhile_does_not_come_back(stores: Stores) -> None:
    there = await written(stores, urls=["a"])
    lease = await filling_lease(stores)
    prepared = await stores.contacts.prepare(lease.job, 0, [came("1", urls=["b"])])
    await stores.database[CONTACTS].delete_one({"_id": there["_id"]})
    await filling.Filling(stores.database[CONTACTS]).fill(lease, [(prepared[0], there)])
    assert await stores.people() == []
    assert prepared[0].row.action == "skipped"
