"""Contacts: what became of each contact of a job."""

from typing import Any
from urllib.parse import urlencode

import pytest
from bson import ObjectId

from providers.sandbox.faults import Fault
from providers.sandbox.people import expected
from tests.handlers.edge import PROVIDERS, TIME, check_error, check_headers, check_parameters, check_strangers
from tests.handlers.test_list import BAD_LIMITS
from tests.world import ACCOUNT, World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
FIELDS = {
    "provider_contact_id", "action", "skip_reason", "error_message", "contact_id", "display_name", "created_at",
}  # fmt: skip
BAD = [
    *({"limit": value} for value in BAD_LIMITS),
    *({"offset": value} for value in BAD_LIMITS if value not in {"0", "00"}),
    *({"action": value} for value in ("imported", "Created", "", "all", "created,failed", "duplicate")),
]
SIZE = 150


async def listed(world: World, job_id: str, user: str, **parameters: object) -> dict[str, Any]:
    answer = await world.api("GET", f"/jobs/{job_id}/contacts?{urlencode(parameters)}", user)
    assert answer.status == 200, answer.body
    check_headers(answer)
    page: dict[str, Any] = answer.json
    assert set(page) == {"contacts", "total", "limit", "offset"}
    assert all(set(row) == FIELDS for row in page["contacts"])
    return page


async def imported(world: World, provider: str, user: str) -> str:
    job_id = await world.consent(provider, user, size=SIZE)
    await world.ended(job_id, user)
    return job_id


def names(page: dict[str, Any]) -> list[str]:
    return [row["provider_contact_id"] for row in page["contacts"]]


@BOTH
@pytest.mark.gen_test
async def test_a_row_has_the_fields_and_types_of_the_contract(world: World, provider: str) -> None:
    user = new_user()
    job_id = await imported(world, provider, user)
    rows = [
        row for offset in (0, 100) for row in (await listed(world, job_id, user, limit=100, offset=offset))["contacts"]
    ]
    assert len(rows) == len({row["provider_contact_id"] for row in rows}) == SIZE
    contacts = await world.database["contacts"].find({"user_id": user}).to_list(None)
    known = {str(contact["_id"]): contact for contact in contacts}
    for row in rows:
        assert row["provider_contact_id"]
        assert row["display_name"] is None or isinstance(row["display_name"], str)
        assert row["error_message"] is None
        assert TIME.fullmatch(row["created_at"])
        assert row["contact_id"] is None or str(ObjectId(row["contact_id"])) == row["contact_id"]
    created = [row for row in rows if row["action"] == "created"]
    assert {row["contact_id"] for row in created} == set(known)
    assert {row["skip_reason"] for row in created} == {None}
    assert all(row["display_name"] == known[row["contact_id"]]["display_name"] for row in created)
    skipped = [row for row in rows if row["action"] == "skipped"]
    # In place of an address some have a name that leads to nobody outside their company: Graph sends it.
    unusable = {"unusable_email"} if provider == "microsoft" else set()
    assert {row["skip_reason"] for row in skipped} == {"duplicate", "no_email", *unusable}
    assert len(created) + len(skipped) == SIZE


@BOTH
@pytest.mark.gen_test
async def test_an_action_and_how_many_it_concerns(world: World, provider: str) -> None:
    user = new_user()
    job_id = await imported(world, provider, user)
    created, no_email, duplicate = expected(world.sandbox.book(ACCOUNT, SIZE))
    for action, count in {"created": created, "skipped": no_email + duplicate, "failed": 0, "updated": 0}.items():
        page = await listed(world, job_id, user, action=action, limit=100)
        assert page["total"] == count
        assert len(page["contacts"]) == min(count, 100)
        assert {row["action"] for row in page["contacts"]} <= {action}
    reasons = [row["skip_reason"] for row in (await listed(world, job_id, user, action="skipped"))["contacts"]]
    assert reasons.count("no_email") + reasons.count("unusable_email") == no_email
    assert reasons.count("duplicate") == duplicate
    assert (await listed(world, job_id, user))["total"] == SIZE


@BOTH
@pytest.mark.gen_test
async def test_a_contact_that_could_not_be_read_says_why(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("garbage_entries", "page"))
    user = new_user()
    job_id = await imported(world, provider, user)
    job = await world.status(job_id, user)
    page = await listed(world, job_id, user, action="failed", limit=100)
    assert page["total"] == len(page["contacts"]) == job["failed_contacts"] > 0
    for row in page["contacts"]:
        assert (row["action"], row["skip_reason"], row["contact_id"]) == ("failed", None, None)
        assert row["error_message"].strip()


@pytest.mark.gen_test
async def test_pages_join_without_a_seam(world: World) -> None:
    user = new_user()
    job_id = await imported(world, "google", user)
    first = await listed(world, job_id, user)
    assert (len(first["contacts"]), first["total"], first["limit"], first["offset"]) == (20, SIZE, 20, 0)
    pages = [await listed(world, job_id, user, limit=40, offset=offset) for offset in range(0, 160, 40)]
    everyone = [name for page in pages for name in names(page)]
    assert len(everyone) == len(set(everyone)) == SIZE
    assert names(first) == everyone[:20]
    capped = await listed(world, job_id, user, limit=101)
    assert (len(capped["contacts"]), capped["limit"]) == (100, 100)
    beyond = await listed(world, job_id, user, offset=SIZE)
    assert beyond == {"contacts": [], "total": SIZE, "limit": 20, "offset": SIZE}


@pytest.mark.gen_test
async def test_pages_behind_the_last_contact_join_without_a_seam(world: World) -> None:
    user, other = new_user(), new_user()
    job_id, others = await imported(world, "google", user), await imported(world, "google", other)
    whole = names(await listed(world, job_id, user, limit=100)) + names(
        await listed(world, job_id, user, limit=100, offset=100)
    )
    found = names(await listed(world, job_id, user, limit=60))
    while page := names(await listed(world, job_id, user, limit=60, after=found[-1])):
        found += page
    assert found == whole
    await check_parameters(world, user, f"/jobs/{job_id}/contacts", ["after=unknown", "after=", f"after={others}"])


@pytest.mark.gen_test
async def test_a_job_that_has_not_begun_has_none(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    assert await listed(world, job_id, user) == {"contacts": [], "total": 0, "limit": 20, "offset": 0}


@pytest.mark.gen_test
async def test_a_job_shows_its_own_contacts_only(world: World) -> None:
    one, other = new_user(), new_user()
    first, second = await imported(world, "google", one), await imported(world, "google", one)
    await imported(world, "google", other)
    assert {(await listed(world, job_id, one))["total"] for job_id in (first, second)} == {SIZE}
    again = await listed(world, second, one, action="created")
    assert again["total"] == 0


@pytest.mark.gen_test
async def test_every_bad_value_is_400_and_names_the_parameter(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    queries = [*map(urlencode, BAD), "limit=1&limit=2", "action=%ff", "action=created&action=failed"]
    await check_parameters(world, user, f"/jobs/{job_id}/contacts", queries)


@pytest.mark.gen_test
async def test_nobody_sees_what_is_not_theirs(world: World) -> None:
    owner = new_user()
    job_id = await imported(world, "google", owner)
    await check_strangers(world, "GET", "/jobs/{}/contacts", job_id)
    check_error(await world.api("GET", f"/jobs/{job_id}/contacts"), 401)
    check_error(await world.api("POST", f"/jobs/{job_id}/contacts", owner), 405)
