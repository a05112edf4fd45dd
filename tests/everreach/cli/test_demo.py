"""The demo, as a script runs it: four whole imports, and an exit code."""

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.everreach.test_main import environment, fetch, mongods


def test_it_imports_four_address_books_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "everreach", "demo", "--contacts", "300"]
    env = environment(tmp_path, TMPDIR=str(tmp_path), COLUMNS="120")
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1,200 contacts processed in all." in ended.stdout
    lines = [row.replace(" file", "").split() for row in ended.stdout.splitlines()]
    rows = {row[0]: row for row in lines if row[1:2] == ["300"]}
    assert set(rows) == {"Google", "Microsoft", "CSV", "vCard"}
    for _, contacts, new, duplicate, no_email, failed, *_ in rows.values():
        assert int(new) + int(duplicate) + int(no_email) + int(failed) == int(contacts) == 300
        assert int(new) > 200
        assert failed == "0"
    assert "everreach demo --keep" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert not ended.stderr, ended.stderr
    assert mongods(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_at_a_given_mongod_it_has_a_database_of_its_own_and_drops_it(tmp_path: Path, mongod_uri: str) -> None:
    with MongoClient[dict[str, Any]](mongod_uri) as client:
        # One that an operator would not want to find a demo's people in.
        client["everreach"]["contacts"].insert_one({"email": "mine@example.com"})
        command = [sys.executable, "-m", "everreach", "demo", "--contacts", "100"]
        env = environment(tmp_path, TMPDIR=str(tmp_path), MONGODB_URI=mongod_uri)
        ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "400 contacts processed in all." in ended.stdout
        assert mongods(tmp_path) == []
        assert client["everreach"]["contacts"].count_documents({}) == 1
        assert not [name for name in client.list_database_names() if name.startswith("everreach_demo")]
        client.drop_database("everreach")


def test_kept_running_it_invites_to_the_console_and_to_the_api(tmp_path: Path) -> None:
    with kept_running(tmp_path) as told:
        link = re.search(r"^(http://\S+/console)#token=(\S+)$", told, re.MULTILINE)
        copied = dict(re.findall(r"^(API|TOKEN)=(\S+)$", told, re.MULTILINE))
        assert link
        assert link[2] == copied["TOKEN"]
        with urllib.request.urlopen(link[1], timeout=10) as page:
            assert page.headers["Content-Type"].startswith("text/html")
        status, listed = fetch(f"{copied['API']}/list", Authorization=f"Bearer {copied['TOKEN']}")
        assert (status, [job["provider"] for job in listed["jobs"]]) == (200, ["google"])
    assert mongods(tmp_path) == []


@contextmanager
def kept_running(folder: Path) -> Iterator[str]:
    """A demo of two empty address books, and what it has printed; ended with Ctrl-C afterwards."""
    command = [sys.executable, "-m", "everreach", "demo", "--contacts", "0", "--keep"]
    env = environment(folder, TMPDIR=str(folder))
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout
            told = "".join(iter(demo.stdout.readline, "Everything keeps running; end it with Ctrl-C.\n"))
            assert "0 contacts processed in all." in told
            yield told
            demo.send_signal(signal.SIGINT)
            assert demo.wait(20) == 0
        finally:
            demo.kill()
