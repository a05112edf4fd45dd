"""What every answer has in common: errors in one shape, headers, CORS, and nothing of what is inside."""

import asyncio
import re

import pytest

from handlers import BASE, ROUTES
from tests.handlers.edge import (
    PRIMARY_GOES,
    all_jobs,
    check_error,
    check_headers,
    database_failing,
    raw_request,
)
from tests.world import World, bearer, new_user

FRONTEND = "https://app.everreach.example"
WITH_FRONTEND = pytest.mark.settings(next_public_frontend_url=f"{FRONTEND}/")
CORS = "Access-Control-Allow-Origin"
UNKNOWN = [
    "/", "/x", "//", "/api", "/api/v1", BASE, f"{BASE}/", f"{BASE}/nothing", f"{BASE}/list/", f"{BASE}/status",
    f"{BASE}/status/", f"{BASE}/status/a/b", f"{BASE}/jobs/a", f"{BASE}/google/start/x", "/livez/", "/.env",
    "/..%2f..%2fetc", "/%00", "/%ff", "/x" * 1000,
]  # fmt: skip


@pytest.mark.gen_test
async def test_an_address_that_is_nobodys_is_404_whatever_the_method(world: World) -> None:
    for path in UNKNOWN:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            check_error(await world.fetch(f"{world.origin}{path}", method), 404, "Not Found")
    head = await world.fetch(f"{world.origin}/x", "HEAD")
    assert (head.status, head.body) == (404, b"")


@pytest.mark.gen_test
async def test_a_method_that_an_address_does_not_have_is_405(world: World) -> None:
    user = new_user()
    routes = {
        f"{BASE}/health": "GET", f"{BASE}/list": "GET", f"{BASE}/status/x": "GET", f"{BASE}/jobs/x/cancel": "POST",
        f"{BASE}/jobs/x/contacts": "GET", f"{BASE}/jobs/x/retry": "POST",
        f"{BASE}/google/start": "POST", "/livez": "GET", "/readyz": "GET",
    }  # fmt: skip
    for path, allowed in routes.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} - {allowed}:
            answer = await world.fetch(f"{world.origin}{path}", method, **bearer(user))
            assert answer.status == 405, (method, path)
            assert set(answer.json) == {"error", "message"}
            assert answer.json["error"] == "Method Not Allowed"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert await all_jobs(world) == []


@pytest.mark.gen_test
async def test_head_is_answered_wherever_get_is_with_the_same_head_and_no_body(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    addresses = [path.format(id=job_id, provider="google") for path, _ in ROUTES]
    for path in [*addresses, f"{BASE}/list?limit=x", f"{BASE}/status/{new_user()}"]:
        if path.endswith(("/callback", "/events")):
            continue  # What a HEAD says there is held by their own tests.
        get, head = [await world.fetch(f"{world.origin}{path}", method, **bearer(user)) for method in ("GET", "HEAD")]
        assert (head.status, head.body) == (get.status, b""), path
        # Two answers differ in their moment, and what is counted in between has other figures.
        changing = {"X-Request-Id", "Date"} | ({"Content-Length"} if path == "/metrics" else set())
        assert {name: value for name, value in head.headers.items() if name not in changing} == {
            name: value for name, value in get.headers.items() if name not in changing
        }, path


@pytest.mark.gen_test
async def test_a_body_above_64_kib_is_413(world: World) -> None:
    user = new_user()
    for path in ("/google/start", "/jobs/x/cancel", "/nothing/start"):
        for kind in ("application/json", "application/octet-stream"):
            headers = {**bearer(user), "Content-Type": kind}
            address = f"{world.origin}{BASE}{path}"
            check_error(await world.fetch(address, "POST", "x" * 65537, **headers), 413)
    assert await all_jobs(world) == []
    answer = await world.fetch(f"{world.origin}{BASE}/google/start", "POST", " " * 65536, **bearer(user))
    assert answer.status == 200


NONSENSE = {
    "headers of 64 KiB": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 65536 + b"\r\n\r\n",
    "a body of 100 MB": f"POST {BASE}/google/start HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n".encode(),
    "a length below zero": b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST /livez HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "half a request line": b"GET\r\n\r\n",
    "another version": b"GET /livez HTTP/3.0\r\n\r\n",
    "no text": b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
}


@pytest.mark.parametrize("request_", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.gen_test
async def test_what_is_no_request_ends_the_connection_and_nothing_else(world: World, request_: bytes) -> None:
    reply = await raw_request(world, request_.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n", 1))
    assert reply == b"" or re.match(rb"HTTP/1\.[01] 4\d\d ", reply)
    assert not re.search(rb"(?i)\nserver:|traceback|tornado", reply)
    assert (await world.fetch(f"{world.origin}/livez")).status == 200


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everreach.server.http_server.BODY_SECONDS", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.gen_test
async def test_a_body_that_does_not_come_to_its_end_ends_the_connection(world: World) -> None:
    head = f"POST {BASE}/google/start HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    assert await raw_request(world, f"{head}half of it".encode()) == b""
    assert (await world.fetch(f"{world.origin}/livez")).status == 200


@pytest.mark.gen_test
async def test_headers_of_16_kib_are_read(world: World) -> None:
    answer = await world.fetch(f"{world.origin}/livez", **{"X-Large": "x" * 16384})
    assert answer.status == 200


@WITH_FRONTEND
@pytest.mark.gen_test
async def test_the_web_apps_preflight_is_answered(world: World) -> None:
    asked = {"Origin": FRONTEND, "Access-Control-Request-Method": "POST"}
    answer = await world.api("OPTIONS", "/google/start", **asked)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers[CORS] == FRONTEND
    assert {"GET", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert {"Authorization", "Content-Type"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


@WITH_FRONTEND
@pytest.mark.gen_test
async def test_the_web_app_may_read_every_answer_errors_included(world: World) -> None:
    user = new_user()
    for path, status in (("/health", 200), ("/list", 200), ("/list?limit=0", 400), ("/status/x", 404), ("/x", 404)):
        answer = await world.api("GET", path, user, Origin=FRONTEND)
        assert (answer.status, answer.headers[CORS]) == (status, FRONTEND)
        assert "Origin" in answer.headers["Vary"]
    answer = await world.api("GET", "/list", Origin=FRONTEND)
    assert (answer.status, answer.headers[CORS]) == (401, FRONTEND)
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.settings(next_public_frontend_url=f"{FRONTEND}/, HTTPS://Beta.everreach.example:443/app")
@pytest.mark.gen_test
async def test_each_of_several_web_apps_is_answered_by_its_own_name(world: World) -> None:
    for origin in (FRONTEND, "https://beta.everreach.example"):
        answer = await world.api("GET", "/list", new_user(), Origin=origin)
        assert (answer.headers[CORS], answer.headers["Vary"]) == (origin, "Origin")
    answer = await world.api("GET", "/list", new_user(), Origin="https://gamma.everreach.example")
    assert (CORS in answer.headers, answer.headers["Vary"]) == (False, "Origin")


@WITH_FRONTEND
@pytest.mark.gen_test
async def test_a_foreign_page_gets_no_leave(world: World) -> None:
    origins = [
        "https://evil.example", "null", f"{FRONTEND}.evil.example", FRONTEND.replace("https", "http"), "*", "",
        f"{FRONTEND}:8443", f"https://evil.example/{FRONTEND}", f"{FRONTEND}, https://evil.example",
    ]  # fmt: skip
    for origin in origins:
        for method in ("OPTIONS", "GET"):
            answer = await world.api(method, "/list", new_user(), Origin=origin)
            assert not [name for name in answer.headers if name.startswith("Access-Control-")]
            assert "Origin" in answer.headers["Vary"]


@pytest.mark.gen_test
async def test_without_a_web_app_nobody_gets_leave(world: World) -> None:
    answer = await world.api("OPTIONS", "/list", Origin="https://app.everreach.example")
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.gen_test
async def test_every_answer_has_an_id_of_its_own_and_the_headers(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    paths = ["/list", f"/status/{job_id}", f"/jobs/{job_id}/contacts", "/status/x", "/x", "/google/callback"]
    answers = [await world.api("GET", path, user) for path in paths]
    for answer in answers:
        check_headers(answer)
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("code", [PRIMARY_GOES, 189, 11600])
@pytest.mark.gen_test
async def test_while_the_primary_goes_away_every_answer_is_503_within_seconds(world: World, code: int) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    paths = [("GET", "/list"), ("GET", f"/status/{job_id}"), ("POST", f"/jobs/{job_id}/cancel"),
             ("GET", f"/jobs/{job_id}/contacts"), ("POST", "/google/start")]  # fmt: skip
    async with database_failing(world, code), asyncio.timeout(9):
        for answer in await asyncio.gather(*(world.api(method, path, user) for method, path in paths)):
            check_error(answer, 503, "Service Unavailable")
            assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.gen_test
async def test_what_nobody_foresaw_is_500_and_says_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, log_lines: list[str]
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret ada@sandbox.example")

    for store, name in (("jobs", "get"), ("pages", "jobs"), ("jobs", "create")):
        monkeypatch.setattr(getattr(world.node.services, store), name, broken)
    user = new_user()
    for method, path in (("GET", f"/status/{new_user()}"), ("GET", "/list"), ("POST", "/google/start")):
        answer = await world.api(method, path, user)
        check_error(answer, 500, "Internal Server Error")
        assert not re.search(rb"secret|ada@|Traceback|RuntimeError|\.py", answer.body)
        failure, access = log_lines[-2:]
        assert "the request failed on RuntimeError" in failure
        assert all(f" request_id={answer.headers['X-Request-Id']}" in line for line in (failure, access))
    assert "RuntimeError at test_base.py" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.gen_test
async def test_a_statement_that_the_database_refuses_is_500_and_says_nothing(world: World) -> None:
    user = new_user()
    async with database_failing(world, 13):
        answer = await world.api("GET", "/list", user)
    check_error(answer, 500, "Internal Server Error")
    assert not re.search(rb"failpoint|failCommand|pymongo|127\.0\.0\.1|OperationFailure", answer.body)
