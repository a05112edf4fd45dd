"""A real mongod for the whole run, a database of its own for each test."""

import asyncio
import gc
import logging
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from tornado.ioloop import IOLoop

from everreach.observability.logs import OURS, TextLine
from storage.embedded.mongod import EmbeddedMongod
from storage.indexes import ensure_indexes
from storage.mongo import Database, connect
from tests.browser import PHONE, Browser, chromium
from tests.databases import Databases
from tests.project import Project
from tests.receiver import Receiver
from tests.world import World

T = TypeVar("T")

# A change is judged by the same examples each time; what nobody has thought of yet is looked for by `make explore`.
settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", max_examples=5000, deadline=None)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make kills`, `make schemathesis`, `make ship` and whoever looks at the console ask for beyond every run."""
    parser.addoption("--kills", type=int, default=0, metavar="N", help="how many random kills, at the least")
    parser.addoption("--pictures", type=Path, metavar="FOLDER", help="where to keep pictures of the console")
    parser.addoption("--cases", type=int, default=0, metavar="N", help="how many requests of each kind are made up")
    parser.addoption("--ship", action="store_true", help="test the program of one file and the image, too")


def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Run it on a loop and a thread of its own: this thread's loop belongs to the test that runs, or ran before."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def mongod_uri() -> Iterator[str]:
    """A replica set of one that can play faults on demand; in memory where that can be had, for the tests' sake."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        mongod = EmbeddedMongod(Path(folder), parameters={"enableTestCommands": "1"})
        yield elsewhere(mongod.start())
        elsewhere(mongod.stop())


@pytest.fixture(scope="session")
def databases(mongod_uri: str) -> Iterator[Databases]:
    """Databases that know what one looks like when it is ready for use."""

    async def ready(uri: str) -> None:
        made = connect(uri)
        await ensure_indexes(made)
        made.client.close()

    pool = Databases(mongod_uri)
    with pool.one() as uri:
        elsewhere(ready(uri))
        pool.learn(uri)
    yield pool
    pool.close()


@pytest.fixture
def database_uri(databases: Databases) -> Iterator[str]:
    """The address of a database that no other test uses meanwhile; it is empty, and may have its indexes already."""
    with databases.one() as uri:
        yield uri


@pytest.fixture
def database(io_loop: IOLoop, database_uri: str) -> Iterator[Database]:
    """That database, with its indexes."""

    async def opened() -> Database:
        made = connect(database_uri)
        await ensure_indexes(made)
        return made

    made: Database = io_loop.run_sync(opened)
    yield made
    made.client.close()


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What our log prints for people meanwhile, line by line."""

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    lines: list[str] = []
    keeper = Keeper()
    keeper.setFormatter(TextLine())
    loggers = [logging.getLogger(name) for name in OURS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(keeper)
    yield lines
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.removeHandler(keeper)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What holds itself in a circle stays for good."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder for an embedded mongod of the test's own."""
    return tmp_path / "data"


@pytest.fixture
def world(request: pytest.FixtureRequest, io_loop: IOLoop, database_uri: str) -> Iterator[World]:
    """A node and a sandbox; `@pytest.mark.settings(name=value)` changes the node's settings."""
    marker = request.node.get_closest_marker("settings")

    async def opened() -> World:
        made = World(database_uri, marker.kwargs if marker else {})
        await made.open()
        return made

    made: World = io_loop.run_sync(opened)
    yield made
    io_loop.run_sync(made.close)


@pytest.fixture
def project(request: pytest.FixtureRequest, io_loop: IOLoop) -> Iterator[Project]:
    """A Supabase project of the test's own; `@pytest.mark.parametrize("project", [issuer], indirect=True)` names it."""

    async def opened() -> Project:
        return Project(getattr(request, "param", None))

    made: Project = io_loop.run_sync(opened)
    yield made
    io_loop.run_sync(made.close)


@pytest.fixture
def receiver(io_loop: IOLoop) -> Iterator[Receiver]:
    """Somebody who is told by webhook."""

    async def opened() -> Receiver:
        return Receiver()

    made: Receiver = io_loop.run_sync(opened)
    yield made
    io_loop.run_sync(made.close)


@pytest.fixture(scope="session")
def running_chromium(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of the console: to start one takes a second."""
    with chromium(tmp_path_factory.mktemp("chromium"), request.config.getoption("--pictures")) as browser:
        browser.witness()
        yield browser


@pytest.fixture
def browser(running_chromium: Browser) -> Iterator[Browser]:
    """A phone by day, until the test says otherwise; nothing may have been complained of in the end."""
    running_chromium.resize(PHONE)
    yield running_chromium
    complaints = running_chromium.complaints()
    # Before its server goes away.
    running_chromium.leave()
    assert complaints == []
