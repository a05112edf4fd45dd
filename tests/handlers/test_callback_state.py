"""A state serves once, for ten minutes, for one job and one provider. Whatever else comes changes no job."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.sandbox.people import expected
from tests.handlers.edge import PROVIDERS, all_jobs, callback_url, database_failing, decoded, encoded, query_of, until
from tests.world import ACCOUNT, World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)


def token_requests(world: World) -> int:
    return sum(world.sandbox.stats.requests[f"{provider} token"] for provider in PROVIDERS)


def error(provider: str, job_id: str, message: str) -> dict[str, str]:
    return {"provider": provider, "job_id": job_id, "status": "error", "message": message}


@BOTH
@pytest.mark.gen_test
async def test_a_state_serves_once(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page)
    assert (await world.back(url))["status"] == "success"
    await world.ended(job_id, user)
    before = await all_jobs(world)
    # Whoever comes again, with whatever answer, finds what the first one has set going.
    for again in (url, await world.decide(page), await world.decide(page, "deny")):
        assert await world.back(again) == {"provider": provider, "job_id": job_id, "status": "success"}
    assert await all_jobs(world) == before
    assert token_requests(world) == world.sandbox.stats.codes_exchanged == 1


@BOTH
@pytest.mark.gen_test
async def test_eight_callbacks_at_once_give_one_import_and_one_exchange(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page)
    told = await asyncio.gather(*(world.back(url) for _ in range(8)))
    assert told == [{"provider": provider, "job_id": job_id, "status": "success"}] * 8
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", 50)
    assert token_requests(world) == world.sandbox.stats.codes_exchanged == 1
    imported, *_ = expected(world.sandbox.book(ACCOUNT, 50))
    assert await world.database["contacts"].count_documents({}) == job["imported_contacts"] == imported
    assert await world.database["imported_contacts"].count_documents({}) == 50
    assert world.sandbox.stats.requests["google userinfo"] <= 1


@BOTH
@pytest.mark.gen_test
async def test_a_yes_and_a_no_at_once_give_one_outcome(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    urls = [await world.decide(page, decision) for decision in ("allow", "deny") * 3]
    told = await asyncio.gather(*(world.back(url) for url in urls))
    outcomes = {answer.get("message", "success") for answer in told} - {"invalid_state"}
    job = await world.ended(job_id, user)
    assert outcomes == ({"access_denied"} if job["status"] == "failed" else {"success"})


@BOTH
@pytest.mark.gen_test
async def test_a_code_that_is_brought_with_another_jobs_state_imports_nothing(world: World, provider: str) -> None:
    owner, stranger = new_user(), new_user()
    one, page = await world.start(provider, owner)
    other, others_page = await world.start(provider, stranger)
    url = await world.decide(page)
    before = await world.stored(one)
    mixed = callback_url(world, provider, code=query_of(url)["code"], state=query_of(others_page)["state"])
    assert await world.back(mixed) == error(provider, other, "token_exchange_failed")
    assert await world.stored(one) == before
    assert (await world.stored(other))["status"] == "failed"
    assert await world.database["contacts"].count_documents({}) == 0
    # PKCE refused it at the provider, where the code still serves whom it was meant for.
    assert world.sandbox.stats.codes_exchanged == 0
    assert (await world.back(url))["status"] == "success"
    assert (await world.ended(one, owner))["status"] == "completed"
    assert await world.database["contacts"].count_documents({"user_id": stranger}) == 0


async def late(world: World, job_id: str) -> None:
    """The job's ten minutes are over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    await world.database["contact_import_jobs"].update_one({"_id": job_id}, {"$set": {"not_before": past}})


@BOTH
@pytest.mark.parametrize("decision", ["allow", "deny"])
@pytest.mark.gen_test
async def test_a_state_that_expired_a_moment_ago_is_called_so(
    world: World, provider: str, decision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr(world.node.services.jobs, "expire", nothing)
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page, decision)
    await late(world, job_id)
    before = await all_jobs(world)
    assert await world.back(url) == error(provider, job_id, "expired_state")
    assert await all_jobs(world) == before
    monkeypatch.undo()
    assert (await world.ended(job_id, user))["status"] == "failed"
    assert token_requests(world) == 0


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_nobody_consented_to_fails_and_its_state_has_expired(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    await late(world, job_id)
    job = await world.ended(job_id, user)
    assert (job["status"], bool(job["error_message"])) == ("failed", True)
    before = await all_jobs(world)
    for decision in ("allow", "deny"):
        assert await world.back(await world.decide(page, decision)) == error(provider, job_id, "expired_state")
    assert await all_jobs(world) == before
    assert token_requests(world) == 0


@pytest.mark.settings(oauth_state_ttl_seconds=10)
@pytest.mark.gen_test
async def test_how_long_a_state_lives_is_a_setting(world: World) -> None:
    job_id, _ = await world.start("google", new_user())
    job = await world.stored(job_id)
    assert job["not_before"] - job["created_at"] == timedelta(seconds=10)


@BOTH
@pytest.mark.gen_test
async def test_a_state_is_for_one_provider(world: World, provider: str) -> None:
    other = next(name for name in PROVIDERS if name != provider)
    user = new_user()
    job_id, page = await world.start(provider, user)
    url, before = await world.decide(page), await all_jobs(world)
    for way_back in (url, await world.decide(page, "deny")):
        told = await world.back(way_back.replace(f"/{provider}/callback", f"/{other}/callback"))
        # Google's answer says that it is Google's.
        word = "invalid_issuer" if "iss=" in way_back else "invalid_state"
        assert told == error(other, job_id, word)
    assert await all_jobs(world) == before
    assert (await world.back(url))["status"] == "success"


@BOTH
@pytest.mark.gen_test
async def test_who_does_not_know_the_random_changes_nothing(world: World, provider: str) -> None:
    job_id, page = await world.start(provider, new_user())
    state = decoded(query_of(page)["state"])
    other_id, other_page = await world.start(provider, state["user_id"])
    other = decoded(query_of(other_page)["state"])
    forged: list[dict[str, Any]] = [
        {**state, "random": "A" * 22},
        {**state, "random": state["random"] + "A"},
        {**state, "random": other["random"]},
        {**state, "random": (await world.stored(job_id))["state_hash"]},
        {**state, "user_id": new_user()},
        {**state, "job_id": new_user()},
    ]
    before = await all_jobs(world)
    for content in forged:
        for sent in ({"code": "c"}, {"error": "access_denied"}, {"error": "server_error"}):
            told = await world.back(callback_url(world, provider, state=encoded(content), **sent))
            assert told == error(provider, content["job_id"], "invalid_state")
    assert await all_jobs(world) == before
    assert {job["_id"] for job in before} == {job_id, other_id}
    assert token_requests(world) == 0


@pytest.mark.gen_test
async def test_a_flood_of_forged_callbacks_never_reaches_the_database(world: World) -> None:
    user = new_user()
    job_id, page = await world.start("google", user)
    state = decoded(query_of(page)["state"])
    async with database_failing(world):
        for number in range(50):
            forged = encoded({**state, "random": f"{number:048d}"})
            for sent in ({"code": "c"}, {"error": "access_denied"}, {}):
                told = await world.back(callback_url(world, "google", state=forged, **sent))
                # Whoever had asked the database would have been told of its error.
                assert told == error("google", job_id, "invalid_state")


@pytest.mark.gen_test
async def test_a_state_without_a_code_is_not_spent(world: World) -> None:
    user = new_user()
    job_id, page = await world.start("google", user)
    url, before = await world.decide(page), await all_jobs(world)
    for sent in ({}, {"code": ""}, {"code": "x" * 8192}):
        told = await world.back(callback_url(world, "google", state=query_of(page)["state"], **sent))
        assert (told["job_id"], told["status"]) == (job_id, "error")
    assert await all_jobs(world) == before
    assert (await world.back(url))["status"] == "success"


@pytest.mark.gen_test
async def test_two_jobs_of_one_person_do_not_hold_each_other_up(world: World) -> None:
    user = new_user()
    jobs = dict([await world.start(provider, user) for provider in PROVIDERS])
    urls = [await world.decide(page) for page in jobs.values()]
    told = await asyncio.gather(*(world.back(url) for url in urls))
    assert [answer["status"] for answer in told] == ["success", "success"]

    async def done() -> bool:
        return {job["status"] for job in await all_jobs(world)} == {"completed"}

    assert await until(done)
