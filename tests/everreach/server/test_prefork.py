"""Several workers on one port, as real processes: each of them may die, and so may their parent."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.process import free_port
from bench.processes import ended
from everreach.__main__ import main
from everreach.security.authenticator import issue
from storage.mongo import Database
from tests.everreach.test_main import BASE, SCARY, Server, fetch, good, mongods, run, serving, start_seconds
from tests.test_crash import SHORT_LEASE, Import, begin, check_undisturbed, job_of, moved, surroundings
from tests.world import SECRET, new_user

TWO = ("--workers", "2")
MONGOD_AWAY = "The database does not answer; check MONGODB_URI and that mongod is running"


def stat(pid: int) -> tuple[str, int]:
    """A process's state and its parent; X where there is none."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "X", 0
    return state, int(parent)


def lives(pid: int) -> bool:
    # Whoever adopts an orphan may take a while to look at its end.
    return stat(pid)[0] not in "XZ"


def workers(parent: int) -> list[int]:
    """The workers that this parent has at the moment; its mongod is none."""
    found = []
    for pid in (int(process.name) for process in Path("/proc").glob("[0-9]*")):
        with suppress(OSError):
            if stat(pid)[1] == parent and lives(pid) and b"--workers" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return sorted(found)


def until(happened: Callable[[], object], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pair(parent: int, *, without: int = 0) -> list[int]:
    """The two workers, once there are two; `without` is one that has to be gone."""
    found: list[int] = []

    def complete() -> bool:
        found[:] = workers(parent)
        return len(found) == 2 and without not in found

    until(complete)
    return found


@contextmanager
def begun(folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    """A server that is to have two workers, of which nothing is left afterwards, however the test ends."""
    server = Server(folder, settings, *TWO)
    try:
        yield server
    finally:
        left = workers(server.process.pid)
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def staffed(folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    """The same, once it answers."""
    with begun(folder, settings) as server:
        server.wait()
        yield server


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    until(lambda: stat(pid)[0] == "T")
    yield
    os.kill(pid, signal.SIGCONT)


def test_each_worker_answers_on_the_one_port(tmp_path: Path, database: Database, database_uri: str) -> None:
    with staffed(tmp_path, good(MONGODB_URI=database_uri)) as server:
        for silent in pair(server.process.pid):
            with stopped(silent):
                assert fetch(f"{server.origin}/readyz") == (200, {"status": "ready"})


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, database: Database, database_uri: str) -> None:
    with staffed(tmp_path, good(MONGODB_URI=database_uri)) as server:
        killed, other = pair(server.process.pid)
        os.kill(killed, signal.SIGKILL)
        assert all(fetch(f"{server.origin}/readyz")[0] == 200 for _ in range(20))
        assert other in pair(server.process.pid, without=killed)
        # The new one answers too.
        with stopped(other):
            assert fetch(f"{server.origin}/readyz")[0] == 200
        assert server.end() == 0
    log = server.log.read_text()
    assert f"Worker {killed} ended with exit code -9" in log
    assert log.count("listening on port") == 1


def test_a_worker_that_is_told_to_end_does_so_cleanly_and_is_replaced(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    with staffed(tmp_path, good(MONGODB_URI=database_uri)) as server:
        told, _ = pair(server.process.pid)
        # It has to be beyond its start, for only then the log tells of its end.
        until(lambda: "listening on port" in server.log.read_text())
        os.kill(told, signal.SIGTERM)
        pair(server.process.pid, without=told)
        assert f"Worker {told} ended with exit code 0" in server.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_them_all_and_their_mongod(tmp_path: Path, data_dir: Path, number: signal.Signals) -> None:
    with staffed(tmp_path, good(EVERREACH_DATA_DIR=str(data_dir))) as server:
        both = pair(server.process.pid)
        assert len(mongods(data_dir)) == 1
        began = time.monotonic()
        if number is signal.SIGINT:
            # Ctrl-C reaches each process by itself.
            for pid in both:
                os.kill(pid, number)
        assert server.end(number) == 0
        assert time.monotonic() - began < 10
        assert not any(lives(pid) for pid in both)
        assert mongods(data_dir) == []
        with pytest.raises(OSError, match="refused"):
            fetch(f"{server.origin}/livez")
    log = server.log.read_text()
    assert log.count("listening on port") == 1
    assert not [word for word in SCARY if word in log], log


def test_a_signal_during_the_start_ends_them_cleanly(tmp_path: Path, database: Database, database_uri: str) -> None:
    with begun(tmp_path, good(MONGODB_URI=database_uri)) as server:
        both = pair(server.process.pid)
        assert server.end() == 0
    assert not any(lives(pid) for pid in both)
    assert not [word for word in SCARY if word in server.log.read_text()], server.log.read_text()


def test_a_worker_that_hangs_does_not_keep_the_others_from_ending(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    with staffed(tmp_path, good(MONGODB_URI=database_uri, EVERREACH_SHUTDOWN_SECONDS="0")) as server:
        both = pair(server.process.pid)
        until(lambda: "listening on port" in server.log.read_text())
        os.kill(both[0], signal.SIGSTOP)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 10
        assert not any(lives(pid) for pid in both)
    assert f"worker {both[0]} did not end in time" in server.log.read_text()


def test_the_workers_end_when_their_parent_is_killed(tmp_path: Path, database: Database, database_uri: str) -> None:
    with staffed(tmp_path, good(MONGODB_URI=database_uri)) as server:
        both = pair(server.process.pid)
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not any(lives(pid) for pid in both))
        with socket.create_server(("127.0.0.1", int(server.origin.rpartition(":")[2]))):
            assert not [word for word in SCARY if word in server.log.read_text()]


def test_any_free_port_is_one_port_for_all(tmp_path: Path, database: Database, database_uri: str) -> None:
    with begun(tmp_path, good(MONGODB_URI=database_uri, PORT="0")) as server:
        both = pair(server.process.pid)
        until(lambda: "listening on port" in server.log.read_text())
        (port,) = re.findall(r"listening on port (\d+) with 2 workers", server.log.read_text())
        for silent in both:
            with stopped(silent):
                assert fetch(f"http://127.0.0.1:{port}/livez")[0] == 200
        assert server.end() == 0


def test_settings_that_cannot_be_used_are_told_once(tmp_path: Path) -> None:
    ended = run(tmp_path, "serve", *TWO, PORT="many", MONGODB_URI="postgres://host/db")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("The settings cannot be used:") == ended.stderr.count("- PORT: ") == 1


def test_a_database_that_is_away_is_told_once(tmp_path: Path) -> None:
    uri = f"mongodb://somebody:secret@127.0.0.1:{free_port()}/everreach?replicaSet=rs0"
    start = start_seconds(tmp_path)
    began = time.monotonic()
    ended = run(tmp_path, "serve", *TWO, **good(MONGODB_URI=uri))
    assert time.monotonic() - began < 8 + 4 * start
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{MONGOD_AWAY}\n")


def test_a_port_that_is_taken_is_told_once(tmp_path: Path, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, "serve", *TWO, **good(PORT=port, EVERREACH_DATA_DIR=str(data_dir)))
    assert ended.returncode == 1
    assert ended.stderr == f"Cannot listen on port {port}: Address already in use. Set PORT to another.\n"
    assert not data_dir.exists()


def test_one_that_cannot_come_back_is_tried_again_until_it_can(tmp_path: Path, data_dir: Path) -> None:
    with staffed(tmp_path, good(EVERREACH_DATA_DIR=str(data_dir))) as server:
        killed, other = pair(server.process.pid)
        until(lambda: "listening on port" in server.log.read_text())
        (mongod,) = mongods(data_dir)
        with stopped(mongod):
            os.kill(killed, signal.SIGKILL)
            until(lambda: MONGOD_AWAY in server.log.read_text())
        assert server.process.poll() is None
        with stopped(other):
            until(lambda: served(server))
        assert server.end() == 0


def served(server: Server) -> bool:
    """Whether it answers; who tries in vain to start takes no connection."""
    with suppress(OSError):
        return fetch(f"{server.origin}/readyz")[0] == 200
    return False


@pytest.mark.parametrize("count", ["0", "-1", "many", "257", ""])
def test_a_number_of_workers_that_makes_no_sense_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", f"--workers={count}"])
    assert "--workers: give a whole number from 1 to 256" in capsys.readouterr().err


def test_one_worker_is_not_forked(tmp_path: Path, database: Database, database_uri: str) -> None:
    with serving(tmp_path, good(MONGODB_URI=database_uri), "--workers", "1") as server:
        assert workers(server.process.pid) == []
        assert server.end() == 0
    assert re.search(r"listening on port \d+\n", server.log.read_text())


def test_a_limit_holds_for_all_workers_together(tmp_path: Path, database: Database, database_uri: str) -> None:
    authorization = {"Authorization": f"Bearer {issue(SECRET, new_user(), 600)}"}
    with staffed(tmp_path, good(MONGODB_URI=database_uri)) as server:
        answers = []
        for silent in pair(server.process.pid):
            with stopped(silent):
                answers += [fetch(f"{server.origin}{BASE}/google/start", "POST", **authorization)[0] for _ in range(3)]
        assert answers == [200, 200, 200, 200, 200, 429]


@pytest.mark.gen_test(timeout=60)
async def test_imports_come_out_exact() -> None:
    async with surroundings(latency=0) as (bench, database), bench.server("crash", *TWO) as server:
        await server.ready(bench.http)
        imports = [await begin(bench, server, provider, 3000) for provider in ("google", "microsoft") * 2]
        for one in imports:
            await ended(server.client(bench.http, one.user), one.job_id)
            await check_undisturbed(database, one)


@pytest.mark.gen_test(timeout=90)
async def test_an_import_survives_each_worker_that_dies() -> None:
    async with surroundings(latency=0.15) as (bench, database), bench.server("crash", *TWO, **SHORT_LEASE) as server:
        await server.ready(bench.http)
        parent = server.child.pid
        one = await begin(bench, server, "google", 20_000)
        owners = []
        # One of the two holds it, and each of them dies while it does or could.
        for killed in await asyncio.to_thread(pair, parent):
            owners.append(await owner_on_the_way(database, one))
            os.kill(killed, signal.SIGKILL)
            await asyncio.to_thread(pair, parent, without=killed)
        owners.append(await owner_on_the_way(database, one))
        assert owners[0] != owners[-1]
        await ended(server.client(bench.http, one.user), one.job_id)
        await check_undisturbed(database, one)
        assert await server.end(signal.SIGTERM) == 0


async def owner_on_the_way(database: Database, one: Import) -> str:
    """Who holds the import, as soon as it has moved a page further."""
    await moved(database, one, (await job_of(database, one))["page"], 40)
    job = await job_of(database, one)
    assert job["status"] == "processing"
    return str(job["lease_owner"])
