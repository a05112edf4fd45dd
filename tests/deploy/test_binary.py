"""The program of one file: it needs no Python, holds what it needs and nothing more, starts at once, ends cleanly."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PyInstaller.archive.readers import CArchiveReader
from pymongo import MongoClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from bench.process import cpu_seconds
from deploy.stage_image import copy, system_libraries
from providers.sandbox.app import make_app
from tests.deploy.conftest import ROOT
from tests.deploy.shipped import AS_NOBODY, Shipped, children, end, running, status
from tests.everreach.test_main import SCARY, good

LIMIT = 45_000_000
DEARER = 1.6
PACKAGES = ("everreach", "handlers", "providers", "storage")
FOREIGN = {"fiftyone", "pytest", "_pytest", "hypothesis", "mypy", "ruff", "googleapiclient", "PyInstaller", "tests"}


@pytest.fixture
def bare(tmp_path: Path, program: Path, root_user: None) -> Path:
    """A root with the program, the C library, and a folder to unpack in: what the smallest machine has."""
    root = tmp_path / "root"
    (root / "tmp").mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    root.chmod(0o755)
    shutil.copy(program, root / "everreach")
    for library in system_libraries(program.parent / "folder"):
        copy(library, root)
    return root


def test_it_is_small(program: Path) -> None:
    assert program.stat().st_size < LIMIT


def test_it_holds_our_packages_whole_and_nothing_of_the_workshop(program: Path) -> None:
    archive = CArchiveReader(str(program))
    modules = set(archive.open_embedded_archive("PYZ.pyz").toc)
    files = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    ours = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files if path.suffix == ".py"}
    # The sandbox's own command line is not reached from ours; ours is the script that is run.
    assert ours - modules <= {"everreach.__main__", "providers.sandbox.__main__"}
    assert {str(path) for path in files if path.suffix not in {".py", ".pyc"}} <= set(archive.toc)
    assert {name for name in {*modules, *archive.toc} if name.replace("/", ".").partition(".")[0] in FOREIGN} == set()


@pytest.mark.gen_test(timeout=60)
async def test_a_start_costs_little_more_than_that_of_python(program: Path, shipped: Shipped, tmp_path: Path) -> None:
    shipped.environment["PYTHONPATH"] = str(ROOT)
    python = (sys.executable, "-m", "everreach", "serve")
    # Until it answers it hardly waits for anything, and a busy machine makes the clock on the wall tell nothing.
    packed = min(cost(shipped, (str(program), "serve"), tmp_path) for _ in range(3))
    plain = min(cost(shipped, python, tmp_path) for _ in range(3))
    assert packed < DEARER * plain, (packed, plain)


def cost(world: Shipped, command: Sequence[str], folder: Path) -> float:
    """The seconds of a processor until it answers, those of all its processes."""
    with running(world, command, folder) as server:
        spent = sum(cpu_seconds(pid) for pid in (server.pid, *children(server.pid)))
        assert end(server) == 0
    return spent


@pytest.mark.gen_test(timeout=60)
async def test_two_whole_imports_in_a_root_without_anything(shipped: Shipped, bare: Path, tmp_path: Path) -> None:
    command = (*AS_NOBODY, str(bare), "/everreach", "serve")
    with running(shipped, command, tmp_path) as server:
        await shipped.imported("google")
        await shipped.imported("microsoft")
        assert end(server) == 0
    assert not [word for word in SCARY if word in shipped.log], shipped.log
    assert list((bare / "tmp").iterdir()) == []


@contextmanager
def over_tls(world: Shipped, folder: Path) -> Iterator[Path]:
    """The sandbox's Google behind a certificate of our own, whose file is given."""
    subject = "/CN=sandbox -addext subjectAltName=IP:127.0.0.1 -newkey rsa:2048 -nodes -days 2 -keyout key -out cert"
    subprocess.run(["openssl", "req", "-x509", "-subj", *subject.split()], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    server = HTTPServer(make_app(world.sandbox), ssl_options=context)
    (listening, *_) = bind_sockets(0, "127.0.0.1")
    server.add_sockets([listening])
    urls = world.sandbox.urls(f"https://127.0.0.1:{listening.getsockname()[1]}")
    names = ("GOOGLE_TOKEN_URL", "GOOGLE_USERINFO_URL", "GOOGLE_PEOPLE_URL")
    world.environment.update({name: urls[name] for name in names})
    yield folder / "cert"
    server.stop()


@pytest.mark.parametrize("place", ["etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt"])
@pytest.mark.gen_test(timeout=60)
async def test_it_trusts_whom_the_machine_trusts(shipped: Shipped, bare: Path, tmp_path: Path, place: str) -> None:
    with over_tls(shipped, tmp_path) as certificate:
        (bare / place).parent.mkdir(parents=True)
        shutil.copy(certificate, bare / place)
        with running(shipped, (*AS_NOBODY, str(bare), "/everreach", "serve"), tmp_path) as server:
            await shipped.imported("google")
            assert end(server) == 0


@pytest.mark.settings(everreach_console=True)
@pytest.mark.gen_test(timeout=60)
async def test_its_pages_are_in_it(program: Path, shipped: Shipped, tmp_path: Path) -> None:
    with running(shipped, (str(program), "serve"), tmp_path) as server:
        for path in ("/console", "/docs", "/api/v1/openapi.json", "/metrics"):
            assert (await shipped.fetch(f"{shipped.origin}{path}")).status == 200, path
        assert end(server) == 0


@pytest.mark.gen_test(timeout=60)
async def test_workers_are_forked_and_all_end(program: Path, shipped: Shipped, tmp_path: Path) -> None:
    with running(shipped, (str(program), "serve", "--workers", "2"), tmp_path) as server:
        (parent,) = children(server.pid)
        assert len(workers := children(parent)) == 2
        await shipped.imported("google")
        assert end(server) == 0
    assert not any(status(pid) for pid in (parent, *workers))
    assert not [word for word in SCARY if word in shipped.log], shipped.log


@pytest.mark.gen_test(timeout=60)
async def test_ctrl_c_reaches_both_its_processes_and_ends_them_once(
    program: Path, shipped: Shipped, tmp_path: Path
) -> None:
    with running(shipped, (str(program), "serve"), tmp_path) as server:
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(10) == 0
    assert not [word for word in SCARY if word in shipped.log], shipped.log


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.gen_test(timeout=60)
async def test_nobody_is_left_when_the_one_that_was_started_is_killed(
    program: Path, shipped: Shipped, tmp_path: Path, workers: str
) -> None:
    with running(shipped, (str(program), "serve", "--workers", workers), tmp_path) as server:
        assert end(server, number=signal.SIGKILL) == -signal.SIGKILL
        for _ in range(1000):
            if not shipped.answers():
                break
            await asyncio.sleep(0.01)
        assert not shipped.answers()


def test_the_demo_has_a_database_of_its_own_and_drops_it(program: Path, mongod_uri: str, tmp_path: Path) -> None:
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongod_uri) as client:
        before = client.list_database_names()
        environment = {"MONGODB_URI": mongod_uri, "TMPDIR": str(tmp_path)}
        ended = subprocess.run(
            [program, "demo", "--contacts", "200"], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "800 contacts processed in all." in ended.stdout
        assert client.list_database_names() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["serve", "check"])
def test_without_a_database_it_says_in_one_sentence_what_to_do(bare: Path, command: str) -> None:
    settings = good(HOME="/tmp", COLUMNS="200")
    ended = subprocess.run(
        [*AS_NOBODY, bare, "/everreach", command], env=settings, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    told = (ended.stdout + ended.stderr).splitlines()[-1].removeprefix("✗ ")
    assert told == "No mongod was found. Please set MONGODB_URI to a MongoDB replica set, or install mongod."
