"""What the log and the numbers say of each request: its route, and nothing that a stranger typed."""

import re

import pytest
from cachetools import TTLCache

from everreach.observability import throttled_log
from everreach.observability.metrics import FOLLOWERS, REGISTRY
from handlers import BASE
from tests.handlers.following import KINDS, complete, following, running_job
from tests.handlers.raw_line import RawLine
from tests.world import World, new_user


def counted(route: str, status: int) -> float:
    return REGISTRY.get_sample_value("everreach_http_requests_total", {"route": route, "status": str(status)}) or 0.0


def timed(route: str) -> float:
    return REGISTRY.get_sample_value("everreach_http_request_duration_seconds_count", {"route": route}) or 0.0


def followers() -> dict[str, float]:
    return {kind: REGISTRY.get_sample_value("everreach_followers", {"kind": kind}) or 0.0 for kind in FOLLOWERS}


NOBODY = dict.fromkeys(FOLLOWERS, 0.0)


@pytest.mark.gen_test
async def test_the_log_names_the_route_and_nothing_that_a_stranger_typed(world: World, log_lines: list[str]) -> None:
    answer = await world.api("GET", "/google/callback?code=secret&state=secret")
    await world.fetch(f"{world.origin}{BASE}/status/secret?token=secret", **{"User-Agent": "secret"})
    await world.fetch(f"{world.origin}/secret")
    callback, status, nothing = log_lines
    request_id = answer.headers["X-Request-Id"]
    assert re.search(rf" INFO handlers.access_log GET CallbackHandler 302 [\d.]+ms request_id={request_id}$", callback)
    assert "GET StatusHandler 401 " in status
    assert "GET NotFoundHandler 404 " in nothing
    assert "secret" not in "".join(log_lines)


@pytest.mark.gen_test
async def test_a_method_that_nobody_knows_is_no_text_for_the_log(world: World, log_lines: list[str]) -> None:
    for method in ("SECRET" * 1000, "BREW", "TRACE"):
        await world.fetch(f"{world.origin}/secret", method)
    assert all(" INFO handlers.access_log ? NotFoundHandler 404 " in line for line in log_lines)
    assert len(log_lines) == 3


@pytest.mark.parametrize(("route", "status", "path"), [
    ("ListHandler", 401, "/list"), ("NotFoundHandler", 404, "/nowhere/at/all"),
    ("CallbackHandler", 302, "/google/callback?state=forged&code=c"),
])  # fmt: skip
@pytest.mark.gen_test
async def test_a_flood_that_is_refused_fills_no_log_and_is_counted(
    world: World, log_lines: list[str], monkeypatch: pytest.MonkeyPatch, route: str, status: int, path: str
) -> None:
    # A second that lasts as long as the test.
    monkeypatch.setattr(throttled_log, "_said", TTLCache(64, 600.0))
    before = counted(route, status)
    for _ in range(12):
        await world.api("GET", path)
    assert counted(route, status) == before + 12
    assert len(log_lines) == 5


@pytest.mark.gen_test
async def test_the_log_names_the_job_where_it_is_one(world: World, log_lines: list[str]) -> None:
    user = new_user()
    job_id, page = await world.start("google", user)
    await world.back(await world.decide(page, "deny"))
    await world.api("POST", f"/jobs/{job_id}/cancel", user)
    await world.api("POST", f"/jobs/{job_id.upper()}/cancel", user)
    await world.api("GET", f"/status/{job_id}", new_user())
    *known, malformed, stranger = log_lines
    assert [re.findall(r"(\w+)Handler \d+", line)[0] for line in known] == ["Start", "Callback", "Cancel"]
    assert all(line.endswith(f" job_id={job_id}") or f" job_id={job_id} " in line for line in (*known, stranger))
    assert "job_id" not in malformed


@pytest.mark.gen_test
async def test_each_line_has_the_id_of_its_own_request(world: World, log_lines: list[str]) -> None:
    answers = [await world.api("GET", "/list", new_user()) for _ in range(3)]
    ids = [re.findall(r"request_id=(\w+)", line) for line in log_lines]
    assert ids == [[answer.headers["X-Request-Id"]] for answer in answers]


@pytest.mark.gen_test
async def test_requests_are_counted_by_route_and_status(world: World) -> None:
    before = counted("ListHandler", 200), counted("ListHandler", 401), counted("NotFoundHandler", 404)
    timed_before = timed("ListHandler")
    await world.api("GET", "/list", new_user())
    await world.api("GET", "/list")
    await world.api("GET", f"/{new_user()}")
    after = counted("ListHandler", 200), counted("ListHandler", 401), counted("NotFoundHandler", 404)
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]
    assert timed("ListHandler") - timed_before == 2


HELD = {"poll": ("StatusHandler", 200, "long_poll"), "ws": ("StreamHandler", 101, "websocket"),
        "events": ("EventsHandler", 200, "events")}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.gen_test
async def test_a_connection_that_is_held_is_counted_while_it_is_and_its_time_is_nobodys(
    world: World, kind: str
) -> None:
    route, status, name = HELD[kind]
    user = new_user()
    job_id = await running_job(world, user)
    answered_before, timed_before = counted(route, status), timed(route)
    line = RawLine(world.node.port)
    await line.ask(kind, job_id, user)
    await following(world.node, 1)
    assert followers() == {**NOBODY, name: 1}
    await complete(world, job_id)
    # Else the server would wait for the client to close its websocket, too.
    await line.read(b'"completed"')
    line.abort()
    await following(world.node, 0)
    assert followers() == NOBODY
    assert counted(route, status) == answered_before + 1
    # A websocket's handshake is over at once, and so is what was timed.
    assert timed(route) == timed_before + (kind == "ws")
