"""Contacts without an e-mail are kept where that is asked for, each once, and found again by their own key."""

from typing import Any

import msgspec
import pytest

from everreach.contacts.page import Entry
from everreach.jobs.job import Lease, Tally
from everreach.jobs.options import Options, WithoutEmail
from providers.shape import entry
from storage.indexes import JOBS
from tests.storage.builders import Stores


def person(id_: str, name: str | None, *numbers: str, **more: Any) -> Entry:
    phones = [(number, None, None) for number in numbers]
    parts: dict[str, Any] = {"emails": (), "addresses": (), "organizations": (), **more}
    return entry(id_, None, {"id": id_}, ("", 0), names=[name], phones=phones, **parts)


def mailed(id_: str, email: str) -> Entry:
    return person(id_, "B", emails=[(email, None, None)])


async def keeping_lease(stores: Stores, **options: Any) -> Lease:
    lease = await stores.leased()
    asked = Options(without_email=WithoutEmail.IMPORT, **options)
    await stores.database[JOBS].update_one({"_id": lease.job.id}, {"$set": {"options": msgspec.to_builtins(asked)}})
    await stores.leases.begin(lease)
    return lease


@pytest.mark.gen_test
async def test_who_has_no_email_is_kept_under_another_key(stores: Stores) -> None:
    page = [person("1", "Ada King", "+44 20 7946 0150"), person("2", "Sunny Bakery")]
    assert await stores.page(await keeping_lease(stores), page) == Tally(imported=2)
    ada, bakery = await stores.people()
    assert ada["key"] == "p:+442079460150|ada king"
    assert bakery["key"].startswith("x:")
    assert "email" not in ada
    assert "email" not in bakery


@pytest.mark.gen_test
async def test_the_same_book_again_brings_nobody(stores: Stores) -> None:
    page = [
        person("1", "Ada King", "+44 20 7946 0150"),
        person("2", "Sunny Bakery"),
        person("3", None, "020 7946 0151"),
    ]
    await stores.page(await keeping_lease(stores), page)
    assert await stores.page(await keeping_lease(stores), page) == Tally(skipped=3)
    assert len(await stores.people()) == 3


@pytest.mark.gen_test
async def test_two_spellings_under_one_name_are_one_and_a_couple_are_two(stores: Stores) -> None:
    lease = await keeping_lease(stores, region="GB")
    page = [
        person("1", "Ada King", "+44 20 7946 0150"),
        person("2", "ADA  KING", "020 7946 0150"),
        person("3", "William King", "020 7946 0150"),
    ]
    assert await stores.page(lease, page) == Tally(imported=2, skipped=1)


@pytest.mark.gen_test
async def test_who_says_nothing_is_skipped_as_empty_and_an_unusable_email_is_no_reason(stores: Stores) -> None:
    unusable = person("2", "Ada", emails=[("ask her brother", None, None)])
    page = [person("1", None, notes="Call back"), unusable]
    assert await stores.page(await keeping_lease(stores), page) == Tally(imported=1, skipped=1)
    assert [row["skip_reason"] for row in await stores.rows()] == ["empty", None]


@pytest.mark.gen_test
async def test_without_being_asked_for_they_are_left_out(stores: Stores) -> None:
    page = [person("1", "Ada King", "+44 20 7946 0150")]
    assert await stores.page(await stores.leased(), page) == Tally(skipped=1)
    assert [row["skip_reason"] for row in await stores.rows()] == ["no_email"]


@pytest.mark.gen_test
async def test_who_died_after_the_insertion_has_them_recorded(stores: Stores) -> None:
    lease = await keeping_lease(stores)
    page = [person("1", "Ada King", "+44 20 7946 0150"), person("2", "Sunny Bakery")]
    await stores.contacts.insert(lease, await stores.contacts.prepare(lease.job, 0, page))
    await stores.contacts.record_unrecorded(lease.job)
    assert [row["action"] for row in await stores.rows()] == ["created", "created"]
    assert await stores.page(lease, page) == Tally()


@pytest.mark.gen_test
async def test_a_withdrawal_takes_them_too(stores: Stores) -> None:
    lease = await keeping_lease(stores)
    await stores.page(lease, [person("1", "Ada King", "+44 20 7946 0150"), mailed("2", "b@c")])
    await stores.contacts.withdraw(lease.job)
    assert await stores.people() == []


@pytest.mark.gen_test
async def test_the_row_of_a_created_contact_has_its_digest(stores: Stores) -> None:
    lease = await stores.leased()
    await stores.page(lease, [mailed("1", "b@c"), mailed("2", "b@c")])
    created, skipped = await stores.rows()
    assert len(created["digest"]) == 12
    assert "digest" not in skipped
