"""A browser that asks beforehand spends nothing, and one that comes twice finds what its first coming has set going."""

import asyncio

import pytest
from tornado.testing import bind_unused_port

from everreach.server.app import Node
from providers.sandbox.faults import Fault
from tests.handlers.edge import PROVIDERS, all_jobs, callback_url, check_headers, query_of, until
from tests.world import World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
BEFOREHAND = [
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Sec-Purpose": "prefetch;anonymous-client-ip"},
    {"Sec-Purpose": "Prefetch ; prerender", "Sec-Fetch-Mode": "navigate"},
    {"Purpose": "prefetch"},
    {"Purpose": "preview"},
    {"X-Moz": "prefetch"},
    {"X-Purpose": "preview"},
]


def told(provider: str, job_id: str, message: str | None = None) -> dict[str, str]:
    outcome = {"status": "error", "message": message} if message else {"status": "success"}
    return {"provider": provider, "job_id": job_id, **outcome}


@BOTH
@pytest.mark.gen_test
async def test_a_browser_that_asks_beforehand_spends_nothing(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    urls = [await world.decide(page), await world.decide(page, "deny"), callback_url(world, provider)]
    before = await all_jobs(world)
    for headers in BEFOREHAND:
        for url in urls:
            answer = await world.fetch(url, **headers)
            assert (answer.status, answer.json["error"]) == (503, "Service Unavailable"), headers
            assert answer.headers["Retry-After"] == "1"
            check_headers(answer)
        answer = await world.fetch(urls[0], "HEAD", **headers)
        assert (answer.status, answer.body) == (503, b"")
    assert await all_jobs(world) == before
    # Whoever names another purpose, or none, is the person.
    assert await world.back(urls[0]) == told(provider, job_id)
    assert (await world.ended(job_id, user))["status"] == "completed"
    assert world.sandbox.stats.requests[f"{provider} token"] == 1


@pytest.mark.parametrize("headers", [{"Purpose": "navigate"}, {"Sec-Purpose": "prefetched"}, {"X-Moz": ""}])
@pytest.mark.gen_test
async def test_another_purpose_is_the_persons_own(world: World, headers: dict[str, str]) -> None:
    job_id, page = await world.start("google", new_user())
    answer = await world.fetch(await world.decide(page), **headers)
    assert answer.headers["Location"] == f"everreach://import-callback/google?job_id={job_id}&status=success"


@BOTH
@pytest.mark.gen_test
async def test_a_link_scanner_spends_nothing(world: World, provider: str) -> None:
    user = new_user()
    job_id, page = await world.start(provider, user)
    url, before = await world.decide(page), await all_jobs(world)
    answer = await world.fetch(url, "HEAD")
    link = f"everreach://import-callback/{provider}?job_id=&status=error&message=nothing_done"
    assert (answer.status, answer.headers["Location"], answer.body) == (302, link, b"")
    assert await all_jobs(world) == before
    assert await world.back(url) == told(provider, job_id)
    assert (await world.ended(job_id, user))["status"] == "completed"


@BOTH
@pytest.mark.gen_test
async def test_who_comes_again_during_the_exchange_waits_for_its_outcome(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=0.5))
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page)
    first = asyncio.create_task(world.back(url))

    async def exchanging() -> bool:
        return world.sandbox.stats.requests[f"{provider} token"] == 1

    await until(exchanging)
    # With the same code, with another one, or with none.
    again = [url, await world.decide(page), callback_url(world, provider, state=query_of(page)["state"])]
    assert await asyncio.gather(first, *(world.back(one) for one in again)) == [told(provider, job_id)] * 4
    assert world.sandbox.stats.requests[f"{provider} token"] == 1


@BOTH
@pytest.mark.gen_test
async def test_who_comes_again_to_another_node_waits_for_the_outcome_too(world: World, provider: str) -> None:
    reserved, port = bind_unused_port()
    reserved.close()
    world.sandbox.faults.add(Fault("slow", "token", seconds=0.5))
    user = new_user()
    job_id, page = await world.start(provider, user)
    url = await world.decide(page)
    async with Node(world.config.model_copy(update={"port": port})):
        elsewhere = url.replace(f":{world.config.port}/", f":{port}/")
        answers = await asyncio.gather(*(world.back(one) for one in (url, elsewhere)))
    assert answers == [told(provider, job_id)] * 2
    assert world.sandbox.stats.requests[f"{provider} token"] == 1
    assert (await world.ended(job_id, user))["status"] == "completed"


@BOTH
@pytest.mark.gen_test
async def test_those_who_come_together_to_a_failing_exchange_hear_the_same(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("html_502", "token"))
    job_id, page = await world.start(provider, new_user())
    url = await world.decide(page)
    answers = await asyncio.gather(*(world.back(url) for _ in range(8)))
    assert told(provider, job_id, "token_exchange_failed") in answers
    assert {answer["message"] for answer in answers} <= {"token_exchange_failed", "invalid_state"}
    assert world.sandbox.stats.requests[f"{provider} token"] == 1


@BOTH
@pytest.mark.gen_test
async def test_a_state_whose_job_came_to_nothing_stays_an_error(world: World, provider: str) -> None:
    user = new_user()
    world.sandbox.faults.add(Fault("missing_scope", "page"))
    failed, page = await world.start(provider, user)
    url = await world.decide(page)
    await world.back(url)
    assert (await world.ended(failed, user))["status"] == "failed"
    assert await world.back(url) == told(provider, failed, "invalid_state")
    # Retried with the tokens of that very consent it runs by it again.
    assert (await world.api("POST", f"/jobs/{failed}/retry", user)).status == 200
    assert await world.back(url) == told(provider, failed)

    world.sandbox.latency = 30
    cancelled, page = await world.start(provider, user)
    url = await world.decide(page)
    await world.back(url)
    await world.api("POST", f"/jobs/{cancelled}/cancel", user)
    assert await world.back(url) == told(provider, cancelled, "invalid_state")


@BOTH
@pytest.mark.gen_test
async def test_only_the_last_consent_of_a_job_counts(world: World, provider: str) -> None:
    user = new_user()
    world.sandbox.faults.add(Fault("html_502", "token"))
    job_id, page = await world.start(provider, user)
    first = await world.decide(page)
    await world.back(first)
    again = (await world.api("POST", f"/jobs/{job_id}/retry", user)).json["authorization_url"]
    assert await world.back(first) == told(provider, job_id, "invalid_state")
    second = await world.decide(again)
    for url, message in ((second, None), (first, "invalid_state"), (second, None)):
        assert await world.back(url) == told(provider, job_id, message)
    assert (await world.ended(job_id, user))["status"] == "completed"
