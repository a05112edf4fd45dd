"""A database that cannot be used says so, with the way to mend it and no secret; one that is away says so soon."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pymongo import MongoClient
from pymongo import errors as driver

from bench.process import free_port
from everreach.errors import DatabaseAwayError, DatabaseError, LeaseLostError
from everreach.jobs.job import RUNNING, Lease
from storage.embedded.binary import find_mongod
from storage.embedded.process import HOST, MongodProcess
from storage.mongo import (
    PASSING_CODES,
    POOL_SIZE,
    Database,
    connect,
    drop,
    neighbour,
    ping,
    translate,
    translated,
    verify,
)
from tests.storage.builders import USER, Stores, failing, people, state_of

SECRET: Final = "hunter2"
AWAY: Final = "The database does not answer at the moment."
TOLD_BY_THE_DRIVER: Final = "db-7.internal:27017: not primary, user everreach, mongodb://u:hunter2@db-7"


@asynccontextmanager
async def opened(uri: str) -> AsyncIterator[Database]:
    database = connect(uri)
    try:
        yield database
    finally:
        database.client.close()


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[str]:
    """The address of a mongod that is no replica set."""
    port, process = free_port(), MongodProcess(tmp_path)
    process.launch(find_mongod(), ["--bind_ip", HOST, "--nounixsocket", "--port", str(port)], {})
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(HOST, port, serverSelectionTimeoutMS=20000)
        with client:
            client.admin.command("ping")
        yield f"mongodb://{HOST}:{port}/everreach"
    finally:
        process.end()


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where connections are taken and nothing is ever answered."""
    with socket.create_server((HOST, 0)) as server:
        yield f"{HOST}:{server.getsockname()[1]}"


@pytest.fixture
def dead() -> Iterator[str]:
    """An address where nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield f"{HOST}:{taken.getsockname()[1]}"


@pytest.mark.gen_test
async def test_a_replica_set_is_welcome(database: Database) -> None:
    await verify(database)
    await ping(database)


@pytest.mark.gen_test
async def test_a_standalone_database_is_refused_with_the_way_to_mend_it(standalone: str) -> None:
    async with opened(standalone) as database:
        with pytest.raises(DatabaseError) as caught:
            await verify(database)
    assert type(caught.value) is DatabaseError
    assert "replica set" in caught.value.message
    assert "--replSet rs0" in caught.value.message
    assert "rs.initiate()" in caught.value.message


@pytest.mark.parametrize(("ask", "kind"), [(verify, "dead"), (ping, "silent")])
@pytest.mark.gen_test
async def test_an_address_where_nobody_answers_is_told_within_seconds(
    request: pytest.FixtureRequest, ask: Callable[[Database], Awaitable[None]], kind: str
) -> None:
    address: str = request.getfixturevalue(kind)
    began = time.monotonic()
    async with opened(f"mongodb://u:{SECRET}@{address}/everreach") as database:
        with pytest.raises(DatabaseAwayError) as caught:
            await ask(database)
    assert time.monotonic() - began < 8
    assert SECRET not in caught.value.message
    assert HOST not in caught.value.message


@pytest.mark.gen_test
async def test_wrong_credentials_are_called_that(mongod_uri: str) -> None:
    async with opened(mongod_uri.replace("://", f"://nobody:{SECRET}@")) as database:
        with pytest.raises(DatabaseError) as caught:
            await verify(database)
    assert "check user and password in MONGODB_URI" in caught.value.message
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://u:{SECRET}@db-7:port/everreach",
        f"mongodb://u:{SECRET}@db-7:99999/everreach",
        f"mongodb://u:{SECRET}/x@db-7/everreach",
        f"mongodb://u:{SECRET}@/everreach",
        f"mongodb://u:{SECRET}@db-7/ever reach",
        f"mongodb://u:{SECRET}@[::1/everreach",
        f"postgres://u:{SECRET}@db-7/everreach",
        "mongodb://",
        "",
    ],
)
@pytest.mark.gen_test
async def test_an_address_that_makes_no_sense_is_refused_without_its_password(uri: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(uri)
    assert caught.value.message.startswith("MONGODB_URI cannot be understood")
    assert SECRET not in caught.value.message
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("path", "name"), [("/people", "people"), ("/", "everreach"), ("", "everreach")])
@pytest.mark.gen_test
async def test_the_path_names_the_database(path: str, name: str) -> None:
    async with opened(f"mongodb://{HOST}:1{path}") as database:
        assert database.name == name
        # What was acknowledged survives the loss of the primary, whatever the address asks for.
        assert database.write_concern.document == {"w": "majority"}


@pytest.mark.gen_test
async def test_moments_are_read_with_their_zone(stores: Stores) -> None:
    state = await stores.waiting()
    assert (await stores.stored(state.job_id))["created_at"].utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "error",
    [
        driver.AutoReconnect(TOLD_BY_THE_DRIVER),
        driver.NetworkTimeout(TOLD_BY_THE_DRIVER),
        driver.ServerSelectionTimeoutError(TOLD_BY_THE_DRIVER),
        driver.NotPrimaryError(TOLD_BY_THE_DRIVER),
        driver.ExecutionTimeout(TOLD_BY_THE_DRIVER),
        driver.WaitQueueTimeoutError(TOLD_BY_THE_DRIVER),
        driver.WTimeoutError(TOLD_BY_THE_DRIVER),
        driver.WriteConcernError(TOLD_BY_THE_DRIVER),
        driver.OperationFailure(TOLD_BY_THE_DRIVER, 8, {"errorLabels": ["RetryableWriteError"]}),
        *(driver.OperationFailure(TOLD_BY_THE_DRIVER, code) for code in sorted(PASSING_CODES)),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'code', '')}",
)
def test_what_passes_by_itself_is_called_away(error: driver.PyMongoError) -> None:
    ours = translate(error)
    assert isinstance(ours, DatabaseAwayError)
    assert ours.message == AWAY


@pytest.mark.parametrize(
    "error",
    [
        driver.OperationFailure(TOLD_BY_THE_DRIVER, 13),
        driver.OperationFailure(TOLD_BY_THE_DRIVER),
        driver.DuplicateKeyError(TOLD_BY_THE_DRIVER, 11000),
        driver.InvalidOperation(TOLD_BY_THE_DRIVER),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_does_not_pass_is_named_without_the_drivers_words(error: driver.PyMongoError) -> None:
    ours = translate(error)
    assert type(ours) is DatabaseError
    assert ours.message == f"The database refused a statement ({type(error).__name__})."


@pytest.mark.parametrize("error", [LeaseLostError(), ValueError("no"), asyncio.CancelledError()])
@pytest.mark.gen_test
async def test_other_errors_pass_through_untouched(error: BaseException) -> None:
    @translated
    async def method() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await method()
    assert caught.value is error


Act = Callable[[Stores, Lease], Awaitable[object]]
ACTS: Final[dict[str, tuple[str, Act]]] = {
    "create": ("update", lambda stores, _: stores.jobs.create(state_of(), "google", "sealed", 600)),
    "cancel": ("findAndModify", lambda stores, lease: stores.jobs.cancel(lease.job.id, USER)),
    "get": ("find", lambda stores, lease: stores.jobs.get(lease.job.id, USER)),
    "renew": ("update", lambda stores, lease: stores.leases.renew(lease)),
    "begin": ("findAndModify", lambda stores, lease: stores.leases.begin(lease)),
    "contacts": ("insert", lambda stores, lease: stores.insert(lease, lease.job.page, people("ada"))),
    "count": ("aggregate", lambda stores, lease: stores.ledger.count(lease.job)),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.gen_test
async def test_a_connection_that_breaks_is_told_and_mends_itself(stores: Stores, act: str) -> None:
    lease = await stores.leased()
    command, attempt = ACTS[act]
    async with failing(stores.database, command, closeConnection=True):
        with pytest.raises(DatabaseAwayError) as caught:
            await attempt(stores, lease)
    assert caught.value.message == AWAY
    await attempt(stores, lease)


@pytest.mark.parametrize("code", [91, 189])
@pytest.mark.gen_test
async def test_a_primary_that_steps_down_is_told(database: Database, database_uri: str, code: int) -> None:
    # A primary that really steps down wakes the driver's monitor; one that only says so has to be asked more often.
    async with opened(f"{database_uri}&heartbeatFrequencyMS=500") as ours:
        stores = Stores(ours)
        lease = await stores.leased()
        async with failing(database, "findAndModify", errorCode=code):
            with pytest.raises(DatabaseAwayError) as caught:
                await stores.leases.begin(lease)
        assert caught.value.message == AWAY
        await stores.leases.begin(lease)


@pytest.mark.parametrize("act", ["create", "cancel", "renew", "begin"])
@pytest.mark.gen_test
async def test_what_no_majority_acknowledged_is_not_called_done(stores: Stores, act: str) -> None:
    lease = await stores.leased()
    command, attempt = ACTS[act]
    timeout = {"code": 64, "errmsg": TOLD_BY_THE_DRIVER}
    async with failing(stores.database, command, writeConcernError=timeout):
        with pytest.raises(DatabaseAwayError) as caught:
            await attempt(stores, lease)
    assert caught.value.message == AWAY


@pytest.mark.gen_test
async def test_one_broken_connection_is_nobodys_business(stores: Stores) -> None:
    lease = await stores.leased()
    once = {"failCommands": ["findAndModify"], "appName": "everreach", "closeConnection": True}
    fault = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": once}
    await stores.database.client.admin.command(fault)
    await stores.leases.identify(lease, "id", "ada@example.org")
    assert (await stores.stored(lease.job.id))["version"] == lease.job.version == 3


@pytest.mark.gen_test
async def test_a_refusal_that_will_not_pass_is_not_called_away(stores: Stores) -> None:
    async with failing(stores.database, "find", errorCode=13):
        with pytest.raises(DatabaseError) as caught:
            await stores.jobs.due(RUNNING, 10)
    assert type(caught.value) is DatabaseError
    assert caught.value.message == "The database refused a statement (OperationFailure)."


FORK = """
import os
import motor.frameworks.asyncio as motor
import storage.mongo
if (child := os.fork()) == 0:
    os._exit(motor._EXECUTOR._max_workers)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_has_a_thread_for_each_connection_too() -> None:
    forked = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=30, check=True)
    assert int(forked.stdout) == POOL_SIZE


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("mongodb://db", "mongodb://db/demo"),
        ("mongodb://db/app?replicaSet=rs0", "mongodb://db/demo?replicaSet=rs0"),
        ("mongodb://a:1,b:2/app?w=majority&w=1", "mongodb://a:1,b:2/demo?w=majority&w=1"),
        ("mongodb://u:p%40@db/app", "mongodb://u:p%40@db/demo?authSource=app"),
        ("mongodb+srv://u:p@db", "mongodb+srv://u:p@db/demo?authSource=admin"),
        ("mongodb://u:p@db/app?authSource=users", "mongodb://u:p@db/demo?authSource=users"),
        ("mongodb://u:p@db/app?authsource=users", "mongodb://u:p@db/demo?authsource=users"),
    ],
)
def test_a_neighbour_is_another_database_for_the_same_user(uri: str, other: str) -> None:
    assert neighbour(uri, "demo") == other


@pytest.mark.gen_test
async def test_a_dropped_database_is_gone(database: Database) -> None:
    assert database.name in await database.client.list_database_names()
    await drop(database)
    assert database.name not in await database.client.list_database_names()
