"""Long-poll: the answer comes with the change, or when the time is up; it counts once, and leaves nothing behind."""

import asyncio
import time
from typing import Any

import pytest

from everreach.tokens import issue
from handlers import status
from tests.handlers.edge import check_error, database_failing
from tests.handlers.following import change, complete, following, knows, running_job
from tests.handlers.raw_line import RawLine
from tests.handlers.test_status import check_document
from tests.storage.builders import failing
from tests.world import SECRET, Answer, World, bearer, new_user

SOON = 10.0
"""Seconds that an answer may take on a busy machine; those that would be too late take twenty or sixty."""


async def poll(world: World, job_id: str, user: str, query: str) -> Answer:
    return await world.api("GET", f"/status/{job_id}?{query}", user)


async def timed(world: World, job_id: str, user: str, query: str) -> tuple[dict[str, Any], float]:
    """The document, and the seconds that it took."""
    began = time.monotonic()
    answer = await poll(world, job_id, user, query)
    assert answer.status == 200, answer.body
    check_document(answer.json)
    return answer.json, time.monotonic() - began


@pytest.mark.gen_test
async def test_the_answer_comes_with_the_change(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    waiting = asyncio.create_task(timed(world, job_id, user, "since=2&wait=20"))
    await following(world.node, 1)
    assert not waiting.done()
    await change(world, job_id, processed_contacts=7, imported_contacts=7)
    job, seconds = await waiting
    assert (job["version"], job["processed_contacts"]) == (3, 7)
    assert seconds < SOON
    await following(world.node, 0)


@pytest.mark.gen_test
async def test_an_older_version_wakes_nobody(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    waiting = asyncio.create_task(timed(world, job_id, user, "since=4&wait=20"))
    await following(world.node, 1)
    for _ in range(3):
        assert not waiting.done()
        await change(world, job_id)
    assert (await waiting)[0]["version"] == 5


@pytest.mark.gen_test
async def test_what_is_new_or_need_not_wait_is_answered_at_once(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    for query in ("since=1&wait=20", "since=0&wait=60", "wait=20", "since=2", "since=2&wait=0", ""):
        job, seconds = await timed(world, job_id, user, query)
        assert job["version"] == 2
        assert seconds < SOON


@pytest.mark.gen_test
async def test_what_has_ended_is_answered_at_once(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    waiting = asyncio.create_task(timed(world, job_id, user, "since=999999&wait=20"))
    await following(world.node, 1)
    await complete(world, job_id)
    # The end answers whoever waits for more, and whoever asks later.
    for job, seconds in (await waiting, await timed(world, job_id, user, "since=999999&wait=20")):
        assert (job["status"], job["version"]) == ("completed", 3)
        assert seconds < SOON


@pytest.mark.gen_test
async def test_when_the_time_is_up_the_job_comes_unchanged(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    before = await world.status(job_id, user)
    for wait in ("0.4", "00.400000"):
        job, seconds = await timed(world, job_id, user, f"since=2&wait={wait}")
        assert job == before
        assert 0.4 <= seconds < SOON


@pytest.mark.gen_test
async def test_nobody_waits_longer_than_proxies_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status.LONGEST_WAIT_SECONDS == 45
    monkeypatch.setattr(status, "LONGEST_WAIT_SECONDS", 0.3)
    user = new_user()
    job_id = await running_job(world, user)
    for wait in ("60.1", "999999999999999.999", "9" * 400):
        _, seconds = await timed(world, job_id, user, f"since=2&wait={wait}")
        assert 0.3 <= seconds < SOON


@pytest.mark.gen_test
async def test_nobody_waits_longer_than_their_token_is_good(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    token = {"Authorization": f"Bearer {issue(SECRET, user, 2)}"}
    began = time.time()
    answer = await world.api("GET", f"/status/{job_id}?since=2&wait=40", **token)
    assert (answer.status, answer.json["version"]) == (200, 2)
    assert time.time() < began + 10


@pytest.mark.gen_test
async def test_a_head_waits_for_nothing(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    began = time.time()
    answer = await world.api("HEAD", f"/status/{job_id}?since=2&wait=40", user)
    assert (answer.status, answer.body, answer.headers["Etag"]) == (200, b"", '"2"')
    assert time.time() < began + 10


BAD = ["-1", "1.5", "x", "", "1e3", "%2B1", "0x1", "1%20", "%00", "%ff", "NaN", "1" * 16, "\N{FULLWIDTH DIGIT ONE}"]
BAD_QUERIES = [f"since={value}" for value in BAD]
BAD_QUERIES += [f"wait={value}" for value in BAD if value not in {"1.5", "1" * 16}]
BAD_QUERIES += ["wait=.5", "wait=5.", "wait=inf", "since=1&since=2", "wait=1&wait=1", "since=2&wait=x"]


@pytest.mark.settings(rate_limit_status="2/minute")
@pytest.mark.gen_test
async def test_what_is_no_number_is_400_before_anything_is_counted(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    for query in BAD_QUERIES:
        address = f"{world.origin}/api/v1/contacts/import/status/{job_id}?{query}"
        check_error(await world.fetch(address, **bearer(user)), 400, "Bad Request")
    for expected in (200, 200, 429):
        assert (await poll(world, job_id, user, "since=1")).status == expected


@pytest.mark.settings(rate_limit_status="2/minute")
@pytest.mark.gen_test
async def test_a_poll_counts_once_however_often_it_looks(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    waiting = asyncio.create_task(timed(world, job_id, user, "since=5&wait=20"))
    await following(world.node, 1)
    for _ in range(4):
        await change(world, job_id)
    assert (await waiting)[0]["version"] == 6
    assert (await poll(world, job_id, user, "since=6&wait=0.1")).status == 200
    refused = await poll(world, job_id, user, "since=6&wait=20")
    check_error(refused, 429, "Too Many Requests")
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.gen_test
async def test_strangers_wait_for_nothing(world: World) -> None:
    owner, stranger = new_user(), new_user()
    job_id = await running_job(world, owner)
    async with asyncio.timeout(5):
        check_error(await poll(world, job_id, stranger, "since=2&wait=30"), 404, "Not Found")
        check_error(await poll(world, new_user(), owner, "since=2&wait=30"), 404, "Not Found")
        check_error(await world.api("GET", f"/status/{job_id}?since=2&wait=30"), 401, "Unauthorized")
    assert world.node.services.watch.followers == 0


@pytest.mark.gen_test
async def test_who_goes_away_is_not_waited_for(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    line = RawLine(world.config.port)
    await line.ask("poll", job_id, user)
    await following(world.node, 1)
    line.abort()
    await following(world.node, 0)


@pytest.mark.gen_test
async def test_a_poll_outlives_an_absence_of_the_database(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    waiting = asyncio.create_task(timed(world, job_id, user, "since=2&wait=25"))
    await following(world.node, 1)
    await knows(world.node, fresh=True)
    async with failing(world.database, "find", "getMore", "aggregate", closeConnection=True):
        await knows(world.node, fresh=False)
        check_error(await poll(world, job_id, user, ""), 503, "Service Unavailable")
        assert not waiting.done()
    await change(world, job_id)
    assert (await waiting)[0]["version"] == 3


@pytest.mark.gen_test
async def test_while_the_database_is_away_a_poll_ends_with_503_and_leaves_nothing(world: World) -> None:
    user = new_user()
    # What waits for consent is never shown from memory.
    job_id, _ = await world.start("google", user)
    waiting = asyncio.create_task(poll(world, job_id, user, "since=1&wait=0.8"))
    await following(world.node, 1)
    async with database_failing(world):
        check_error(await waiting, 503, "Service Unavailable")
        check_error(await poll(world, job_id, user, "since=1&wait=20"), 503, "Service Unavailable")
    await following(world.node, 0)
    assert (await poll(world, job_id, user, "since=1&wait=0.1")).json["version"] == 1
