"""The command line, run as an operator runs it: serve and check, good settings and bad, and every way to end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bench.process import free_port
from everreach.tokens import issue
from storage.mongo import Database
from tests.world import KEY, SECRET, new_user

ROOT = Path(__file__).parents[2]
BASE = "/api/v1/contacts/import"
SCARY = ("Traceback", "Error", "ERROR", "Unclosed", "was never", "Exception", "Warning")


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Only what a fresh shell would have, and the settings; the folder has no .env."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return {**bare, **settings}


def good(**settings: str) -> dict[str, str]:
    return {
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "NEXT_PUBLIC_BASE_URL": "https://api.everreach.example",
        "GOOGLE_CLIENT_ID": "the-google-id",
        "GOOGLE_CLIENT_SECRET": "the-google-secret",
        "SUPABASE_JWT_SECRET": SECRET,
        "TOKEN_ENCRYPTION_KEYS": KEY,
        **settings,
    }


def run(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "everreach", *arguments]
    env = environment(folder, **settings)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)


def start_seconds(folder: Path) -> float:
    """How long this machine takes at the moment to begin a process of ours that ends at once."""
    began = time.monotonic()
    run(folder, "serve", PORT="many")
    return time.monotonic() - began


def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


class Server:
    """`everreach serve` as a process of its own, which may have so many `files` open."""

    def __init__(self, folder: Path, settings: dict[str, str], *arguments: str, files: str = "") -> None:
        self.origin = f"http://127.0.0.1:{settings['PORT']}"
        self.log = folder / "stderr.txt"
        command = [sys.executable, "-m", "everreach", "serve", *arguments]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command] if files else command,
                cwd=folder,
                env=environment(folder, **settings),
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError):
                assert fetch(f"{self.origin}/livez") == (200, {"status": "alive"})
                return
            time.sleep(0.05)
        pytest.fail("it never answered")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)


@contextmanager
def serving(folder: Path, settings: dict[str, str], *arguments: str, files: str = "") -> Iterator[Server]:
    server = Server(folder, settings, *arguments, files=files)
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(
    tmp_path: Path, database: Database, database_uri: str, number: signal.Signals
) -> None:
    user = new_user()
    risky = {"GOOGLE_TOKEN_URL": "http://oauth2.example.com/token"}
    with serving(tmp_path, good(MONGODB_URI=database_uri, **risky)) as server:
        assert fetch(f"{server.origin}/readyz") == (200, {"status": "ready"})
        authorization = {"Authorization": f"Bearer {issue(SECRET, user, 60)}"}
        status, started = fetch(f"{server.origin}{BASE}/google/start", "POST", **authorization)
        assert (status, started["provider"]) == (200, "google")
        assert started["authorization_url"].startswith("https://accounts.google.com/o/oauth2/v2/auth?")
        began = time.monotonic()
        assert server.end(number) == 0
        assert time.monotonic() - began < 10
    log = server.log.read_text()
    assert "listening on port" in log
    assert log.count("GOOGLE_TOKEN_URL is plain http") == 1
    assert "StartHandler" in log
    assert not [word for word in SCARY if word in log], log
    assert user not in log
    assert "Bearer" not in log
    with pytest.raises(OSError, match="refused"):
        fetch(f"{server.origin}/livez")


def test_settings_that_cannot_be_used_are_all_told_at_once(tmp_path: Path) -> None:
    ended = run(tmp_path, "serve", PORT="many", GOOGLE_CLIENT_ID="id", MONGODB_URI="postgres://u:secret@host/db")
    assert (ended.returncode, ended.stdout) == (1, "")
    for name in ("PORT", "TOKEN_ENCRYPTION_KEYS", "SUPABASE_URL", "NEXT_PUBLIC_BASE_URL", "MONGODB_URI"):
        assert f"- {name}: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr


def test_without_any_settings_it_says_which_it_needs(tmp_path: Path) -> None:
    for command in ("serve", "check"):
        ended = run(tmp_path, command)
        told = ended.stdout + ended.stderr
        assert ended.returncode == 1
        assert "TOKEN_ENCRYPTION_KEYS" in told
        assert "SUPABASE_JWT_SECRET" in told
        assert "Traceback" not in told
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path, database: Database, database_uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, "serve", **good(PORT=port, MONGODB_URI=database_uri))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "ddress already in use" in ended.stderr


def test_a_port_that_is_taken_is_all_that_is_told(tmp_path: Path, database: Database, database_uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, "serve", **good(PORT=port, MONGODB_URI=database_uri))
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert port in ended.stderr


def test_a_database_that_is_away_is_told_within_seconds(tmp_path: Path) -> None:
    uri = f"mongodb://somebody:hunter2@127.0.0.1:{free_port()}/everreach?replicaSet=rs0"
    start = start_seconds(tmp_path)
    began = time.monotonic()
    for command in ("serve", "check"):
        ended = run(tmp_path, command, **good(MONGODB_URI=uri))
        told = ended.stdout + ended.stderr
        assert ended.returncode == 1
        assert "MONGODB_URI" in told
        assert "Traceback" not in told
        assert "hunter2" not in told
    assert time.monotonic() - began < 2 * (8 + 4 * start)


def test_check_says_what_is_configured(tmp_path: Path, database: Database, database_uri: str) -> None:
    ended = run(tmp_path, "check", **good(MONGODB_URI=database_uri))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "google: configured" in ended.stdout
    assert f"https://api.everreach.example{BASE}/google/callback" in ended.stdout
    assert "microsoft: not configured" in ended.stdout
    assert "the-google-secret" not in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr


def test_without_a_command_it_says_how_to_use_it(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert ended.returncode == 2
    assert "usage: everreach" in ended.stderr


def mongods(folder: Path) -> list[int]:
    """The mongods that run on this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if b"mongod" in words and os.fsencode(folder) in words:
                found.append(int(process.name))
    return found


def test_its_own_mongod_outlives_a_kill_with_all_its_data_and_ends_with_it(tmp_path: Path, data_dir: Path) -> None:
    settings, user = good(EVERREACH_DATA_DIR=str(data_dir)), new_user()
    authorization = {"Authorization": f"Bearer {issue(SECRET, user, 600)}"}
    with serving(tmp_path, settings) as server:
        _, started = fetch(f"{server.origin}{BASE}/google/start", "POST", **authorization)
        assert len(mongods(data_dir)) == 1
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
    with serving(tmp_path, settings) as server:
        status, job = fetch(f"{server.origin}{BASE}/status/{started['job_id']}", **authorization)
        assert (status, job["id"], job["status"]) == (200, started["job_id"], "authenticating")
        assert len(mongods(data_dir)) == 1
        checked = run(tmp_path, "check", **settings)
        assert checked.returncode == 0, checked.stdout
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 10
    assert mongods(data_dir) == []
    assert not [word for word in SCARY if word in server.log.read_text()]
