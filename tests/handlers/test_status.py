"""Status: one job now, for its owner only, sixty times a minute."""

import asyncio
import re
from typing import Any

import pytest

from everreach.jobs.job import Job
from everreach.live import freshness
from handlers import BASE
from providers.sandbox.faults import Fault
from tests.handlers.edge import (
    PROVIDERS,
    TIME,
    check_error,
    check_headers,
    check_strangers,
    database_failing,
    not_hers,
    until,
)
from tests.handlers.following import change, knows, next_state, running_job, websocket
from tests.world import ACCOUNT, World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
FIELDS = {
    "id", "provider", "status", "total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts",
    "failed_contacts", "progress_percent", "provider_account_name", "started_at", "completed_at", "error_message",
    "version", "kind", "updated_contacts", "deleted_contacts", "notice", "undo",
}  # fmt: skip
COUNTS = ("total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts", "version")


def check_document(job: dict[str, Any]) -> None:
    """It has the contract's fields and types, and its numbers add up."""
    assert set(job) == FIELDS
    assert all(type(job[name]) is int and job[name] >= 0 for name in COUNTS)
    assert type(job["progress_percent"]) is float
    assert 0 <= job["progress_percent"] <= 100
    assert job["processed_contacts"] == sum(job[f"{name}_contacts"] for name in ("imported", "skipped", "failed"))
    assert job["total_contacts"] >= job["processed_contacts"]
    assert TIME.fullmatch(job["started_at"])
    assert (job["completed_at"] is not None) == (job["status"] in {"completed", "failed", "cancelled"})
    assert job["completed_at"] is None or TIME.fullmatch(job["completed_at"])
    assert re.fullmatch(r"[0-9a-f-]{36}", job["id"])


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_waits_for_consent(world: World, provider: str) -> None:
    user = new_user()
    job_id, _ = await world.start(provider, user)
    answer = await world.api("GET", f"/status/{job_id}", user)
    assert answer.status == 200
    check_headers(answer)
    job = answer.json
    check_document(job)
    assert (job["id"], job["provider"], job["status"]) == (job_id, provider, "authenticating")
    assert (job["provider_account_name"], job["error_message"], job["progress_percent"]) == (None, None, 0)


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_runs(world: World, provider: str) -> None:
    world.sandbox.latency = 0.1
    user = new_user()
    job_id = await world.consent(provider, user, size=4000)
    seen: list[dict[str, Any]] = []
    while not seen or not seen[-1]["completed_at"]:
        seen.append(await world.status(job_id, user))
        check_document(seen[-1])
    versions = {job["version"]: job for job in seen}
    assert {job["status"] for job in seen} >= {"processing", "completed"}
    assert all(job == versions[job["version"]] for job in seen)
    assert any(0 < job["progress_percent"] < 100 for job in seen)


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_has_completed(world: World, provider: str) -> None:
    user = new_user()
    job = await world.ended(await world.consent(provider, user), user)
    check_document(job)
    assert (job["status"], job["progress_percent"], job["provider_account_name"]) == ("completed", 100, ACCOUNT)
    assert job["started_at"] <= job["completed_at"]


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_has_failed_says_why_in_our_words(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("invalid_grant", "token"))
    user = new_user()
    job_id, page = await world.start(provider, user)
    await world.back(await world.decide(page))
    job = await world.status(job_id, user)
    check_document(job)
    assert job["status"] == "failed"
    assert "invalid_grant" not in job["error_message"]


def cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the node hears of no change, and takes what it remembers for fresh."""
    monkeypatch.setattr(freshness, "STALE_SECONDS", 600.0)
    hub = world.node.services.hub
    hear = hub._hear

    async def signs(told: object) -> None:
        if not isinstance(told, Job):
            await hear(told)  # type: ignore[arg-type]  # It is a sign.

    monkeypatch.setattr(hub, "_hear", signs)


@pytest.mark.gen_test
async def test_what_a_person_does_shows_at_once_and_what_others_write_once_the_stream_tells(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    async with websocket(world.origin, job_id, user) as line:
        await next_state(line)
        await knows(world.node, fresh=True)
        assert (await world.status(job_id, user))["version"] == 2
        cut_off(world, monkeypatch)
        await change(world, job_id)
        assert (await world.status(job_id, user))["version"] == 2
        assert (await world.api("POST", f"/jobs/{job_id}/cancel", user)).json["version"] == 4
        now = await world.status(job_id, user)
        assert (now["status"], now["version"]) == ("cancelled", 4)


@pytest.mark.gen_test
async def test_so_do_a_consent_and_a_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sandbox.faults.add(Fault("missing_scope", "page", times=1))
    user, other = new_user(), new_user()
    elsewhere = await running_job(world, other)
    job_id, page = await world.start("google", user)
    async with websocket(world.origin, elsewhere, other) as line:
        await next_state(line)
        await knows(world.node, fresh=True)
        cut_off(world, monkeypatch)
        assert (await world.status(job_id, user))["status"] == "authenticating"
        await world.back(await world.decide(page))
        assert (await world.status(job_id, user))["status"] != "authenticating"
        await until(lambda: world.database["contact_import_jobs"].find_one({"_id": job_id, "status": "failed"}))
        assert (await world.api("POST", f"/jobs/{job_id}/retry", user)).status == 200
        assert (await world.status(job_id, user))["status"] in {"fetching", "processing", "completed"}


@pytest.mark.gen_test
async def test_what_is_not_hers_cannot_be_told_from_what_is_not_there(world: World) -> None:
    owner = new_user()
    job_id = await world.consent("google", owner)
    answers = await check_strangers(world, "GET", "/status/{}", job_id)
    names = [{name for name in answer.headers if name not in {"Date", "X-Request-Id"}} for answer in answers]
    assert all(name == names[0] for name in names)
    # To the owner, too, only the one true spelling of an id means the job.
    for name in not_hers(job_id)[1:]:
        assert (await world.api("GET", f"/status/{name}", owner)).body == answers[0].body


@pytest.mark.gen_test
async def test_without_a_token_nobody_learns_of_any_job(world: World) -> None:
    job_id = await world.consent("google", new_user())
    for name in (job_id, "0"):
        answer = await world.api("GET", f"/status/{name}")
        check_error(answer, 401, "Unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        check_error(await world.api("GET", f"/status/{name}", Authorization="Bearer x.y.z"), 401)


@pytest.mark.gen_test
async def test_a_token_in_the_address_does_not_count(world: World) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    check_error(await world.fetch(f"{world.origin}{BASE}/status/{job_id}?access_token=x&token=x"), 401)


@pytest.mark.settings(rate_limit_status="60/minute")
@pytest.mark.gen_test
async def test_sixty_a_minute_then_429_for_this_person_only(world: World) -> None:
    user, other = new_user(), new_user()
    job_id, _ = await world.start("google", user)
    others_id, _ = await world.start("google", other)
    # Two jobs share the sixty, and what is not there counts as well.
    answers = [await world.api("GET", f"/status/{name}", user) for name in (job_id, others_id, "0") * 20]
    assert {answer.status for answer in answers} == {200, 404}
    refused = await world.api("GET", f"/status/{job_id}", user)
    check_error(refused, 429, "Too Many Requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    await world.status(others_id, other)
    assert (await world.api("GET", "/list", user)).status == 200


@pytest.mark.settings(rate_limit_status="60/minute")
@pytest.mark.gen_test
async def test_of_eighty_at_once_sixty_are_answered(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    answers = await asyncio.gather(*(world.api("GET", f"/status/{job_id}", user) for _ in range(80)))
    assert sorted(answer.status for answer in answers) == [200] * 60 + [429] * 20


@pytest.mark.settings(rate_limit_status="2/2second")
@pytest.mark.gen_test
async def test_who_waits_as_told_is_answered_again(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    for _ in range(2):
        await world.status(job_id, user)
    refused = await world.api("GET", f"/status/{job_id}", user)
    assert refused.headers["Retry-After"] in {"1", "2"}

    async def answered() -> bool:
        return (await world.api("GET", f"/status/{job_id}", user)).status == 200

    await until(answered, int(refused.headers["Retry-After"]) + 1)


@pytest.mark.gen_test
async def test_while_the_database_fails_it_is_503_at_once(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    async with database_failing(world), asyncio.timeout(3):
        check_error(await world.api("GET", f"/status/{job_id}", user), 503, "Service Unavailable")
    await world.status(job_id, user)


@pytest.mark.gen_test
async def test_who_has_the_version_is_spared_the_body(world: World) -> None:
    user = new_user()
    job_id, page = await world.start("google", user)
    first = await world.api("GET", f"/status/{job_id}", user)
    tag = first.headers["Etag"]
    assert re.fullmatch(r'"\d+"', tag)
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        same = await world.api("GET", f"/status/{job_id}", user, **{"If-None-Match": known})
        assert (same.status, same.body, same.headers["Etag"]) == (304, b"", tag)
        check_headers(same)
    for other in ('"x"', tag.strip('"'), '"0"', "", "garbage"):
        whole = await world.api("GET", f"/status/{job_id}", user, **{"If-None-Match": other})
        assert (whole.status, whole.body) == (200, first.body)
    # A tag opens nothing: strangers are strangers whatever they have.
    stranger = await world.api("GET", f"/status/{job_id}", new_user(), **{"If-None-Match": "*"})
    check_error(stranger, 404)
    await world.decide(page, "deny")
    assert (await world.api("POST", f"/jobs/{job_id}/cancel", user)).status == 200
    changed = await world.api("GET", f"/status/{job_id}", user, **{"If-None-Match": tag})
    assert (changed.status, changed.json["status"]) == (200, "cancelled")
    assert changed.headers["Etag"] == f'"{changed.json["version"]}"' != tag


@pytest.mark.settings(rate_limit_status="2/minute")
@pytest.mark.gen_test
async def test_a_304_counts_too(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    for status in (304, 304, 429):
        assert (await world.api("GET", f"/status/{job_id}", user, **{"If-None-Match": "*"})).status == status
