"""A page of contacts: each arrives once, whoever else holds it already, and one that cannot be stored fails alone."""

import asyncio
import time
from typing import Any, Final

import pytest
from bson import ObjectId

from everreach.contacts.contact import Contact
from everreach.contacts.page import Entry
from everreach.errors import LeaseLostError
from everreach.jobs.job import COUNTERS, Tally
from storage.indexes import CONTACTS
from tests.storage.builders import STRANGER, USER, Stores, contact, entry, people, unreadable

CONTRACT: Final = {
    *("user_id", "display_name", "email", "phone", "emails", "phones", "addresses", "organizations", "source"),
    *("imported_at", "import_job_id", "provider_contact_id"),
}
SURROGATE: Final = "\ud800"


@pytest.mark.parametrize("provider", ["google", "microsoft"])
@pytest.mark.gen_test
async def test_a_contact_is_stored_as_the_contract_has_it(stores: Stores, provider: str) -> None:
    lease = await stores.leased(provider=provider)
    sent = Contact(
        display_name="Ada Lovelace",
        email="ada@example.org",
        phone="+44 1",
        emails=[{"value": "Ada@Example.org", "type": "home", "primary": True}],
        phones=[{"value": "+44 1", "type": None, "primary": False}],
        addresses=[{"type": "home", "city": "London"}],
        organizations=[{"type": "work", "name": "Analytical Engines"}],
    )
    before = await stores.now()
    assert await stores.page(lease, [Entry("people/1", "etag", sent, {})]) == Tally(imported=1)
    (document,) = await stores.people()
    assert document.keys() == CONTRACT | {"_id", "import_page"}
    assert {**document, **sent} == document
    assert (document["user_id"], document["import_job_id"]) == (USER, lease.job.id)
    assert (document["source"], document["provider_contact_id"]) == (f"{provider}_import", "people/1")
    assert before <= document["imported_at"] <= await stores.now()


@pytest.mark.gen_test
async def test_every_contact_of_a_page_is_told_what_became_of_it(stores: Stores) -> None:
    lease = await stores.leased()
    page = [*people("ada", "bob"), entry("twin", "ada@example.org"), entry("mute"), unreadable("odd")]
    assert await stores.page(lease, page) == Tally(imported=2, skipped=2, failed=1)
    assert await stores.actions(lease.job) == {
        "ada": "created",
        "bob": "created",
        "twin": "duplicate",
        "mute": "no_email",
        "odd": "failed",
    }
    assert await stores.names() == ["ada", "bob"]


@pytest.mark.gen_test
async def test_one_whose_emails_are_no_addresses_is_told_from_one_without_and_its_row_keeps_them(
    stores: Stores,
) -> None:
    lease = await stores.leased()
    refused = Entry("refused", None, contact(None), {"email": "n/a"}, unaddressed="unusable_email")
    assert await stores.page(lease, [entry("mute"), refused]) == Tally(skipped=2)
    rows = {row["provider_contact_id"]: (row["skip_reason"], row["raw_data"]) for row in await stores.rows()}
    assert rows == {"mute": ("no_email", '{"id":"mute"}'), "refused": ("unusable_email", '{"email":"n/a"}')}


@pytest.mark.gen_test
async def test_a_phone_keeps_what_was_typed_beside_the_certain_number(stores: Stores) -> None:
    ada = contact("ada@example.org")
    ada["phones"] = [{"value": "020 7946 0958", "type": None, "primary": True, "e164": "+442079460958"}]
    await stores.page(await stores.leased(), [Entry("1", None, ada, {})])
    (document,) = await stores.people()
    assert document["phones"] == ada["phones"]


@pytest.mark.gen_test
async def test_an_empty_page_is_a_page(stores: Stores) -> None:
    assert await stores.page(await stores.leased(), []) == Tally()


@pytest.mark.gen_test
async def test_of_two_contacts_with_one_email_the_first_arrives(stores: Stores) -> None:
    lease = await stores.leased()
    assert await stores.page(lease, [entry("1", "ada@example.org"), entry("2", "ada@example.org")]) == Tally(1, 1)
    (document,) = await stores.people()
    rows = await stores.rows()
    assert [row["contact_id"] for row in rows] == [document["_id"]] * 2
    assert [row["action"] for row in rows] == ["created", "skipped"]


@pytest.mark.gen_test
async def test_a_duplicate_is_a_duplicate_on_a_later_page_and_in_a_later_job(stores: Stores) -> None:
    first = await stores.leased()
    await stores.commit(first, people("ada"))
    assert await stores.commit(first, [entry("other", "ada@example.org")]) == Tally(skipped=1)
    second = await stores.leased()
    assert await stores.commit(second, people("ada", "bob")) == Tally(imported=1, skipped=1)
    ada, bob = await stores.people()
    assert (ada["import_job_id"], bob["import_job_id"]) == (first.job.id, second.job.id)
    rows = await stores.rows(import_job_id=second.job.id)
    assert [(row["contact_id"], row["skip_reason"]) for row in rows] == [(ada["_id"], "duplicate"), (bob["_id"], None)]


@pytest.mark.gen_test
async def test_the_other_provider_brings_no_second_copy(stores: Stores) -> None:
    await stores.commit(await stores.leased(provider="google"), people("ada"))
    assert await stores.page(await stores.leased(provider="microsoft"), people("ada")) == Tally(skipped=1)
    assert [document["source"] for document in await stores.people()] == ["google_import"]


@pytest.mark.gen_test
async def test_another_persons_same_contact_is_another_contact(stores: Stores) -> None:
    for user in (USER, STRANGER):
        assert await stores.page(await stores.leased(user), people("ada")) == Tally(imported=1)
    assert [document["user_id"] for document in await stores.people()] == [USER, STRANGER]


@pytest.mark.gen_test
async def test_a_contact_that_the_app_wrote_is_kept_and_pointed_to(stores: Stores) -> None:
    written = {"_id": ObjectId(), "user_id": USER, "email": "ada@example.org", "note": "met in London"}
    await stores.database[CONTACTS].insert_one(written)
    assert await stores.page(await stores.leased(), people("ada")) == Tally(skipped=1)
    assert await stores.people() == [written]
    (row,) = await stores.rows()
    assert (row["contact_id"], row["skip_reason"]) == (written["_id"], "duplicate")


@pytest.mark.gen_test
async def test_what_has_no_email_is_in_nobodys_way(stores: Stores) -> None:
    documents: list[dict[str, Any]] = [{"user_id": USER}, {"user_id": USER, "email": None}, {"user_id": USER}]
    await stores.database[CONTACTS].insert_many(documents)
    lease = await stores.leased()
    assert await stores.page(lease, [entry("1"), entry("2"), *people("ada")]) == Tally(imported=1, skipped=2)
    assert len(await stores.people()) == 4


@pytest.mark.gen_test
async def test_a_contact_sent_twice_in_one_page_counts_once(stores: Stores) -> None:
    lease = await stores.leased()
    page = [*people("ada"), entry("mute"), unreadable("odd")]
    assert await stores.page(lease, [*page, *page]) == Tally(imported=1, skipped=1, failed=1)
    assert len(await stores.rows()) == 3


@pytest.mark.gen_test
async def test_a_page_that_comes_again_later_counts_nothing(stores: Stores) -> None:
    lease = await stores.leased()
    page = [*people("ada"), entry("twin", "ada@example.org"), entry("mute"), unreadable("odd")]
    assert await stores.commit(lease, page) == Tally(imported=1, skipped=2, failed=1)
    # The listing begins again and has moved by one.
    assert await stores.commit(lease, [*page, *people("bob")]) == Tally(imported=1)
    assert await stores.names() == ["ada", "bob"]
    assert len(await stores.rows()) == 5
    assert await stores.ledger.count(lease.job) == {
        name: getattr(lease.job, name) for name in COUNTERS if name != "total_contacts"
    }


@pytest.mark.gen_test
async def test_two_jobs_of_one_person_at_one_moment_bring_one_copy(stores: Stores) -> None:
    page = people(*(f"person-{number}" for number in range(300)))
    leases = [await stores.leased(provider=provider) for provider in ("google", "microsoft")]
    tallies = await asyncio.gather(*(stores.page(lease, page) for lease in leases))
    assert sum(tally.imported for tally in tallies) == 300
    assert [tally.processed for tally in tallies] == [300, 300]
    documents = await stores.people()
    assert len({document["email"] for document in documents}) == len(documents) == 300
    # Wherever a row says so, the contact is that job's, and every other row points to the copy that is there.
    creators = {document["_id"]: document["import_job_id"] for document in documents}
    for row in await stores.rows():
        assert (creators[row["contact_id"]] == row["import_job_id"]) == (row["action"] == "created")


def unstorable(id_: str, **fields: Any) -> Entry:
    """A contact with something in it that BSON cannot hold."""
    broken: Any = {**contact(f"{id_}@example.org"), **fields}
    return Entry(id_, None, broken, {"id": id_})


@pytest.mark.parametrize("phone", [SURROGATE, f"+44 {SURROGATE}", 2**63, object(), {1: "a key"}, {"\0": "a key"}])
@pytest.mark.gen_test
async def test_a_contact_that_cannot_be_stored_fails_alone_and_says_so(stores: Stores, phone: object) -> None:
    lease = await stores.leased()
    page = [*people("ada"), unstorable("odd", phone=phone), *people("bob")]
    assert await stores.page(lease, page) == Tally(imported=2, failed=1)
    assert await stores.names() == ["ada", "bob"]
    (row,) = await stores.rows(action="failed")
    assert (row["provider_contact_id"], row["error_message"]) == ("odd", "The contact could not be stored.")
    assert (row["contact_id"], row["skip_reason"]) == (None, None)


@pytest.mark.gen_test
async def test_a_contact_that_the_database_refuses_fails_alone(stores: Stores) -> None:
    await stores.database.command("collMod", CONTACTS, validator={"display_name": {"$ne": "Bob"}})
    lease = await stores.leased()
    page = [*people("ada"), entry("bob", "bob@example.org", "Bob"), entry("twin", "ada@example.org")]
    assert await stores.page(lease, page) == Tally(imported=1, skipped=1, failed=1)
    assert await stores.actions(lease.job) == {"ada": "created", "bob": "failed", "twin": "duplicate"}


@pytest.mark.parametrize("seconds_left", [-1.0, 0.25])
@pytest.mark.gen_test
async def test_a_worker_whose_lease_ended_writes_no_contact(stores: Stores, seconds_left: float) -> None:
    lease = await stores.leased()
    lease.valid_until = time.monotonic() + seconds_left
    with pytest.raises(LeaseLostError):
        await stores.insert(lease, lease.job.page, people("ada"))
    assert (await stores.people(), await stores.rows()) == ([], [])


@pytest.mark.gen_test
async def test_a_worker_whose_lease_ended_after_the_contacts_writes_no_row(stores: Stores) -> None:
    lease = await stores.leased()
    rows = await stores.insert(lease, lease.job.page, people("ada"))
    lease.valid_until = time.monotonic()
    with pytest.raises(LeaseLostError):
        await stores.ledger.record(lease, rows, recovering=False)
    assert await stores.rows() == []


@pytest.mark.gen_test
async def test_a_twin_takes_the_place_of_a_contact_that_could_not_be_stored(stores: Stores) -> None:
    await stores.database.command({"collMod": CONTACTS, "validator": {"provider_contact_id": {"$ne": "bad"}}})
    page = [entry("bad", "ada@example.org"), entry("good", "ada@example.org"), entry("third", "ada@example.org")]
    lease = await stores.leased()
    assert await stores.page(lease, page) == Tally(imported=1, skipped=1, failed=1)
    assert await stores.actions(lease.job) == {"bad": "failed", "good": "created", "third": "duplicate"}
    (document,) = await stores.people()
    rows = {row["provider_contact_id"]: row["contact_id"] for row in await stores.rows()}
    assert rows == {"bad": None, "good": document["_id"], "third": document["_id"]}


@pytest.mark.gen_test
async def test_a_contact_that_arrives_between_the_look_and_the_write_is_a_duplicate(stores: Stores) -> None:
    lease = await stores.leased()
    looked, written = stores.contacts._existing, {"_id": ObjectId(), "user_id": USER, "email": "ada@example.org"}

    async def overtaken(*arguments: Any) -> Any:
        existing = await looked(*arguments)
        if not await stores.people():
            await stores.database[CONTACTS].insert_one(written)
        return existing

    stores.contacts._existing = overtaken  # type: ignore[assignment,method-assign]
    assert await stores.page(lease, people("ada", "bob")) == Tally(imported=1, skipped=1)
    rows = {row["provider_contact_id"]: (row["contact_id"], row["skip_reason"]) for row in await stores.rows()}
    assert rows["ada"] == (written["_id"], "duplicate")


async def further_index(stores: Stores) -> None:
    """The app has an index of its own that no look-up of ours knows of."""
    await stores.database[CONTACTS].create_index([("user_id", 1), ("display_name", 1)], unique=True)


@pytest.mark.gen_test
async def test_a_contact_that_another_unique_index_refuses_fails_alone_and_at_once(stores: Stores) -> None:
    await further_index(stores)
    lease = await stores.leased()
    page = [*people("ada"), entry("namesake", "other@example.org", "ada"), *people("bob")]
    async with asyncio.timeout(5):
        assert await stores.page(lease, page) == Tally(imported=2, failed=1)
    assert await stores.actions(lease.job) == {"ada": "created", "namesake": "failed", "bob": "created"}
    (row,) = await stores.rows(action="failed")
    assert (row["contact_id"], row["error_message"]) == (None, "The contact could not be stored.")


@pytest.mark.gen_test
async def test_a_twin_takes_the_place_of_a_contact_that_another_index_refused(stores: Stores) -> None:
    await further_index(stores)
    lease = await stores.leased()
    page = [*people("ada"), entry("bad", "b@example.org", "ada"), entry("good", "b@example.org", "Bob")]
    async with asyncio.timeout(5):
        assert await stores.page(lease, page) == Tally(imported=2, failed=1)
    assert await stores.actions(lease.job) == {"ada": "created", "bad": "failed", "good": "created"}


@pytest.mark.gen_test
async def test_a_contact_of_the_apps_own_with_several_emails_is_known_by_each(stores: Stores) -> None:
    written = {"_id": ObjectId(), "user_id": USER, "email": ["ada@example.org", 7, "a.king@example.org"]}
    await stores.database[CONTACTS].insert_one(written)
    lease = await stores.leased()
    page = [*people("ada", "bob"), entry("king", "a.king@example.org")]
    assert await stores.page(lease, page) == Tally(imported=1, skipped=2)
    assert await stores.actions(lease.job) == {"ada": "duplicate", "bob": "created", "king": "duplicate"}
