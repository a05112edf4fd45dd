"""A page written again, after whatever moment its first worker was killed at: the same contacts, counted the same."""

import random
from typing import Final

import pytest
from msgspec.structs import replace

from everreach.contacts.page import Entry
from everreach.errors import DatabaseAwayError
from everreach.jobs.job import Lease, Tally
from storage.indexes import CONTACTS, LEDGER
from tests.storage.builders import LONG_AGO, USER, Stores, entry, failing, people, unreadable

PAGE: Final = [
    *people("ada", "bob", "cleo"),
    entry("twin", "ada@example.org"),
    entry("known", "known@example.org"),
    entry("mute"),
    unreadable("odd"),
]
UNDISTURBED: Final = Tally(imported=3, skipped=3, failed=1)
ACTIONS: Final = {
    **dict.fromkeys(("ada", "bob", "cleo"), "created"),
    **dict.fromkeys(("twin", "known"), "duplicate"),
    "mute": "no_email",
    "odd": "failed",
}


async def first_worker(stores: Stores) -> Lease:
    """A worker on its second page, of a person who already has one of the contacts."""
    await stores.database[CONTACTS].insert_one({"user_id": USER, "email": "known@example.org"})
    lease = await stores.leased()
    await stores.commit(lease, people("zoe"))
    return lease


async def check(stores: Stores, lease: Lease, tally: Tally) -> None:
    """What one undisturbed run gives, and nothing else."""
    assert tally == UNDISTURBED
    assert await stores.actions(lease.job) == {"zoe": "created", **ACTIONS}
    assert await stores.names(import_job_id=lease.job.id) == ["ada", "bob", "cleo", "zoe"]
    assert len(await stores.people()) == 5
    contacts = {document["email"]: document["_id"] for document in await stores.people()}
    for row in await stores.rows(page=1):
        name = {"twin": "ada"}.get(row["provider_contact_id"], row["provider_contact_id"])
        assert row["contact_id"] == contacts.get(f"{name}@example.org")
    await stores.other_node.finish(lease, tally)
    counts = await stores.ledger.count(lease.job)
    assert replace(lease.job, **counts) == lease.job


@pytest.mark.gen_test
async def test_an_undisturbed_page(stores: Stores) -> None:
    lease = await stores.taken_over(await first_worker(stores))
    await check(stores, lease, await stores.page(lease, PAGE))


@pytest.mark.gen_test
async def test_killed_before_the_first_write(stores: Stores) -> None:
    lease = await stores.taken_over(await first_worker(stores))
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.gen_test
async def test_killed_between_the_contacts_and_their_rows(stores: Stores) -> None:
    lease = await first_worker(stores)
    await stores.insert(lease, lease.job.page, PAGE)
    lease = await stores.taken_over(lease)
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.gen_test
async def test_killed_between_the_rows_and_the_commit(stores: Stores) -> None:
    lease = await first_worker(stores)
    await stores.page(lease, PAGE)
    lease = await stores.taken_over(lease)
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.gen_test
async def test_killed_again_and_again(stores: Stores) -> None:
    lease = await first_worker(stores)
    for _ in range(3):
        await stores.page(lease, PAGE, recovering=True)
        lease = await stores.taken_over(lease)
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.gen_test
async def test_killed_in_the_middle_of_a_bulk_write(stores: Stores, seed: int) -> None:
    chance = random.Random(seed)
    lease = await first_worker(stores)
    await stores.page(lease, PAGE)
    written = [row["provider_contact_id"] for row in await stores.rows(page=1)]
    lost = chance.sample(written, chance.randint(1, len(written)))
    await stores.database[LEDGER].delete_many({"page": 1, "provider_contact_id": {"$in": lost}})
    if len(lost) == len(written):
        await stores.database[CONTACTS].delete_many({"provider_contact_id": {"$in": ["bob", "cleo"]}})
    lease = await stores.taken_over(lease)
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.gen_test
async def test_killed_while_the_next_page_was_already_on_its_way(stores: Stores) -> None:
    lease = await first_worker(stores)
    ahead = [*people("dora"), entry("twin of bob", "bob@example.org")]
    rows = await stores.insert(lease, lease.job.page, PAGE)
    await stores.insert(lease, lease.job.page + 1, ahead)
    await stores.ledger.record(lease, rows, recovering=False)
    lease = await stores.taken_over(lease)
    assert await stores.commit(lease, PAGE, recovering=True) == UNDISTURBED
    assert await stores.page(lease, ahead) == Tally(imported=1, skipped=1)
    assert await stores.actions(lease.job) == {
        "zoe": "created",
        **ACTIONS,
        "dora": "created",
        "twin of bob": "duplicate",
    }
    assert await stores.names(import_job_id=lease.job.id) == ["ada", "bob", "cleo", "dora", "zoe"]


@pytest.mark.parametrize("command", ["insert", "find"])
@pytest.mark.gen_test
async def test_cut_off_from_the_database_in_the_middle_of_a_page(stores: Stores, command: str) -> None:
    lease = await first_worker(stores)
    async with failing(stores.database, command, closeConnection=True):
        with pytest.raises(DatabaseAwayError):
            await stores.page(lease, PAGE)
    lease = await stores.taken_over(lease)
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.gen_test
async def test_written_but_not_yet_held_by_a_majority(stores: Stores) -> None:
    lease = await first_worker(stores)
    timeout = {"code": 64, "errmsg": "waiting for replication timed out at 10.0.0.1:27017"}
    async with failing(stores.database, "insert", writeConcernError=timeout):
        with pytest.raises(DatabaseAwayError):
            await stores.page(lease, PAGE)
    # Nobody knows whether it will be there later, so nothing may be counted from the answer; now it is there.
    assert await stores.names(import_job_id=lease.job.id) == ["ada", "bob", "cleo", "zoe"]
    lease = await stores.taken_over(lease)
    await check(stores, lease, await stores.page(lease, PAGE, recovering=True))


@pytest.mark.parametrize("rows_written", [False, True])
@pytest.mark.gen_test
async def test_a_page_that_has_changed_meanwhile_counts_what_stands(stores: Stores, rows_written: bool) -> None:
    lease = await stores.leased()
    before, after = people("ada", "bob", "cleo"), [*people("bob", "cleo", "dora"), entry("mute")]
    if rows_written:
        await stores.page(lease, before)
    lease = await stores.taken_over(lease)
    tally = await stores.page(lease, after, recovering=True)
    assert tally == (Tally(imported=4, skipped=1) if rows_written else Tally(imported=3, skipped=1))
    await stores.other_node.finish(lease, tally)
    assert lease.job.imported_contacts == len(await stores.people())
    assert lease.job.processed_contacts == len(await stores.rows())


async def abandoned(stores: Stores, page: list[Entry]) -> Lease:
    """A worker that was killed between the contacts and their rows, on its second page."""
    lease = await first_worker(stores)
    await stores.insert(lease, lease.job.page, page)
    return lease


@pytest.mark.gen_test
async def test_what_a_dead_worker_created_is_recorded_when_its_job_ends(stores: Stores) -> None:
    lease = await abandoned(stores, PAGE)
    await stores.jobs.cancel(lease.job.id, USER)
    await stores.contacts.record_unrecorded(lease.job)
    assert await stores.actions(lease.job) == dict.fromkeys(("zoe", "ada", "bob", "cleo"), "created")
    contacts = {document["_id"]: document for document in await stores.people(import_job_id=lease.job.id)}
    for row in await stores.rows():
        made = contacts[row["contact_id"]]
        assert row["display_name"] == made["display_name"]
        assert row["created_at"] >= made["imported_at"]
    assert (await stores.ledger.count(lease.job))["imported_contacts"] == len(contacts) == 4
    # Twice is once.
    await stores.contacts.record_unrecorded(lease.job)
    assert len(await stores.rows()) == 4


@pytest.mark.gen_test
async def test_recording_what_was_left_leaves_every_other_row_alone(stores: Stores) -> None:
    lease = await first_worker(stores)
    await stores.page(lease, PAGE)
    other = await stores.leased()
    await stores.insert(other, other.job.page, people("eve"))
    before = await stores.rows()
    await stores.contacts.record_unrecorded(lease.job)
    assert await stores.rows() == before


@pytest.mark.gen_test
async def test_recording_what_was_left_looks_no_further_back_than_the_last_commit(stores: Stores) -> None:
    lease = await abandoned(stores, people("ada"))
    await stores.database[LEDGER].delete_many({})
    await stores.database[CONTACTS].update_one({"provider_contact_id": "zoe"}, {"$set": {"imported_at": LONG_AGO}})
    await stores.contacts.record_unrecorded(lease.job)
    assert await stores.actions(lease.job) == {"ada": "created"}


@pytest.mark.gen_test
async def test_more_than_one_batch_was_left(stores: Stores) -> None:
    page = people(*(f"person-{number}" for number in range(1500)))
    lease = await abandoned(stores, page)
    await stores.contacts.record_unrecorded(lease.job)
    assert (await stores.ledger.count(lease.job))["imported_contacts"] == 1501
