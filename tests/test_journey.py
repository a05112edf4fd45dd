"""The whole way: tap "Import my contacts", consent, watch, and find the contacts in the address book."""

import asyncio
from typing import Any

import pytest

from providers.sandbox.people import expected
from tests.world import ACCOUNT, World, new_user

PROVIDERS = pytest.mark.parametrize("provider", ["google", "microsoft"])
COUNTERS = ("total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")


def counters(job: dict[str, Any]) -> tuple[int, ...]:
    return tuple(job[name] for name in COUNTERS)


async def contacts_of(world: World, user: str) -> list[dict[str, Any]]:
    return await world.database["contacts"].find({"user_id": user}).to_list(None)


@PROVIDERS
@pytest.mark.gen_test
async def test_a_persons_contacts_arrive(world: World, provider: str) -> None:
    user, size = new_user(), 2345
    imported, no_email, duplicate = expected(world.sandbox.book(ACCOUNT, size))
    job_id = await world.consent(provider, user, size=size)
    job = await world.ended(job_id, user)
    assert job["status"] == "completed"
    assert counters(job) == (size, size, imported, no_email + duplicate, 0)
    assert (job["progress_percent"], job["provider_account_name"], job["error_message"]) == (100, ACCOUNT, None)
    contacts = await contacts_of(world, user)
    assert len(contacts) == imported
    assert len({contact["email"] for contact in contacts}) == imported
    assert {contact["source"] for contact in contacts} == {f"{provider}_import"}


@PROVIDERS
@pytest.mark.gen_test
async def test_the_same_book_again_imports_nothing(world: World, provider: str) -> None:
    user, size = new_user(), 1200
    first = await world.ended(await world.consent(provider, user, size=size), user)
    second = await world.ended(await world.consent(provider, user, size=size), user)
    assert first["imported_contacts"] == len(await contacts_of(world, user))
    assert counters(second) == (size, size, 0, size, 0)


@pytest.mark.gen_test
async def test_the_books_of_two_people_do_not_collide(world: World) -> None:
    one, other = new_user(), new_user()
    jobs = await asyncio.gather(world.consent("google", one), world.consent("google", other))
    ends = await asyncio.gather(world.ended(jobs[0], one), world.ended(jobs[1], other))
    assert counters(ends[0]) == counters(ends[1])
    assert len(await contacts_of(world, one)) == len(await contacts_of(world, other)) == ends[0]["imported_contacts"]


@pytest.mark.gen_test
async def test_two_imports_of_one_book_at_once_sum_up_to_one_copy(world: World) -> None:
    user, size = new_user(), 3000
    imported, no_email, duplicate = expected(world.sandbox.book(ACCOUNT, size))
    jobs = await asyncio.gather(*(world.consent("google", user, size=size) for _ in range(2)))
    ends = await asyncio.gather(*(world.ended(job, user) for job in jobs))
    assert sum(job["imported_contacts"] for job in ends) == imported == len(await contacts_of(world, user))
    assert sum(job["skipped_contacts"] for job in ends) == 2 * size - imported
    assert no_email + duplicate > 0


@pytest.mark.gen_test
async def test_the_same_person_at_both_providers_is_one_contact(world: World) -> None:
    user = new_user()
    first = await world.ended(await world.consent("google", user), user)
    second = await world.ended(await world.consent("microsoft", user), user)
    assert (first["imported_contacts"] > 0, second["imported_contacts"]) == (True, 0)


@PROVIDERS
@pytest.mark.gen_test
async def test_an_empty_address_book_completes_at_100_percent(world: World, provider: str) -> None:
    user = new_user()
    job = await world.ended(await world.consent(provider, user, size=0), user)
    assert (job["status"], counters(job), job["progress_percent"]) == ("completed", (0, 0, 0, 0, 0), 100)


@pytest.mark.gen_test
async def test_what_a_client_sees_only_ever_grows_and_always_adds_up(world: World) -> None:
    user, size = new_user(), 8000
    world.sandbox.latency = 0.02
    job_id = await world.consent("google", user, size=size)
    seen = [await world.status(job_id, user)]
    assert seen[0]["status"] in {"fetching", "processing"}
    while not seen[-1]["completed_at"]:
        seen.append(await world.status(job_id, user))
    for job in seen:
        assert job["processed_contacts"] == sum(counters(job)[2:])
        assert job["total_contacts"] >= job["processed_contacts"]
        assert 0 <= job["progress_percent"] <= 100
    for name in (*COUNTERS, "progress_percent", "version"):
        assert [job[name] for job in seen] == sorted(job[name] for job in seen)
    assert len({job["processed_contacts"] for job in seen}) > 2


@pytest.mark.gen_test
async def test_every_contact_that_was_sent_has_one_row_in_the_ledger(world: World) -> None:
    user, size = new_user(), 1500
    job = await world.ended(await world.consent("microsoft", user, size=size), user)
    rows = await world.database["imported_contacts"].find({"import_job_id": job["id"]}).to_list(None)
    assert len(rows) == len({row["provider_contact_id"] for row in rows}) == size
    actions = [row["action"] for row in rows]
    assert (actions.count("created"), actions.count("skipped")) == (job["imported_contacts"], job["skipped_contacts"])
    created = {row["contact_id"] for row in rows if row["action"] == "created"}
    assert created == {contact["_id"] for contact in await contacts_of(world, user)}
