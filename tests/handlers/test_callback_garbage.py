"""Whatever arrives at the callback, the answer is a redirect into the app, and no job changes."""

import json
import re
from typing import Any

import pytest

from handlers import BASE
from tests.handlers.edge import PROVIDERS, all_jobs, callback_url, decoded, encoded, query_of
from tests.world import Answer, World, new_user

LINK = re.compile(
    r"everreach://import-callback/(?P<provider>google|microsoft|unknown)"
    r"\?job_id=(?P<job_id>[\w-]*)&status=error&message=(?P<message>[a-z]+(_[a-z]+)*)",
    re.ASCII,
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = "%0d%0aLocation:%20https://evil.example%0d%0a"
QUERIES = [
    "",
    "?",
    "&&&===",
    "code=c",
    "state=",
    "state=%ff%fe",
    "state=%00",
    "state=..%2F..%2Fetc",
    "state=null&code=null",
    "state[]=a&code[]=b",
    f"state={'A' * 20000}",
    f"state={HOSTILE}&code={HOSTILE}",
    f"error={HOSTILE}&error_description=ada%40sandbox.example",
    "error=access_denied",
    "error=access_denied&state=garbage",
    "error=access_denied&state=%ff",
    "error=&state=",
    "error=%ff&code=c",
    "status=success&job_id=1&message=x",
    "code=" + "c" * 8192,
    "state=" + "&state=".join("abc"),
    "%ff=%ff&%00=%00",
    ";".join(["state=a", "code=b"]),
    "state=%F0%9F%92%A9&code=%F0%9F%92%A9",
]
WRONG: list[Any] = [None, 1, [], {}, "", "x" * 600]
CONTENTS: list[Any] = [
    b"", b"\x00", b"{", b"[]", b"null", b"1e999", b"{}", b"\xff\xfe", b"[" * 700, b'"' + b"a" * 500 + b'"',
    [], {}, None, 1, "text", True,
    {"job_id": None}, {"job_id": 1, "user_id": 2, "random": 3}, {"job_id": [], "user_id": {}, "random": ""},
]  # fmt: skip


async def waiting(world: World) -> list[tuple[str, str]]:
    """A job that waits for consent at each provider, by id and state, beside one that has completed."""
    user = new_user()
    await world.ended(await world.consent("google", user), user)
    started = [await world.start(provider, user) for provider in PROVIDERS]
    return [(job_id, query_of(page)["state"]) for job_id, page in started]


def told(answer: Answer) -> re.Match[str]:
    assert answer.status == 302, answer
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers
    assert answer.body == b""
    link = LINK.fullmatch(answer.headers["Location"])
    assert link, answer.headers["Location"]
    return link


@pytest.mark.gen_test
async def test_whatever_the_query_says(world: World) -> None:
    await waiting(world)
    before = await all_jobs(world)
    for provider in (*PROVIDERS, "evil"):
        for query in QUERIES:
            link = told(await world.fetch(f"{world.origin}{BASE}/{provider}/callback?{query}"))
            assert link["job_id"] == ""
            assert link["provider"] == (provider if provider in PROVIDERS else "unknown")
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_whatever_the_state_holds(world: World) -> None:
    (job_id, state), _ = await waiting(world)
    good, before = decoded(state), await all_jobs(world)
    contents: list[Any] = [
        *CONTENTS,
        *({name: value for name, value in good.items() if name != missing} for missing in good),
        *({**good, name: wrong} for name in good for wrong in (*WRONG, f"{good[name]}\n")),
        {**good, "job_id": job_id.upper()},
        {**good, "random": {"$ne": None}},
        {**good, "user_id": {"$gt": ""}},
        json.dumps(good).encode("utf-16"),
    ]
    for content in contents:
        for sent in ({"code": "c"}, {"error": "access_denied"}):
            link = told(await world.fetch(callback_url(world, "google", state=encoded(content), **sent)))
            assert link["message"] == "invalid_state"
            assert link["job_id"] == ""
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_whatever_one_character_of_a_good_state_becomes(world: World) -> None:
    (_, state), _ = await waiting(world)
    before = await all_jobs(world)
    # The last character is left out: its spare bits say nothing.
    for place in range(len(state) - 1):
        changed = state[:place] + ("A" if state[place] != "A" else "B") + state[place + 1 :]
        told(await world.fetch(callback_url(world, "google", state=changed, error="access_denied")))
    for changed in (state + "AAAA", state[:-5], state[1:], f" {state}x", f"{state}.{state}"):
        told(await world.fetch(callback_url(world, "google", state=changed, error="access_denied")))
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_a_good_state_that_comes_twice_or_without_a_code(world: World) -> None:
    (_, state), (_, other) = await waiting(world)
    before = await all_jobs(world)
    address = f"{world.origin}{BASE}/google/callback"
    for query in (f"state={state}&state={state}&code=c", f"state={state}&state={other}&error=access_denied"):
        assert told(await world.fetch(f"{address}?{query}"))["job_id"] == ""
    for query in (f"state={state}", f"state={state}&code=a&code=b", f"state={state}&code=%ff"):
        told(await world.fetch(f"{address}?{query}"))
    told(await world.fetch(f"{address}?state={state}", "POST", f"state={state}&error=access_denied", **FORM))
    assert await all_jobs(world) == before


@pytest.mark.parametrize("query", ["", "state={state}&code=c", "state={state}&error=access_denied"])
@pytest.mark.gen_test
async def test_whatever_the_provider_is_called(world: World, query: str) -> None:
    (_, state), _ = await waiting(world)
    before = await all_jobs(world)
    names = [
        "evil", "icloud", "csv", "..", ".", "%2e%2e", "google%2Fcallback", "%2F%2Fevil.example", "Google", "google%20",
        "google%00", "%0d%0aX:%20y%0d%0a", "unknown", "%3Cscript%3E", "evil.example%3F", "x" * 5000,
        "google;x=1", "%ff", "%25ff",
    ]  # fmt: skip
    for name in names:
        link = told(await world.fetch(f"{world.origin}{BASE}/{name}/callback?{query.format(state=state)}"))
        assert link["provider"] == "unknown"
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_whatever_the_method(world: World) -> None:
    (_, state), _ = await waiting(world)
    before = await all_jobs(world)
    for method in ("PUT", "DELETE", "HEAD", "PATCH"):
        for query in ("", f"state={state}&code=c", f"state={state}&error=access_denied"):
            told(await world.fetch(f"{world.origin}{BASE}/google/callback?{query}", method))
    assert await all_jobs(world) == before


EARLY = {
    "an unknown method": ("BREW", {}),
    "a form that is packed": ("POST", {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "br"}),
}


@pytest.mark.parametrize(("method", "headers"), EARLY.values(), ids=EARLY)
@pytest.mark.gen_test
async def test_what_is_refused_before_it_is_routed(world: World, method: str, headers: dict[str, str]) -> None:
    (_, state), _ = await waiting(world)
    before = await all_jobs(world)
    address = f"{world.origin}{BASE}/google/callback?state={state}&error=access_denied"
    told(await world.fetch(address, method, "no form at all" if method == "POST" else None, **headers))
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_whatever_is_posted(world: World) -> None:
    await waiting(world)
    before = await all_jobs(world)
    address = f"{world.origin}{BASE}/microsoft/callback"
    for body in (*QUERIES, "x" * 70000, "[" * 1000):
        for kind in ("application/x-www-form-urlencoded", "application/json", "text/plain", "%"):
            assert told(await world.fetch(address, "POST", body, **{"Content-Type": kind}))["job_id"] == ""
    assert await all_jobs(world) == before


@pytest.mark.gen_test
async def test_the_providers_text_never_travels_on(world: World) -> None:
    for error in ("access_denied", "server_error", "ada@sandbox.example", "x\r\nSet-Cookie: a=b"):
        (_, state), _ = await waiting(world)
        words = {"error_description": "ada@sandbox.example\r\nX: y", "error_uri": "https://evil.example"}
        answer = await world.fetch(callback_url(world, "google", state=state, error=error, **words))
        link = told(answer)
        assert link["message"] == ("access_denied" if error == "access_denied" else "provider_error")
        assert not {"X", "Set-Cookie"} & set(answer.headers)
