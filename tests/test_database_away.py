"""The database refuses, hangs up, dawdles, or is away: an import goes on by itself, and nothing is lost or doubled."""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pymongo import MongoClient

import storage.contacts.store
import storage.ledger
from everreach.concurrency import poller
from everreach.engine import importer
from everreach.server.app import Node
from providers import paging
from providers.sandbox.faults import Fault
from storage.embedded.mongod import EmbeddedMongod
from storage.indexes import CONTACTS, JOBS, LEDGER
from storage.leases import LeaseStore
from storage.ledger import Ledger
from tests.test_crash import Import, check_undisturbed
from tests.world import ACCOUNT, Answer, World, new_user

SIZE, PAGE = 60, 20
PROVIDERS = pytest.mark.parametrize("provider", ["google", "microsoft"])
PLACES = pytest.mark.parametrize("place", ["first", "middle", "last"])
SHORT_LEASE = pytest.mark.settings(everreach_lease_seconds=1)
COMMANDS = ("find", "getMore", "aggregate", "insert", "update", "delete", "findAndModify", "ping")
SECONDS = 8.0
"""What the contract calls "within seconds", on a busy machine."""


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own waits, shortened."""
    monkeypatch.setattr(importer, "_DATABASE_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(poller, "SCAN_SECONDS", 0.1)
    monkeypatch.setattr(paging, "PAGE_SIZES", (PAGE,))


@pytest.fixture
def database_uri(database_uri: str) -> str:
    """The driver takes a server that refuses for changed, and looks again when the server says so or some time has
    passed; one that only pretends does not say so."""
    return f"{database_uri}&heartbeatFrequencyMS=500"


class Kind(NamedTuple):
    """What happens to a command, and how often in a row; the driver by itself tries a second time."""

    name: str
    data: Mapping[str, Any]
    times: int


def refusal(code: int) -> dict[str, Any]:
    return {"errorCode": code}


HANG_UP = {"closeConnection": True}
# The statement is done, but nobody says that a majority has it. The driver tries again after the first, not the second.
UNSURE_PASSING = {"writeConcernError": {"code": 91, "errmsg": "the primary is shutting down"}}
UNSURE = {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}

KINDS = [
    Kind("hang-up-once", HANG_UP, 1),
    Kind("hang-up-twice", HANG_UP, 2),
    Kind("hang-up-3-times", HANG_UP, 3),
    Kind("shutdown-in-progress", refusal(91), 2),
    Kind("primary-stepped-down", refusal(189), 3),
    Kind("interrupted-by-step-down", refusal(11602), 4),
    Kind("unsure-passing", UNSURE_PASSING, 2),
    Kind("unsure", UNSURE, 1),
]
EACH_KIND = pytest.mark.parametrize("kind", [KINDS[2], KINDS[4], KINDS[6], KINDS[7]], ids=lambda kind: kind.name)
A_FEW = pytest.mark.parametrize("kind", [KINDS[2], KINDS[5], KINDS[7]], ids=lambda kind: kind.name)
REFUSALS = pytest.mark.parametrize("kind", [KINDS[2], KINDS[5]], ids=lambda kind: kind.name)


class Trouble:
    """The mongod's own fail point, turned on and off by a client that it does not strike."""

    def __init__(self, uri: str, database: str) -> None:
        self._control: MongoClient[dict[str, Any]] = MongoClient(uri)
        self._database = database
        self._before = 0

    def begin(
        self, data: Mapping[str, Any], *commands: str, collection: str | None = None, times: int | None = None
    ) -> None:
        """From now on do this to our commands: so many times, or until the end."""
        where = {"namespace": f"{self._database}.{collection}"} if collection else {}
        self._before = self._set(
            {"times": times} if times else "alwaysOn",
            {"failCommands": list(commands), "appName": "everreach", **where, **data},
        )

    def end(self) -> int:
        """From now on all goes well; returns how many commands were struck."""
        return self._set("off") - self._before

    def close(self) -> None:
        self.end()
        self._control.close()

    def _set(self, mode: str | dict[str, int], data: Mapping[str, Any] | None = None) -> int:
        command = {"configureFailPoint": "failCommand", "mode": mode, **({"data": data} if data else {})}
        return int(self._control.admin.command(command)["count"])


@pytest.fixture
def trouble(world: World, mongod_uri: str) -> Iterator[Trouble]:
    """Ends before the world does."""
    made = Trouble(mongod_uri, world.database.name)
    try:
        yield made
    finally:
        made.close()


def before(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int, act: Callable[[], None]) -> None:
    """Do something right before this coroutine function is called for the n-th time."""
    original, calls = getattr(owner, name), itertools.count(1)

    async def hooked(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == number:
            act()
        return await original(*args, **kwargs)

    monkeypatch.setattr(owner, name, hooked)


class Outcome(NamedTuple):
    """All that an import leaves, but for ids and times."""

    counters: list[Any]
    contacts: list[str]
    rows: list[str]
    pages: int


_COUNTED = ("status", "error_message", "total", "processed", "imported", "skipped", "failed")
_IGNORED = {"_id", "user_id", "import_job_id", "contact_id", "imported_at", "created_at", "page"}
# A row that was never written is written again from its contact, which knows no etag.
_IGNORED |= {"provider_etag"}
# A digest is that of a document with its id.
_IGNORED |= {"digest"}
_undisturbed: dict[str, Outcome] = {}


async def outcome(world: World, job_id: str) -> Outcome:
    def told(document: Mapping[str, Any]) -> str:
        return repr(sorted((name, value) for name, value in document.items() if name not in _IGNORED))

    job = await world.stored(job_id)
    counters = [job.get(name, job.get(f"{name}_contacts")) for name in _COUNTED]
    created = {made["_id"]: made async for made in world.database[CONTACTS].find({"import_job_id": job_id})}
    rows = [row async for row in world.database[LEDGER].find({"import_job_id": job_id})]
    assert {row["contact_id"] for row in rows if row["action"] == "created"} == set(created)
    return Outcome(counters, sorted(map(told, created.values())), sorted(map(told, rows)), job["page"])


async def undisturbed(world: World, provider: str) -> Outcome:
    """What an import leaves that nothing happens to."""
    if provider not in _undisturbed:
        user = new_user()
        job_id = await world.consent(provider, user, size=SIZE)
        await world.ended(job_id, user)
        _undisturbed[provider] = await outcome(world, job_id)
        assert _undisturbed[provider].counters[:3] == ["completed", None, SIZE]
    return _undisturbed[provider]


async def ended(world: World, job_id: str, user: str) -> None:
    """Wait for the end; until then the status may be unavailable for moments."""
    async with asyncio.timeout(50):
        while True:
            answer = await world.api("GET", f"/status/{job_id}", user)
            assert answer.status in {200, 503}
            if answer.status == 200 and answer.json["completed_at"]:
                return
            await asyncio.sleep(0.02)


async def check_import(world: World, provider: str = "google") -> None:
    """An import ends by itself, and as if nothing had happened."""
    whole = await undisturbed(world, provider)
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    await ended(world, job_id, user)
    assert await outcome(world, job_id) == whole


async def mid_import(world: World, size: int, pages: int = 3) -> Import:
    """An import of which so many pages are committed, and many more are not."""
    user = new_user()
    job_id = await world.consent("google", user, size=size)
    async with asyncio.timeout(30):
        while (await world.stored(job_id))["page"] < pages:
            await asyncio.sleep(0.01)
    return Import("google", user, ACCOUNT, size, job_id)


async def check_goes_on(world: World, one: Import) -> None:
    await ended(world, one.job_id, one.user)
    await check_undisturbed(world.database, one)


class Statement(NamedTuple):
    """One statement of a page: where we send it from, and what the database is sent."""

    owner: object
    function: str
    command: str
    collection: str


INSERTS = {
    "contacts": Statement(storage.contacts.store, "insert_all", "insert", CONTACTS),
    "rows": Statement(storage.ledger, "insert_all", "insert", LEDGER),
}
ADVANCE = Statement(LeaseStore, "advance", "findAndModify", JOBS)
FINISH = Statement(LeaseStore, "finish", "findAndModify", JOBS)
CLAIM = Statement(LeaseStore, "claim", "findAndModify", JOBS)
IDENTIFY = Statement(LeaseStore, "identify", "findAndModify", JOBS)
RENEW = Statement(LeaseStore, "renew", "update", JOBS)


class Blow:
    """A kind of trouble that strikes a statement at its n-th time."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, statement: Statement, kind: Kind, number: int = 1
    ) -> None:
        self._trouble, self._statement, self._kind = trouble, statement, kind
        before(monkeypatch, statement.owner, statement.function, number, self._strike)

    def _strike(self) -> None:
        kind, (_, _, command, collection) = self._kind, self._statement
        self._trouble.begin(kind.data, command, collection=collection, times=kind.times)


def number_of(place: str, pages: int) -> int:
    return {"first": 1, "middle": (pages + 1) // 2, "last": pages}[place]


@EACH_KIND
@PLACES
@pytest.mark.parametrize("statement", INSERTS.values(), ids=INSERTS)
@pytest.mark.gen_test
async def test_trouble_at_an_insert_leaves_no_trace(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, statement: Statement, place: str, kind: Kind
) -> None:
    pages = (await undisturbed(world, "google")).pages
    Blow(monkeypatch, trouble, statement, kind, number_of(place, pages))
    await check_import(world)
    assert trouble.end() == kind.times


@EACH_KIND
@PLACES
@pytest.mark.gen_test
async def test_trouble_at_the_commit_of_a_page_leaves_no_trace(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, place: str, kind: Kind
) -> None:
    pages = (await undisturbed(world, "google")).pages
    if place == "last":
        Blow(monkeypatch, trouble, FINISH, kind)
    else:
        Blow(monkeypatch, trouble, ADVANCE, kind, number_of(place, pages))
    await check_import(world)
    assert trouble.end() >= 1


@A_FEW
@SHORT_LEASE
@pytest.mark.parametrize("statement", [CLAIM, IDENTIFY], ids=["claim", "identify"])
@pytest.mark.gen_test
async def test_trouble_at_the_beginning_leaves_no_trace(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, statement: Statement, kind: Kind
) -> None:
    await undisturbed(world, "google")
    Blow(monkeypatch, trouble, statement, kind)
    await check_import(world)
    assert trouble.end() >= 1


@A_FEW
@pytest.mark.gen_test
async def test_trouble_at_several_places_of_outlook_leaves_no_trace(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    pages = (await undisturbed(world, "microsoft")).pages
    for number, statement in enumerate((INSERTS["contacts"], INSERTS["rows"], ADVANCE), 1):
        Blow(monkeypatch, trouble, statement, kind, number)
    Blow(monkeypatch, trouble, INSERTS["contacts"], kind, pages)
    Blow(monkeypatch, trouble, FINISH, kind)
    await check_import(world, "microsoft")
    assert trouble.end() >= 1


@A_FEW
@SHORT_LEASE
@pytest.mark.gen_test
async def test_trouble_at_the_renewals_leaves_no_trace(world: World, trouble: Trouble, kind: Kind) -> None:
    world.sandbox.latency = 0.1
    one = await mid_import(world, SIZE * 6)
    trouble.begin(kind.data, RENEW.command, collection=JOBS, times=kind.times)
    await check_goes_on(world, one)
    assert trouble.end() >= 1


@REFUSALS
@pytest.mark.parametrize("command", ["aggregate", "findAndModify", "find"])
@pytest.mark.gen_test
async def test_trouble_while_a_job_fails_leaves_its_counters_right(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, command: str, kind: Kind
) -> None:
    world.sandbox.faults.add(Fault("missing_scope", "page", page=2, times=None))
    # The recovery from trouble at the second page counts that page by its rows.
    Blow(monkeypatch, trouble, INSERTS["rows"], KINDS[1], 2)
    counted = Statement(storage.contacts.store.ContactStore, "record_unrecorded", command, LEDGER)
    collection = {"aggregate": LEDGER, "find": CONTACTS}.get(command, JOBS)
    Blow(monkeypatch, trouble, counted._replace(collection=collection), kind)
    user = new_user()
    job_id = await world.consent("google", user, size=SIZE)
    await ended(world, job_id, user)
    assert trouble.end() >= 1
    job = await world.stored(job_id)
    assert (job["status"], "share the contacts" in job["error_message"]) == ("failed", True)
    assert job["processed_contacts"] == 2 * PAGE
    rows = [row["action"] async for row in world.database[LEDGER].find({"import_job_id": job_id})]
    counters = [job[f"{name}_contacts"] for name in ("imported", "skipped", "failed")]
    assert counters == [rows.count(action) for action in ("created", "skipped", "failed")]
    assert await world.database[CONTACTS].count_documents({"import_job_id": job_id}) == counters[0]


@pytest.mark.parametrize("command", ["aggregate", "find"])
@REFUSALS
@pytest.mark.gen_test
async def test_trouble_upon_trouble_leaves_no_trace(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, kind: Kind, command: str
) -> None:
    """The page is half written, and counting what stands there, or looking whose contacts these are, fails too."""
    await undisturbed(world, "google")
    Blow(monkeypatch, trouble, INSERTS["rows"], Kind("unsure", UNSURE, 1), 2)
    collection = {"aggregate": LEDGER, "find": CONTACTS}[command]
    # The third call of record is the second try of the second page; insert's third, the third page or that try.
    counting, looking = (Ledger, "_tally"), (storage.contacts.store.ContactStore, "_existing")
    owner, function = counting if command == "aggregate" else looking
    Blow(monkeypatch, trouble, Statement(owner, function, command, collection), kind, 1 if owner is Ledger else 3)
    await check_import(world)
    assert trouble.end() >= 1


@pytest.mark.parametrize("commands", [("insert",), COMMANDS], ids=["inserts", "everything"])
@SHORT_LEASE
@pytest.mark.gen_test
async def test_a_slow_database_neither_doubles_nor_loses(
    world: World, trouble: Trouble, commands: tuple[str, ...]
) -> None:
    """Every statement takes as long as most of a lease, and a second node waits for the lease to end."""
    world.sandbox.latency = 0.05
    async with Node(world.config.model_copy(update={"port": 0})):
        one = await mid_import(world, SIZE * 4)
        trouble.begin({"blockConnection": True, "blockTimeMS": 600}, *commands)
        await asyncio.sleep(3)
        assert trouble.end() >= 1
        await check_goes_on(world, one)


async def check_at_once(answering: Awaitable[Answer]) -> None:
    """200, without a look at the database."""
    async with asyncio.timeout(3):
        assert (await answering).status == 200


async def check_unavailable(answering: Awaitable[Answer]) -> None:
    """503 in the contract's shape, within seconds."""
    began = time.monotonic()
    answer = await answering
    assert time.monotonic() - began < SECONDS
    assert answer.status == 503
    assert sorted(answer.json) == ["error", "message"]
    assert answer.json["error"] == "Service Unavailable"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "127.0.0.1" not in answer.json["message"]


async def check_says_away(world: World, one: Import, callback_url: str) -> None:
    """What each endpoint answers while the database is away."""
    told, *_ = await asyncio.gather(
        world.back(callback_url),
        check_readers_say_away(world, one),
        check_unavailable(world.api("POST", f"/jobs/{one.job_id}/cancel", one.user)),
        check_unavailable(world.api("POST", f"/jobs/{one.job_id}/retry", one.user)),
    )
    assert (told["provider"], told["status"], told["message"]) == ("google", "error", "server_error")


async def check_readers_say_away(world: World, one: Import) -> None:
    """The same of those that may be done later without harm."""
    await asyncio.gather(
        check_unavailable(world.api("GET", f"/status/{one.job_id}", one.user)),
        check_unavailable(world.api("GET", "/list", one.user)),
        check_unavailable(world.api("GET", f"/jobs/{one.job_id}/contacts", one.user)),
        check_unavailable(world.api("POST", "/google/start", one.user)),
        check_unavailable(world.fetch(f"{world.origin}/readyz")),
        check_at_once(world.fetch(f"{world.origin}/livez")),
        check_at_once(world.api("GET", "/health")),
    )


async def check_all_is_well(world: World, one: Import, callback_url: str) -> None:
    """The import that was under way ends right, and so does the one whose person tries again."""
    async with asyncio.timeout(30):
        while (await world.fetch(f"{world.origin}/readyz")).status != 200:
            await asyncio.sleep(0.02)
    await check_goes_on(world, one)
    assert (await world.back(callback_url))["status"] == "success"
    await check_import(world)


@pytest.mark.parametrize(
    ("data", "more"),
    [(refusal(91), ()), (HANG_UP, ()), (HANG_UP, ("hello", "isMaster", "ismaster"))],
    ids=["shuts-down", "hangs-up", "hangs-up-on-everything"],
)
@pytest.mark.gen_test
async def test_while_the_database_is_away_we_say_so_and_afterwards_all_is_well(
    world: World, trouble: Trouble, data: Mapping[str, Any], more: tuple[str, ...]
) -> None:
    await undisturbed(world, "google")
    world.sandbox.latency = 0.05
    _, consent_url = await world.start("google", new_user())
    callback_url = await world.decide(consent_url, size=SIZE)
    one = await mid_import(world, SIZE * 6)
    trouble.begin(data, *COMMANDS, *more)
    try:
        await check_says_away(world, one, callback_url)
    finally:
        trouble.end()
    world.sandbox.latency = 0
    await check_all_is_well(world, one, callback_url)


@pytest.mark.parametrize("data", [HANG_UP, UNSURE], ids=["hangs-up", "unsure"])
@SHORT_LEASE
@pytest.mark.gen_test
async def test_a_long_outage_gives_nobody_up(world: World, trouble: Trouble, data: Mapping[str, Any]) -> None:
    """Seven leases long, and a second node would take the job over each time."""
    world.sandbox.latency = 0.05
    async with Node(world.config.model_copy(update={"port": 0})):
        one = await mid_import(world, SIZE * 4)
        trouble.begin(data, *COMMANDS)
        await asyncio.sleep(7)
        assert trouble.end() > 5
        await check_goes_on(world, one)
    assert (await world.stored(one.job_id))["fence"] < 5


@SHORT_LEASE
@pytest.mark.gen_test
async def test_an_outage_that_begins_at_the_claim_gives_nobody_up(
    world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, LeaseStore, "claim", 1, lambda: trouble.begin(UNSURE, "findAndModify", collection=JOBS))
    user = new_user()
    one = Import("google", user, ACCOUNT, SIZE, await world.consent("google", user, size=SIZE))
    # Six claims, at a lease's distance from each other: one more than takeovers are allowed.
    async with asyncio.timeout(40):
        while (await world.stored(one.job_id))["fence"] < 6:
            await asyncio.sleep(0.05)
    trouble.end()
    await check_goes_on(world, one)
    assert (await world.stored(one.job_id))["takeovers"] == 0


class OwnMongod(EmbeddedMongod):
    """A mongod that can be killed."""

    @property
    def pid(self) -> int:
        assert self._mongod._process
        return self._mongod._process.pid

    async def kill(self) -> None:
        assert self._mongod._process
        self._mongod._process.kill()
        # What is left is to free the folder.
        await self.stop()


@asynccontextmanager
async def own_world(data_dir: Path) -> AsyncIterator[tuple[World, OwnMongod]]:
    mongod = OwnMongod(data_dir)
    world = World(await mongod.start(), {})
    try:
        await world.open()
        try:
            yield world, mongod
        finally:
            await world.close()
    finally:
        await mongod.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.gen_test
async def test_a_mongod_that_is_started_again_finds_its_imports_going_on(
    data_dir: Path, number: signal.Signals
) -> None:
    async with own_world(data_dir) as (world, mongod):
        world.sandbox.latency = 0.05
        _, consent_url = await world.start("google", new_user())
        callback_url = await world.decide(consent_url, size=SIZE)
        one = await mid_import(world, SIZE * 10)
        uri = world.config.mongodb_uri
        await (mongod.kill() if number is signal.SIGKILL else mongod.stop())
        await check_says_away(world, one, callback_url)
        assert uri
        assert await mongod.start() == uri.get_secret_value()
        world.sandbox.latency = 0
        await check_all_is_well(world, one, callback_url)


@pytest.mark.gen_test
async def test_a_mongod_that_hangs_is_away_within_seconds(data_dir: Path) -> None:
    async with own_world(data_dir) as (world, mongod):
        world.sandbox.latency = 0.05
        one = await mid_import(world, SIZE * 6)
        os.kill(mongod.pid, signal.SIGSTOP)
        try:
            await check_readers_say_away(world, one)
        finally:
            os.kill(mongod.pid, signal.SIGCONT)
        await check_goes_on(world, one)
