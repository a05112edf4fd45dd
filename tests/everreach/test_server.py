"""Connections: who says nothing makes room for who does, and a process without files neither stops nor spins."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.process import cpu_seconds
from everreach import server as server_module
from everreach.server import MOST_FILES
from storage.mongo import Database
from tests.everreach.test_main import Server, fetch, good, serving
from tests.handlers.edge import raw_request
from tests.handlers.following import following, running_job
from tests.handlers.raw_line import RawLine
from tests.world import World, new_user

ALIVE = (200, {"status": "alive"})
LOG_LIMIT = 4096
"""Bytes: a start, and a few lines of what is wrong."""


def silent(server: Server, stack: ExitStack, number: int) -> list[socket.socket]:
    """So many connections that say nothing, and what it takes to make them."""
    port = int(server.origin.rpartition(":")[2])
    return [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(number)]


def ended(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@contextmanager
def measured(server: Server) -> Iterator[None]:
    """Whatever happens meanwhile costs it next to nothing, and it says little about that."""
    began, spent = time.monotonic(), cpu_seconds(server.process.pid)
    yield
    seconds = time.monotonic() - began
    assert cpu_seconds(server.process.pid) - spent < max(0.5, 0.5 * seconds)
    assert server.log.stat().st_size < LOG_LIMIT + 1024 * seconds


def test_a_thousand_who_say_nothing_make_room_for_who_does(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    with serving(tmp_path, good(MONGODB_URI=database_uri), files="400") as server, ExitStack() as stack:
        with measured(server):
            lines = silent(server, stack, 1000)
            for _ in range(20):
                assert fetch(f"{server.origin}/livez") == ALIVE
                assert fetch(f"{server.origin}/readyz") == (200, {"status": "ready"})
            time.sleep(1)
        # Who has been silent the longest goes first, and nobody goes for whom there is a place.
        gone = [ended(line) for line in lines]
        assert gone == sorted(gone, reverse=True)
        assert 100 < gone.count(False) < 270
        assert server.end() == 0
    assert "silent connections are closed" in server.log.read_text()


def test_where_there_is_no_file_for_a_connection_it_waits_and_nothing_spins(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    with serving(tmp_path, good(MONGODB_URI=database_uri)) as server, ExitStack() as stack:
        fetch(f"{server.origin}/readyz")
        pid = server.process.pid
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 2, usual[1]))
        with measured(server):
            silent(server, stack, 100)
            time.sleep(3)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        assert fetch(f"{server.origin}/livez") == ALIVE
        assert server.end() == 0
    assert 1 <= server.log.read_text().count("no connection can be taken: Too many open files") <= 5


def test_a_process_takes_the_files_that_it_may_have(tmp_path: Path, database: Database, database_uri: str) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with serving(tmp_path, good(MONGODB_URI=database_uri), files="-S 512") as server:
        assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (min(hard, MOST_FILES), hard)
        assert server.end() == 0


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 1.5)


@pytest.mark.usefixtures("hasty")
@pytest.mark.gen_test
async def test_the_first_request_has_to_come_soon_and_the_next_in_a_while(world: World) -> None:
    began = time.monotonic()
    for start in (b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        assert await raw_request(world, start) == b""
    assert 0.6 <= time.monotonic() - began < 10
    began = time.monotonic()
    reply = await raw_request(world, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert 1.5 <= time.monotonic() - began < 10


@pytest.mark.usefixtures("hasty")
@pytest.mark.gen_test
async def test_who_follows_a_job_is_not_silent(world: World) -> None:
    user = new_user()
    job_id = await running_job(world, user)
    line = RawLine(world.config.port)
    await line.ask("events", job_id, user)
    await following(world.node, 1)
    await asyncio.sleep(2)
    assert world.node.services.watch.followers == 1
    line.abort()
    await following(world.node, 0)


def test_the_times_are_those_that_are_documented() -> None:
    assert (server_module.HEADER_SECONDS, server_module.IDLE_SECONDS, server_module.BODY_SECONDS) == (60, 300, 30)


@pytest.mark.gen_test
async def test_a_head_that_is_too_large_ends_the_connection_and_the_log_says_so(
    world: World, log_lines: list[str]
) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40000 + b"\r\n\r\n"
    for _ in range(5):
        assert await raw_request(world, head) == b""
    assert 1 <= len([line for line in log_lines if "whose head is larger than 32768 bytes" in line]) < 5
