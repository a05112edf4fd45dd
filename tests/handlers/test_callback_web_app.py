"""Who starts in a web app of ours comes back to it, whatever the answer is; everybody else to the app on the phone."""

import asyncio
from datetime import UTC, datetime

import pytest

from providers.sandbox.faults import Fault
from tests.handlers.edge import PROVIDERS, callback_url, database_failing, decoded, encoded, query_of
from tests.world import World, new_user

APP, BETA = "https://app.everreach.example", "https://beta.everreach.example:8443"
TWO = pytest.mark.settings(next_public_frontend_url=f"{APP}, {BETA}/somewhere")
BOTH = pytest.mark.parametrize("provider", PROVIDERS)


async def started(world: World, provider: str, user: str, origin: str) -> tuple[str, str]:
    answer = await world.api("POST", f"/{provider}/start", user, Origin=origin)
    assert answer.status == 200
    return answer.json["job_id"], answer.json["authorization_url"]


async def sent_to(world: World, url: str) -> str:
    answer = await world.fetch(url)
    assert (answer.status, answer.body, answer.headers["Referrer-Policy"]) == (302, b"", "no-referrer")
    return answer.headers["Location"]


def page_of(origin: str, job_id: str, message: str | None = None) -> str:
    return f"{origin}/settings/imports/{job_id}?status=" + (f"error&message={message}" if message else "success")


@TWO
@BOTH
@pytest.mark.gen_test
async def test_a_yes_leads_back_to_the_web_app_where_it_began(world: World, provider: str) -> None:
    for origin, spelling in ((APP, APP), (BETA, BETA), (APP, f"{APP}:443/")):
        user = new_user()
        job_id, page = await started(world, provider, user, spelling)
        url = await world.decide(page)
        assert await sent_to(world, url) == page_of(origin, job_id)
        assert (await world.ended(job_id, user))["status"] == "completed"
        assert await sent_to(world, url) == page_of(origin, job_id)


@TWO
@BOTH
@pytest.mark.gen_test
async def test_so_does_every_error_of_a_job_that_can_be_told(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await started(world, provider, user, APP)
    assert await sent_to(world, await world.decide(page, "deny")) == page_of(APP, job_id, "access_denied")
    assert await sent_to(world, await world.decide(page)) == page_of(APP, job_id, "invalid_state")
    job_id, page = await started(world, provider, user, APP)
    unticked = await world.decide(page, contacts=False)
    assert await sent_to(world, unticked) == page_of(APP, job_id, "contacts_scope_missing")
    world.sandbox.faults.add(Fault("html_502", "token"))
    job_id, page = await started(world, provider, user, APP)
    assert await sent_to(world, await world.decide(page)) == page_of(APP, job_id, "token_exchange_failed")
    job_id, page = await started(world, provider, user, APP)
    without = callback_url(world, provider, state=query_of(page)["state"])
    assert await sent_to(world, without) == page_of(APP, job_id, "missing_code")
    async with database_failing(world):
        assert await sent_to(world, await world.decide(page)) == page_of(APP, job_id, "server_error")
    await world.database["contact_import_jobs"].update_one({"_id": job_id}, {"$set": {"not_before": datetime.now(UTC)}})
    await asyncio.sleep(0.01)
    assert await sent_to(world, await world.decide(page)) == page_of(APP, job_id, "expired_state")


@TWO
@BOTH
@pytest.mark.gen_test
async def test_any_other_origin_leads_to_the_app(world: World, provider: str) -> None:
    for origin in ("https://evil.example", "null", f"{APP}.evil.example", f"{APP}:8443", "http://10.0.2.2:8080", ""):
        job_id, page = await started(world, provider, new_user(), origin)
        link = f"everreach://import-callback/{provider}?job_id={job_id}&status=success"
        assert await sent_to(world, await world.decide(page)) == link


@TWO
@BOTH
@pytest.mark.gen_test
async def test_a_state_that_somebody_changed_leads_to_no_web_app(world: World, provider: str) -> None:
    job_id, page = await started(world, provider, new_user(), APP)
    state = decoded(query_of(page)["state"])
    others = decoded(query_of((await started(world, provider, new_user(), BETA))[1])["state"])
    for random in (others["random"], state["random"][:21] + others["random"][21:], "A" * 48):
        link = await sent_to(world, callback_url(world, provider, code="c", state=encoded({**state, "random": random})))
        assert link == f"everreach://import-callback/{provider}?job_id={job_id}&status=error&message=invalid_state"
    assert (await sent_to(world, callback_url(world, provider, code="c"))).startswith("everreach://")


@TWO
@BOTH
@pytest.mark.gen_test
async def test_a_retry_leads_back_to_where_it_was_asked_for(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await started(world, provider, user, APP)
    for origin in (BETA, "https://evil.example", APP):
        assert "access_denied" in await sent_to(world, await world.decide(page, "deny"))
        answer = await world.api("POST", f"/jobs/{job_id}/retry", user, Origin=origin)
        page = answer.json["authorization_url"]
        way = await sent_to(world, callback_url(world, provider, state=query_of(page)["state"]))
        there = f"everreach://import-callback/{provider}?job_id={job_id}&status=error&message=missing_code"
        assert way == (there if "evil" in origin else page_of(origin, job_id, "missing_code"))
