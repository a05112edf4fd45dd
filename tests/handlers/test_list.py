"""List: a person's jobs, newest first, a page at a time."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.handlers.edge import PROVIDERS, TIME, check_error, check_headers, check_parameters
from tests.world import ACCOUNT, World, new_user

FIELDS = {
    "id", "provider", "status", "total_contacts", "imported_contacts", "skipped_contacts", "failed_contacts",
    "provider_account_name", "progress_percent", "error_message", "created_at", "started_at", "completed_at",
    "updated_at",
}  # fmt: skip
COUNTS = ("total_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")
BAD_LIMITS = [
    "0", "00", "-1", "-0", "1.5", "1.0", "abc", "1e3", "", " ", "0x10", "1_0", "1" * 16, "٣", "³", "+1", " 1", "1 ",
    "1\n", "null", "[]",
]  # fmt: skip
BAD = [
    *({"limit": value} for value in BAD_LIMITS),
    *({"offset": value} for value in BAD_LIMITS if value not in {"0", "00"}),
    *({"provider": value} for value in ("icloud", "Google", "", "google,microsoft", "google ", "unknown")),
    *({"status": value} for value in ("done", "Completed", "", "completed,failed", "all", "ended")),
]
RAW = ["limit=%ff", "limit=1&limit=1", "offset=0&offset=5", "provider=google&provider=google", "status=%ff", "limit"]


async def listed(world: World, user: str, **parameters: object) -> dict[str, Any]:
    answer = await world.api("GET", f"/list?{urlencode(parameters)}", user)
    assert answer.status == 200, answer.body
    check_headers(answer)
    page: dict[str, Any] = answer.json
    assert set(page) == {"jobs", "total", "limit", "offset"}
    assert all(set(job) == FIELDS for job in page["jobs"])
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [job["id"] for job in page["jobs"]]


async def started(world: World, user: str, count: int) -> list[str]:
    """Ids of new jobs, the newest first, at both providers in turn."""
    jobs = [(await world.start(PROVIDERS[number % 2], user))[0] for number in range(count)]
    return jobs[::-1]


@pytest.mark.gen_test
async def test_nobodys_list_is_empty(world: World) -> None:
    await world.start("google", new_user())
    assert await listed(world, new_user()) == {"jobs": [], "total": 0, "limit": 20, "offset": 0}


@pytest.mark.gen_test
async def test_a_row_has_the_fields_and_types_of_the_contract(world: World) -> None:
    user = new_user()
    job = await world.ended(await world.consent("google", user), user)
    await world.start("microsoft", user)
    waiting, done = (await listed(world, user))["jobs"]
    for row in (waiting, done):
        assert all(type(row[name]) is int for name in COUNTS)
        assert type(row["progress_percent"]) is float
        assert all(TIME.fullmatch(row[name]) for name in ("created_at", "started_at", "updated_at"))
    assert TIME.fullmatch(done["completed_at"])
    assert {name: done[name] for name in FIELDS & set(job)} == {name: job[name] for name in FIELDS & set(job)}
    assert done["provider_account_name"] == ACCOUNT
    assert (waiting["status"], waiting["completed_at"], waiting["error_message"]) == ("authenticating", None, None)


@pytest.mark.gen_test
async def test_the_newest_is_first_and_pages_join_without_a_seam(world: World) -> None:
    user = new_user()
    jobs = await started(world, user, 25)
    await started(world, new_user(), 3)
    first = await listed(world, user)
    assert (ids(first), first["total"], first["limit"], first["offset"]) == (jobs[:20], 25, 20, 0)
    rest = await listed(world, user, offset=20)
    assert (ids(rest), rest["total"], rest["offset"]) == (jobs[20:], 25, 20)
    sevens = [await listed(world, user, limit=7, offset=offset) for offset in range(0, 28, 7)]
    assert [job for page in sevens for job in ids(page)] == jobs
    assert {(page["total"], page["limit"]) for page in sevens} == {(25, 7)}


@pytest.mark.gen_test
async def test_pages_behind_the_last_job_join_without_a_seam(world: World) -> None:
    user = new_user()
    jobs, (others,) = await started(world, user, 7), await started(world, new_user(), 1)
    pages = [await listed(world, user, limit=3, after=after) for after in (jobs[2], jobs[5], jobs[6])]
    assert [ids(page) for page in pages] == [jobs[3:6], jobs[6:], []]
    assert {page["total"] for page in pages} == {7}
    assert ids(await listed(world, user, provider=PROVIDERS[0], after=jobs[0])) == jobs[2::2]
    await check_parameters(world, user, "/list", [f"after={others}", "after=unknown", "after="])


@pytest.mark.gen_test
async def test_jobs_of_one_moment_have_an_order_too(world: World) -> None:
    user = new_user()
    jobs = await started(world, user, 8)
    moment = (await world.stored(jobs[0]))["created_at"]
    await world.database["contact_import_jobs"].update_many({}, {"$set": {"created_at": moment}})
    pages = [await listed(world, user, limit=3, offset=offset) for offset in (0, 3, 6)]
    assert sorted(job for page in pages for job in ids(page)) == sorted(jobs)


@pytest.mark.gen_test
async def test_a_limit_above_a_hundred_counts_as_a_hundred(world: World) -> None:
    user = new_user()
    (template,) = await started(world, user, 1)
    job = await world.stored(template)
    copies = [{**job, "_id": new_user()} for _ in range(104)]
    await world.database["contact_import_jobs"].insert_many(copies)
    for limit in ("100", "101", "9" * 15):
        page = await listed(world, user, limit=limit)
        assert (len(page["jobs"]), page["limit"], page["total"]) == (100, 100, 105)
    page = await listed(world, user, limit="0099")
    assert (len(page["jobs"]), page["limit"]) == (99, 99)


@pytest.mark.gen_test
async def test_past_the_end_is_an_empty_page(world: World) -> None:
    user = new_user()
    await started(world, user, 3)
    for offset in (3, 4, 1000, 999_999_999_999_999):
        assert await listed(world, user, offset=offset) == {"jobs": [], "total": 3, "limit": 20, "offset": offset}


@pytest.mark.gen_test
async def test_filters_and_what_they_leave_is_what_counts(world: World) -> None:
    user = new_user()
    done = await world.consent("google", user)
    await world.ended(done, user)
    microsoft, google = await started(world, user, 2)
    cancelled, _ = await world.start("google", user)
    await world.api("POST", f"/jobs/{cancelled}/cancel", user)
    for parameters, wanted in (
        ({}, [cancelled, microsoft, google, done]),
        ({"provider": "google"}, [cancelled, google, done]),
        ({"provider": "microsoft"}, [microsoft]),
        ({"status": "authenticating"}, [microsoft, google]),
        ({"status": "cancelled"}, [cancelled]),
        ({"status": "completed"}, [done]),
        ({"status": "completed", "provider": "microsoft"}, []),
        ({"status": "authenticating", "provider": "google"}, [google]),
        *(({"status": status}, []) for status in ("pending", "fetching", "processing", "failed")),
    ):
        page = await listed(world, user, **parameters)
        assert (ids(page), page["total"]) == (wanted, len(wanted))
        one = await listed(world, user, **parameters, limit=1)
        assert (ids(one), one["total"]) == (wanted[:1], len(wanted))


@pytest.mark.gen_test
async def test_every_bad_value_is_400_and_names_the_parameter(world: World) -> None:
    await check_parameters(world, new_user(), "/list", [*map(urlencode, BAD), *RAW])


@pytest.mark.gen_test
async def test_parameters_that_mean_nothing_here_are_left_alone(world: World) -> None:
    user = new_user()
    jobs = await started(world, user, 2)
    assert ids(await listed(world, user, user_id=new_user(), sort="created_at", utm_source="mail")) == jobs


@pytest.mark.gen_test
async def test_only_with_a_token(world: World) -> None:
    for path in ("/list", "/list?limit=abc"):
        answer = await world.api("GET", path)
        check_error(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.settings(rate_limit_jobs="8/minute")
@pytest.mark.gen_test
async def test_one_person_may_ask_so_often_and_no_other_pays_for_it(world: World) -> None:
    user, other = new_user(), new_user()
    job_id, _ = await world.start("google", user)
    asked = [
        ("GET", "/list"),
        ("GET", f"/jobs/{job_id}/contacts"),
        ("POST", f"/jobs/{job_id}/retry"),
        ("POST", f"/jobs/{job_id}/cancel"),
    ]
    # They share what there is, and what is not there or not possible counts as well.
    answers = [await world.api(method, path, user) for method, path in asked * 2]
    assert [answer.status for answer in answers] == [200, 200, 409, 200, 200, 200, 409, 409]
    for method, path in asked:
        refused = await world.api(method, path, user)
        check_error(refused, 429, "Too Many Requests")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
    await world.status(job_id, user)
    await listed(world, other)
