"""The state machine of docs/model/import.pml, driven against the real stores: whatever happens, the end is the same.

Hypothesis chooses what two workers, a person and the clock do next. A worker here does what the importer does, one
statement at a time, so that anything may come between two of them.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from everreach.contacts.page import Entry
from everreach.engine.importer import TAKEOVER_LIMIT
from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import ENDS, Job, Lease, Status, Tally
from storage.indexes import CONTACTS, ensure_indexes
from storage.leases import LeaseStore
from storage.ledger import Row
from storage.mongo import Document, connect
from storage.transitions import as_job
from tests.storage.builders import NEW_TOKENS, Stores, entry, people, unreadable

BOOK: Final[list[list[Entry]]] = [
    [*people("ada", "bob"), entry("nobody"), entry("ada twice", "ada@example.org"), unreadable("torn")],
    [*people("cid", "dot"), entry("known", "known@example.org"), entry("bob again", "bob@example.org")],
    # A listing that shifts while it is read sends a contact once more, on another page.
    [*people("dot", "eve"), entry("no one"), entry("cid again", "cid@example.org")],
    [*people("fay", "gus", "ada"), unreadable("worn"), entry("eve again", "eve@example.org")],
    people("hal", "ivy"),
    [entry("none"), *people("joy")],
]
COUNTERS: Final = tuple(Tally().fields)
GROWING: Final = ("version", "fence", "page", *COUNTERS)
WORKERS: Final = st.sampled_from(["node-1", "node-2"])
EVENTS: Final = st.sampled_from(
    [
        *["stride"] * 24,
        *["time_passes"] * 8,
        *["sleep", "crash", "fail", "retry"] * 4,
        *["fail_for_good", "release", "begin", "renew", "refresh", "begin_again"] * 2,
        "cancel",
    ]
)
"""What happens next. One rule makes them all, or Hypothesis would try whole examples without the one that imports."""

LOST: Final = st.sampled_from([False, False, False, True])
"""Whether the answer to a statement is lost on its way to the worker."""

EXAMPLES: Final = 100

T = TypeVar("T")


@dataclass(eq=False)
class Worker:
    """What one worker knows; a crash forgets all of it."""

    node: LeaseStore
    lease: Lease
    begun: bool = False
    recovering: bool = False
    unrecorded: bool = False
    """Whether an earlier attempt may have created contacts that have no row yet."""
    place: int = 0
    """The page of the listing that is committed next."""
    waiting: list[list[Row]] = field(default_factory=list)
    """Rows of the pages from `place` on whose contacts are inserted: the one behind, and at most one ahead."""
    tally: Tally | None = None
    """What the page behind adds, once its rows are written."""

    def begin(self) -> None:
        """Go on at the cursor, as the job has it now."""
        self.begun, self.recovering = True, self.lease.job.half_written
        self.unrecorded = self.recovering
        self.place, self.waiting, self.tally = int(self.lease.job.cursor.position or 0), [], None

    @property
    def taken(self) -> int:
        return self.place + len(self.waiting)


class Outcome(NamedTuple):
    """What an import leaves behind."""

    counters: dict[str, int]
    names: list[str]
    actions: dict[str, str]


class Protocol(RuleBasedStateMachine):
    def __init__(self, runner: asyncio.Runner, stores: Stores, undisturbed: Outcome | None) -> None:
        super().__init__()
        self._runner = runner
        self._stores = stores
        self._undisturbed = undisturbed
        self._nodes = {"node-1": stores.leases, "node-2": stores.other_node}
        self._user = str(uuid.uuid4())
        self._job_id = ""
        self._workers: dict[str, Worker] = {}
        self._holder: Worker | None = None
        self._seen = dict.fromkeys(GROWING, 0)
        self._gone = 0
        """How often a worker died, or slept until its lease had ended."""
        self._changed = False

    @initialize()
    def consent(self) -> None:
        known = {"user_id": self._user, "email": "known@example.org", "provider_contact_id": "by hand"}
        self._do(self._stores.database[CONTACTS].insert_one(known))
        self._job_id = self._do(self._stores.fetching(self._user)).id

    @rule(
        event=EVENTS,
        name=WORKERS,
        count=st.integers(1, 4),
        ahead=st.booleans(),
        part=st.integers(0, 5),
        lost=LOST,
    )
    def happen(self, event: str, name: str, count: int, ahead: bool, part: int, lost: bool) -> None:
        if event == "stride":
            self.stride(name, count=count, ahead=ahead, part=part if lost else None)
        elif event in {"time_passes", "retry", "cancel"}:
            getattr(self, event)()
        elif event == "sleep":
            self.sleep(name, count=count, ahead=ahead, fails=lost)
        elif (worker := self._workers.get(name)) and not worker.begun and event not in {"crash", "renew"}:
            self.begin(worker, lost=lost)
        elif worker:
            getattr(self, event)(worker, lost=lost)

    # What workers do. Where an answer is lost, a bulk write may have come through in part.

    def stride(self, name: str, *, count: int, ahead: bool, part: int | None) -> None:
        """Some statements with nothing between them; the answer to the last is lost where there is a `part`."""
        if name not in self._workers:
            self.claim(name, lost=part is not None and count == 1)
        for left in reversed(range(count)):
            if worker := self._workers.get(name):
                self.step(worker, ahead=ahead, part=None if left else part)

    def claim(self, name: str, *, lost: bool) -> None:
        lease = self._do(self._nodes[name].claim(self._job_id, self._user))
        if lease is None:
            return
        self._changed, self._holder = True, None
        if not lost:
            self._holder = self._workers[name] = Worker(self._nodes[name], lease)

    def step(self, worker: Worker, *, ahead: bool, part: int | None) -> None:
        """The next statement of an import; `ahead` puts the contacts of a page before the rows of the one before."""
        last = False
        if not worker.begun:
            self.begin(worker, lost=part is not None)
            return
        if worker.unrecorded:
            statement = self._recover
        elif worker.taken < len(BOOK) and len(worker.waiting) <= ahead:
            statement = partial(self._insert, part=part)
        elif worker.tally is None:
            statement = partial(self._record, part=part)
        else:
            statement, last = self._commit, worker.place + 1 == len(BOOK)
        self._send(worker, statement, lost=part is not None, last=last)

    def _recover(self, worker: Worker) -> None:
        worker.lease.check()
        self._do(self._stores.contacts.record_unrecorded(worker.lease.job))
        worker.unrecorded = False

    def _insert(self, worker: Worker, part: int | None) -> None:
        number = worker.lease.job.page + len(worker.waiting)
        worker.waiting.append(self._do(self._stores.insert(worker.lease, number, BOOK[worker.taken][:part])))

    def _record(self, worker: Worker, part: int | None) -> None:
        rows = worker.waiting[0][:part]
        worker.tally = self._do(self._stores.ledger.record(worker.lease, rows, recovering=worker.recovering))

    def _commit(self, worker: Worker) -> None:
        assert worker.tally
        worker.place += 1
        if worker.place == len(BOOK):
            self._write(worker, worker.node.finish(worker.lease, worker.tally))
        else:
            cursor = Cursor(str(worker.place))
            self._write(worker, worker.node.advance(worker.lease, worker.tally, cursor, 20))
        worker.recovering, worker.tally = False, None
        del worker.waiting[0]

    def begin(self, worker: Worker, *, lost: bool = False) -> None:
        """Begin, or begin again, after an answer that did not come or a lease that seems lost."""
        self._changed = True
        try:
            for _ in range(1 + lost):
                self._write(worker, worker.node.begin(worker.lease))
        except LeaseLostError:
            job = self._job
            if job.status is Status.CANCELLED and job.fence == worker.lease.fence:
                self._settle(job)
            self._leave(worker)
        else:
            worker.begin()
            if worker.lease.job.takeovers >= TAKEOVER_LIMIT:
                self.fail(worker, lost=False)

    def begin_again(self, worker: Worker, *, lost: bool) -> None:
        """The provider no longer knows the place in its listing, and the step behind is done."""
        if not worker.waiting:
            worker.place = 0

    def renew(self, worker: Worker, *, lost: bool) -> None:
        self._send(worker, lambda _: self._write(worker, worker.node.renew(worker.lease)), lost=False)

    def refresh(self, worker: Worker, *, lost: bool) -> None:
        self._send(worker, lambda _: self._write(worker, worker.node.store_tokens(worker.lease, NEW_TOKENS)), lost=lost)

    def release(self, worker: Worker, *, lost: bool) -> None:
        self._send(worker, lambda _: self._write(worker, worker.node.release(worker.lease)), lost=lost, last=True)

    def fail(self, worker: Worker, *, lost: bool) -> None:
        self._send(worker, self._fail, lost=lost, last=True)

    def fail_for_good(self, worker: Worker, *, lost: bool) -> None:
        """The listing is broken: a retry begins at its first page."""
        self._send(worker, partial(self._fail, cursor=Cursor()), lost=lost, last=True)

    def _fail(self, worker: Worker, cursor: Cursor | None = None) -> None:
        # A row that a worker writes who has slept past its lease would be counted by nobody.
        worker.lease.check()
        counts = self._counts(worker.lease.job)
        self._write(worker, worker.node.fail(worker.lease, "The provider is away.", counts, cursor=cursor))

    # What happens to them, and what nodes and people do.

    def crash(self, worker: Worker, *, lost: bool) -> None:
        self._gone += 1
        self._leave(worker)

    def sleep(self, name: str, *, count: int, ahead: bool, fails: bool) -> None:
        """A worker is stopped until its lease has ended, and the other works; when it wakes it knows all it knew."""
        if worker := self._workers.get(name):
            worker.lease.valid_until = 0
            self._gone += 1
            if self._holder is worker:
                self._wait()
            other = next(other for other in self._nodes if other != name)
            self.stride(other, count=count, ahead=ahead, part=None)
            if fails:
                # A provider does not wait as long on a connection.
                self.fail(worker, lost=False)

    def time_passes(self) -> None:
        """A lease that nobody alive holds ends, and so does a wait; then a node looks for what is due."""
        self._changed = True
        if self._holder not in self._workers.values():
            self._wait()
        for job in self._do(self._stores.jobs.due(frozenset({Status.CANCELLED}), 100)):
            if job.id == self._job_id:
                self._settle(job)

    def retry(self) -> None:
        self._changed = True
        self._do(self._stores.jobs.retry(self._job_id, self._user))

    def cancel(self) -> None:
        self._changed = True
        self._do(self._stores.jobs.cancel(self._job_id, self._user))

    # What is always true.

    @invariant()
    def counters_are_right(self) -> None:
        if not self._changed:
            return
        self._changed = False
        document = self._document
        shown, rows = {name: document[name] for name in COUNTERS}, self._do(self._stores.ledger.count(as_job(document)))
        parts = ("imported_contacts", "skipped_contacts", "failed_contacts")
        assert shown["processed_contacts"] == sum(shown[name] for name in parts)
        assert all(shown[name] <= rows[name] for name in COUNTERS)
        assert document["total_contacts"] >= document["processed_contacts"]
        assert all(document[name] >= self._seen[name] for name in GROWING)
        assert document["takeovers"] <= self._gone
        self._seen = {name: document[name] for name in GROWING}
        if settled(document):
            assert shown == rows
            made = self._do(self._stores.people(import_job_id=self._job_id))
            recorded = self._do(self._stores.rows(import_job_id=self._job_id, action="created"))
            assert {contact["_id"] for contact in made} == {row["contact_id"] for row in recorded}

    def teardown(self) -> None:
        if not self._job_id:
            return
        self._gone += len(self._workers)
        self._workers.clear()
        self.time_passes()
        assert settled(self._document) or Status(self._document["status"]) not in ENDS
        if self._job.status is not Status.CANCELLED:
            self.import_undisturbed()
            assert self._undisturbed in (None, self.outcome())
        self.counters_are_right()

    def import_undisturbed(self) -> None:
        while not self._job.status.ended or self._job.status is Status.FAILED:
            # Whatever the faults have cost, a job that failed or was given up may be retried.
            self.retry()
            self.stride("node-1", count=5, ahead=False, part=None)
        assert self._job.status is Status.COMPLETED

    def outcome(self) -> Outcome:
        job = self._job
        return Outcome(
            {name: getattr(job, name) for name in (*COUNTERS, "total_contacts")},
            self._do(self._stores.names(user_id=self._user)),
            self._do(self._stores.actions(job)),
        )

    # What all this is made of.

    def _do(self, awaitable: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await awaitable

        return self._runner.run(awaited())

    def _send(self, worker: Worker, statement: Callable[[Worker], None], *, lost: bool, last: bool = False) -> None:
        """Make a statement; the worker looks again where it was refused or the answer is `lost`, else goes on."""
        self._changed = True
        try:
            statement(worker)
        except LeaseLostError:
            lost = True
        if lost:
            self.begin(worker)
        elif last:
            self._leave(worker)

    def _write(self, worker: Worker, write: Awaitable[None]) -> None:
        """A write to the job: where it comes through, it has to be that of the worker who claimed it last."""
        self._do(write)
        assert worker is self._holder

    def _leave(self, worker: Worker) -> None:
        self._workers = {name: other for name, other in self._workers.items() if other is not worker}

    def _counts(self, job: Job) -> dict[str, int]:
        self._do(self._stores.contacts.record_unrecorded(job))
        return self._do(self._stores.ledger.count(job))

    def _settle(self, job: Job) -> None:
        self._do(self._stores.jobs.settle(job, self._counts(job)))

    def _wait(self) -> None:
        """Let what the job waits for be over; the time for a retry is not."""
        document = self._document
        if "not_before" in document and document["status"] != Status.FAILED:
            self._do(self._stores.abandon(self._job_id))

    @property
    def _document(self) -> Document:
        return self._do(self._stores.stored(self._job_id))

    @property
    def _job(self) -> Job:
        return as_job(self._document)


def settled(document: Document) -> bool:
    """Whether the job has ended, and no worker has to come back to it."""
    return document["status"] in ENDS and not (document["status"] == Status.CANCELLED and "not_before" in document)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as made:
        yield made


@pytest.fixture
def stores(runner: asyncio.Runner, database_uri: str) -> Iterator[Stores]:
    """The stores on the runner's loop: rules are plain functions, and Motor belongs to one loop."""

    async def opened() -> Stores:
        database = connect(database_uri)
        await ensure_indexes(database)
        return Stores(database)

    made = runner.run(opened())
    yield made
    made.database.client.close()


# On a busy machine a hundred imports may take minutes; each of them is far quicker than its lease.
@pytest.mark.timeout(600)
def test_whatever_happens_the_end_is_that_of_an_undisturbed_import(runner: asyncio.Runner, stores: Stores) -> None:
    first = Protocol(runner, stores, None)
    first.consent()
    first.import_undisturbed()
    undisturbed = first.outcome()
    assert undisturbed.counters == {
        "processed_contacts": 20,
        "imported_contacts": 10,
        "skipped_contacts": 8,
        "failed_contacts": 2,
        "updated_contacts": 0,
        "deleted_contacts": 0,
        "total_contacts": 20,
    }

    class Disturbed(Protocol):
        def __init__(self) -> None:
            super().__init__(runner, stores, undisturbed)

    run_state_machine_as_test(
        Disturbed,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
