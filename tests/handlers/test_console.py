"""The console's files: off unless switched on, whole, cached by their content, and held by a strict policy."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.handlers.edge import check_error
from tests.world import Answer, World

ON = pytest.mark.settings(everreach_console=True)
FOLDER = Path(str(files("handlers.console")))
FILES = sorted(file.name for file in FOLDER.iterdir() if file.suffix in {".html", ".css", ".js", ".svg"})
LIMIT = 64 * 1024
"""Bytes of the whole page: what a phone on a slow line loads in a second or two."""


async def get(world: World, path: str = "", **headers: str) -> Answer:
    return await world.fetch(f"{world.origin}/console{path}", **headers)


@pytest.mark.gen_test
async def test_without_the_setting_there_is_nothing(world: World) -> None:
    for path in ("", "/", "/main.js", "/index.html"):
        check_error(await get(world, path), 404, "Not Found")


@ON
@pytest.mark.gen_test
async def test_the_page_and_all_that_it_names_are_there(world: World) -> None:
    page = await get(world)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    named = set(re.findall(r'(?:href|src)="console(/[^"]+)"', page.body.decode()))
    parts = {f"/{name}" for name in FILES if name.endswith((".js", ".css"))}
    # What is loaded later all the same shall not be found out one file after the other.
    assert named == parts | {"/icon.svg"}
    answers = [await get(world, path) for path in named]
    assert {answer.status for answer in answers} == {200}
    assert sum(len(answer.body) for answer in (page, *answers)) < LIMIT


@ON
@pytest.mark.gen_test
async def test_each_file_has_its_type_and_is_loaded_again_only_when_it_changed(world: World) -> None:
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for name in FILES:
        answer = await get(world, f"/{name}")
        assert answer.headers["Content-Type"].split(";")[0] == types[name.rpartition(".")[2]]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-cache"
        again = await get(world, f"/{name}", **{"If-None-Match": answer.headers["Etag"]})
        assert (again.status, again.body) == (304, b"")
        assert (await get(world, f"/{name}", **{"If-None-Match": '"other"'})).body == answer.body


@ON
@pytest.mark.gen_test
async def test_the_policy_lets_the_page_call_this_server_and_nothing_else(world: World) -> None:
    answer = await get(world)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' ws://127.0.0.1:{world.config.port}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@ON
@pytest.mark.gen_test
async def test_only_the_page_s_own_files_are_served(world: World) -> None:
    for path in ("/", "/__init__.py", "/__pycache__", "/..%2fbase.py", "/../base.py", "/%2e%2e/base.py", "/main.js/x"):
        check_error(await get(world, path), 404, "Not Found")
    refused = await world.fetch(f"{world.origin}/console", "POST")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_nothing_is_inline_nothing_comes_from_elsewhere_and_text_is_only_put_in_as_text() -> None:
    for name in FILES:
        text = (FOLDER / name).read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text), name
