"""Callback: what the app is told when the browser comes back, and what has become of the job by then."""

import asyncio
import re

import pytest

from providers.sandbox.faults import Fault, Kind
from tests.handlers.edge import PRIMARY_GOES, PROVIDERS, all_jobs, callback_url, database_failing, query_of, until
from tests.world import World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
CLIENTS_PATTERN = re.compile(r"import-callback\/(\w+)\?job_id=([\w-]+)")
NO_TOKENS = ("access_token", "refresh_token", "token_expires_at", "pkce_verifier", "state_hash")


def token_requests(world: World, provider: str) -> int:
    return world.sandbox.stats.requests[f"{provider} token"]


async def refused(world: World, provider: str, job_id: str, url: str, message: str) -> None:
    """The browser's way back ends with this word, and leads nowhere the second time."""
    told = {"provider": provider, "job_id": job_id, "status": "error"}
    assert await world.back(url) == {**told, "message": message}
    assert await world.back(url) == {**told, "message": "invalid_state"}


@BOTH
@pytest.mark.gen_test
async def test_a_yes_leads_to_the_app_with_exactly_this_link(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    answer = await world.fetch(await world.decide(page))
    assert answer.status == 302
    link = answer.headers["Location"]
    assert link == f"everreach://import-callback/{provider}?job_id={job_id}&status=success"
    found = CLIENTS_PATTERN.search(link)
    assert found
    assert found.groups() == (provider, job_id)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers
    assert answer.body == b""
    assert (await world.ended(job_id, user))["status"] == "completed"


@BOTH
@pytest.mark.gen_test
async def test_the_import_is_committed_before_the_app_is_told(world: World, provider: str) -> None:
    world.sandbox.latency = 60
    user = new_user()
    job_id, page = await world.start(provider, user)
    waiting = await world.stored(job_id)
    # The redirect does not wait for the import, which cannot get anywhere here.
    async with asyncio.timeout(5):
        await world.back(await world.decide(page))
    job = await world.stored(job_id)
    assert (job["status"], job["completed_at"]) == ("fetching", None)
    assert job["access_token"].startswith("v1.")
    assert job["refresh_token"].startswith("v1.")
    assert (job["state_hash"], job["pkce_verifier"]) == (None, None)
    assert job["version"] > waiting["version"]
    assert (await world.status(job_id, user))["status"] == "fetching"


@BOTH
@pytest.mark.gen_test
async def test_a_provider_may_answer_with_a_form(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    url, _, form = (await world.decide(page)).partition("?")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await world.fetch(url, "POST", form, **kind)
    assert answer.headers["Location"] == f"everreach://import-callback/{provider}?job_id={job_id}&status=success"


@BOTH
@pytest.mark.gen_test
async def test_a_no_at_the_consent_page_fails_the_job_and_says_so(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    await refused(world, provider, job_id, await world.decide(page, "deny"), "access_denied")
    job = await world.stored(job_id)
    sentence = "You did not allow access to your contacts. Start the import again to try once more."
    assert (job["status"], job["error_message"]) == ("failed", sentence)
    assert job["completed_at"]
    assert [job[name] for name in NO_TOKENS] == [None] * 5
    assert token_requests(world, provider) == 0


@BOTH
@pytest.mark.gen_test
async def test_another_error_of_the_provider_fails_the_job_in_our_words(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    sent = {"error": "server_error", "error_description": "ada@sandbox.example\r\nLocation: https://evil.example"}
    answer = await world.fetch(callback_url(world, provider, state=query_of(page)["state"], **sent))
    link = f"everreach://import-callback/{provider}?job_id={job_id}&status=error&message=provider_error"
    assert answer.headers["Location"] == link
    job = await world.stored(job_id)
    assert job["status"] == "failed"
    assert "ada@" not in repr(job)


@BOTH
@pytest.mark.gen_test
async def test_unticked_contacts_fail_at_once_and_say_so(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    await refused(world, provider, job_id, await world.decide(page, contacts=False), "contacts_scope_missing")
    job = await world.stored(job_id)
    assert job["status"] == "failed"
    assert "contacts" in job["error_message"]
    assert job["completed_at"]
    assert [job[name] for name in NO_TOKENS] == [None] * 5
    assert world.sandbox.stats.pages.total() == 0


@BOTH
@pytest.mark.parametrize("kind", ["html_502", "http_503", "reset", "invalid_json", "truncated", "invalid_grant"])
@pytest.mark.gen_test
async def test_a_failed_exchange_fails_the_job_and_is_not_repeated(world: World, provider: str, kind: Kind) -> None:
    world.sandbox.faults.add(Fault(kind, "token"))
    user = new_user()
    job_id, page = await world.start(provider, user)
    await refused(world, provider, job_id, await world.decide(page), "token_exchange_failed")
    job = await world.stored(job_id)
    assert job["status"] == "failed"
    assert job["error_message"] == "The account could not be connected. Please start the import again."
    assert [job[name] for name in NO_TOKENS] == [None] * 5
    assert token_requests(world, provider) == 1


@BOTH
@pytest.mark.settings(google_client_secret="wrong", microsoft_client_secret="wrong")
@pytest.mark.gen_test
async def test_a_wrong_client_secret_fails_the_job_once(world: World, provider: str) -> None:
    job_id, page = await world.start(provider, new_user())
    await refused(world, provider, job_id, await world.decide(page), "token_exchange_failed")
    assert (await world.stored(job_id))["status"] == "failed"
    assert (token_requests(world, provider), world.sandbox.stats.codes_exchanged) == (1, 0)


@BOTH
@pytest.mark.settings(google_client_secret="wrong", microsoft_client_secret="wrong")
@pytest.mark.gen_test
async def test_the_log_says_what_the_operator_has_to_mend(world: World, provider: str, log_lines: list[str]) -> None:
    _, page = await world.start(provider, new_user())
    await world.back(await world.decide(page))
    [line] = [line for line in log_lines if "the exchange failed" in line]
    assert " ERROR " in line
    assert "the exchange failed: invalid_client job_id=" in line


@pytest.mark.parametrize(
    ("kind", "told"),
    [("invalid_grant", "invalid_grant"), ("html_502", "TransientError"), ("html_200", "TransientError")],
)
@pytest.mark.gen_test
async def test_the_log_says_what_the_token_endpoint_said(
    world: World, kind: Kind, told: str, log_lines: list[str]
) -> None:
    world.sandbox.faults.add(Fault(kind, "token"))
    _, page = await world.start("google", new_user())
    await world.back(await world.decide(page))
    [line] = [line for line in log_lines if "the exchange failed" in line]
    assert " WARNING " in line
    assert f"the exchange failed: {told} job_id=" in line


@pytest.mark.gen_test
async def test_an_answer_that_was_lost_is_not_asked_for_again(world: World) -> None:
    world.sandbox.faults.add(Fault("reset", "token", after=True))
    job_id, page = await world.start("google", new_user())
    await refused(world, "google", job_id, await world.decide(page), "token_exchange_failed")
    assert (token_requests(world, "google"), world.sandbox.stats.codes_exchanged) == (1, 1)


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_was_cancelled_while_it_waited_stays_cancelled(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page)
    assert (await world.api("POST", f"/jobs/{job_id}/cancel", user)).status == 200
    before = await all_jobs(world)
    told = {"provider": provider, "job_id": job_id, "status": "error", "message": "invalid_state"}
    assert await world.back(url) == told
    assert await all_jobs(world) == before
    assert token_requests(world, provider) == 0


@BOTH
@pytest.mark.gen_test
async def test_a_job_that_is_cancelled_during_the_exchange_stays_cancelled(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=1))
    user = new_user()
    job_id, page = await world.start(provider, user)
    coming_back = asyncio.create_task(world.back(await world.decide(page)))

    async def exchanging() -> bool:
        return token_requests(world, provider) == 1

    await until(exchanging)
    assert (await world.api("POST", f"/jobs/{job_id}/cancel", user)).status == 200
    told = await coming_back
    assert (told["job_id"], told["status"]) == (job_id, "error")
    job = await world.stored(job_id)
    assert job["status"] == "cancelled"
    assert [job[name] for name in NO_TOKENS] == [None] * 5


@BOTH
@pytest.mark.gen_test
async def test_while_the_database_fails_the_app_is_told_at_once(world: World, provider: str) -> None:
    _, page = await world.start(provider, new_user())
    url, before = await world.decide(page), await all_jobs(world)
    async with database_failing(world), asyncio.timeout(3):
        told = await world.back(url)
    assert {**told, "job_id": ""} == {"provider": provider, "job_id": "", "status": "error", "message": "server_error"}
    assert await all_jobs(world) == before
    # The state was not spent, so that the person may still come back.
    assert (await world.back(url))["status"] == "success"


@pytest.mark.gen_test
async def test_while_the_database_fails_the_app_still_learns_which_job_it_is(world: World) -> None:
    job_id, page = await world.start("google", new_user())
    url = await world.decide(page)
    async with database_failing(world):
        assert (await world.back(url))["job_id"] == job_id


@pytest.mark.gen_test
async def test_while_the_primary_goes_away_the_app_is_told_within_seconds(world: World) -> None:
    _, page = await world.start("google", new_user())
    url = await world.decide(page)
    async with database_failing(world, PRIMARY_GOES), asyncio.timeout(9):
        assert (await world.back(url))["message"] == "server_error"


@pytest.mark.gen_test
async def test_what_nobody_foresaw_ends_in_the_app_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("ya29.secret")

    monkeypatch.setattr(world.node.services.jobs, "spend", broken)
    _, page = await world.start("google", new_user())
    answer = await world.fetch(await world.decide(page))
    assert answer.status == 302
    assert answer.headers["Location"].endswith("&status=error&message=server_error")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert b"secret" not in answer.body
