"""The ledger: one row for each contact that a provider sent, what became of it, and the counters that add up."""

import json
from typing import Final

import pytest
from bson import ObjectId
from msgspec.structs import replace

from everreach.contacts.page import Entry
from everreach.errors import DatabaseAwayError, DatabaseError
from everreach.jobs.job import Lease, Tally
from storage import pages as pages_module
from storage.indexes import LEDGER
from tests.storage.builders import STRANGER, USER, Stores, contact, entry, people, unreadable

CONTRACT: Final = {
    *("import_job_id", "user_id", "contact_id", "provider_contact_id", "provider_etag", "action", "skip_reason"),
    *("error_message", "raw_data", "created_at"),
}
SHOWN: Final = {
    *("provider_contact_id", "action", "skip_reason", "error_message", "contact_id", "display_name", "created_at"),
}
RAW_LIMIT: Final = 65536


@pytest.mark.gen_test
async def test_a_row_has_every_field_of_the_contract(stores: Stores) -> None:
    lease = await stores.leased()
    page = [*people("ada"), entry("twin", "ada@example.org"), entry("mute"), unreadable("odd", "It is no contact.")]
    before = await stores.now()
    await stores.page(lease, page)
    created, twin, mute, odd = rows = await stores.rows()
    for row, sent in zip(rows, page, strict=True):
        assert row.keys() >= CONTRACT
        assert (row["user_id"], row["import_job_id"]) == (USER, lease.job.id)
        assert (row["provider_contact_id"], row["provider_etag"]) == (sent.id, sent.etag)
        assert before <= row["created_at"] <= await stores.now()
    (document,) = await stores.people()
    told = ("action", "skip_reason", "error_message", "contact_id", "display_name")
    assert [created[name] for name in told] == ["created", None, None, document["_id"], "ada"]
    assert [twin[name] for name in told] == ["skipped", "duplicate", None, document["_id"], "Ada"]
    assert [mute[name] for name in told] == ["skipped", "no_email", None, None, "Ada"]
    assert [odd[name] for name in told] == ["failed", None, "It is no contact.", None, None]


@pytest.mark.gen_test
async def test_a_failure_always_has_a_reason(stores: Stores) -> None:
    await stores.page(await stores.leased(), [unreadable("odd", None)])
    (row,) = await stores.rows()
    assert row["error_message"] == "The contact could not be stored."


@pytest.mark.gen_test
async def test_what_was_received_is_kept_only_where_no_contact_keeps_it(stores: Stores) -> None:
    lease = await stores.leased()
    page = [*people("ada"), entry("twin", "ada@example.org"), entry("mute"), unreadable("odd")]
    await stores.page(lease, page)
    kept = {row["provider_contact_id"]: row["raw_data"] for row in await stores.rows()}
    assert kept["ada"] is None
    assert {name: json.loads(kept[name]) for name in ("twin", "mute", "odd")} == {
        name: {"id": name} for name in ("twin", "mute", "odd")
    }


@pytest.mark.parametrize(("characters", "kept"), [(RAW_LIMIT - 2, True), (RAW_LIMIT - 1, False), (10**6, False)])
@pytest.mark.gen_test
async def test_what_was_received_is_left_out_where_it_is_too_long(stores: Stores, characters: int, kept: bool) -> None:
    lease = await stores.leased()
    # Two quotation marks make it JSON.
    page = [Entry("long", None, contact(None), "x" * characters), Entry("odd", None, None, "x" * characters, "Odd.")]
    assert await stores.page(lease, page) == Tally(skipped=1, failed=1)
    assert [bool(row["raw_data"]) for row in await stores.rows()] == [kept, kept]


@pytest.mark.parametrize("text", ["$status", "$$NOW", "a.b", ""])
@pytest.mark.gen_test
async def test_a_providers_text_is_recorded_as_it_is(stores: Stores, text: str) -> None:
    sent = Entry(text, text, contact(None, text), {text: text})
    await stores.page(await stores.leased(), [sent])
    (row,) = await stores.rows()
    assert (row["provider_contact_id"], row["provider_etag"], row["display_name"]) == (text, text, text)
    assert json.loads(row["raw_data"]) == {text: text}


async def three_pages(stores: Stores, user: str = USER) -> Lease:
    """A job of three pages, each with one contact of every fate."""
    lease = await stores.leased(user)
    for number in range(3):
        page = [unreadable(f"odd-{number}"), entry(f"mute-{number}"), *people(f"ada-{number}")]
        await stores.commit(lease, page)
    return lease


@pytest.mark.gen_test
async def test_the_counters_follow_from_the_rows(stores: Stores) -> None:
    lease = await three_pages(stores)
    await three_pages(stores, STRANGER)
    await stores.commit(lease, [entry("twin", "ada-0@example.org")])
    counts = {"processed_contacts": 10, "imported_contacts": 3, "skipped_contacts": 4, "failed_contacts": 3}
    counts |= {"updated_contacts": 0, "deleted_contacts": 0}
    assert await stores.ledger.count(lease.job) == counts
    assert replace(lease.job, **counts) == lease.job


@pytest.mark.gen_test
async def test_a_job_without_rows_counts_nothing(stores: Stores) -> None:
    lease = await stores.leased()
    assert set((await stores.ledger.count(lease.job)).values()) == {0}
    assert await stores.pages.contacts(lease.job, None, 20, 0) == ([], 0)


@pytest.mark.gen_test
async def test_rows_are_shown_by_action_and_in_order_of_arrival(stores: Stores) -> None:
    lease = await three_pages(stores)
    rows, total = await stores.pages.contacts(lease.job, None, 20, 0)
    names = [f"{name}-{number}" for name in ("ada", "odd", "mute") for number in range(3)]
    assert ([row["provider_contact_id"] for row in rows], total) == (names, 9)
    assert [row["action"] for row in rows] == ["created"] * 3 + ["failed"] * 3 + ["skipped"] * 3


@pytest.mark.gen_test
async def test_within_a_page_the_providers_own_order_is_kept(stores: Stores) -> None:
    lease = await stores.leased()
    names = [f"person-{number}" for number in (5, 3, 9, 1, 7, 2)]
    await stores.commit(lease, people(*names))
    rows, _ = await stores.pages.contacts(lease.job, "created", 20, 0)
    assert [row["provider_contact_id"] for row in rows] == names


@pytest.mark.gen_test
async def test_a_row_shows_what_the_contract_names_and_nothing_else(stores: Stores) -> None:
    lease = await three_pages(stores)
    rows, _ = await stores.pages.contacts(lease.job, None, 20, 0)
    assert all(row.keys() == SHOWN for row in rows)
    assert isinstance(rows[0]["contact_id"], ObjectId)


@pytest.mark.parametrize(("action", "name"), [("created", "ada"), ("failed", "odd"), ("skipped", "mute")])
@pytest.mark.gen_test
async def test_rows_can_be_filtered_by_action(stores: Stores, action: str, name: str) -> None:
    lease = await three_pages(stores)
    rows, total = await stores.pages.contacts(lease.job, action, 2, 0)
    assert ([row["provider_contact_id"] for row in rows], total) == ([f"{name}-0", f"{name}-1"], 3)
    assert await stores.pages.contacts(lease.job, "updated", 2, 0) == ([], 0)


@pytest.mark.gen_test
async def test_rows_come_in_pages_that_neither_overlap_nor_leave_out(stores: Stores) -> None:
    lease = await three_pages(stores)
    whole, _ = await stores.pages.contacts(lease.job, None, 100, 0)
    pages = [await stores.pages.contacts(lease.job, None, 2, offset) for offset in range(0, 12, 2)]
    assert [row for rows, _ in pages for row in rows] == whole
    assert [len(rows) for rows, _ in pages] == [2, 2, 2, 2, 1, 0]
    assert {total for _, total in pages} == {9}
    assert await stores.pages.contacts(lease.job, None, 100, 999_999_999_999_999) == ([], 9)


@pytest.mark.gen_test
async def test_nobody_sees_another_persons_rows(stores: Stores) -> None:
    lease = await three_pages(stores)
    await stores.database[LEDGER].update_many({}, {"$set": {"user_id": STRANGER}})
    assert await stores.pages.contacts(lease.job, None, 20, 0) == ([], 0)
    assert (await stores.ledger.count(lease.job))["processed_contacts"] == 0


@pytest.mark.gen_test
async def test_the_rows_of_another_page_are_not_counted_again_while_recovering(stores: Stores) -> None:
    lease = await three_pages(stores)
    again = [unreadable("odd-0"), entry("mute-1"), *people("ada-2", "new")]
    assert await stores.page(lease, again, recovering=True) == Tally(imported=1)
    assert await stores.page(lease, again, recovering=True) == Tally(imported=1)


@pytest.mark.gen_test
async def test_rows_that_take_too_long_end_in_the_database_too(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = await three_pages(stores)
    monkeypatch.setattr(pages_module, "PATIENCE_MS", 300)
    monkeypatch.setattr(pages_module, "_of", lambda job: {"user_id": job.user_id, "$where": "sleep(20000) || true"})
    with pytest.raises(DatabaseAwayError):
        await stores.pages.contacts(lease.job, None, 20, 0)
    under_way = {"$match": {"ns": f"{stores.database.name}.{LEDGER}", "active": True}}
    assert not await stores.database.client.admin.aggregate([{"$currentOp": {}}, under_way]).to_list(None)


@pytest.mark.gen_test
async def test_a_row_that_the_database_refuses_is_kept_without_what_the_provider_said(stores: Stores) -> None:
    await stores.database.command("collMod", LEDGER, validator={"display_name": {"$ne": "bob"}})
    lease = await stores.leased()
    assert await stores.page(lease, people("ada", "bob")) == Tally(imported=2)
    assert await stores.actions(lease.job) == {"ada": "created", "bob": "created"}
    assert {row["display_name"] for row in await stores.rows()} == {"ada", None}


@pytest.mark.gen_test
async def test_a_row_that_cannot_be_is_not_taken_for_one_that_was_there(stores: Stores) -> None:
    await stores.database[LEDGER].create_index("provider_contact_id", unique=True)
    await stores.page(await stores.leased(), people("ada"))
    with pytest.raises(DatabaseError, match="takes no row"):
        await stores.page(await stores.leased(), people("ada", "bob"))


@pytest.mark.gen_test
async def test_a_row_that_was_there_is_not_counted_again_beside_one_that_was_refused(stores: Stores) -> None:
    await stores.database.command("collMod", LEDGER, validator={"display_name": {"$ne": "bob"}})
    lease = await stores.leased()
    await stores.commit(lease, people("ada"))
    assert await stores.commit(lease, people("ada", "bob", "cleo")) == Tally(imported=2)
