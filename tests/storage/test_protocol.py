"""The state machine of docs/model/import.pml, driven against the real stores: whatever happens, the end is the same.

Hypothesis chooses what two workers, a person and the clock do next. A worker here does what everreach/importer.py does,
one statement at a time, so that anything may come between two of them.
"""

import asyncio
import copy
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from everreach.contact import Entry
from everreach.cursor import Cursor
from everreach.errors import LeaseLostError
from everreach.importer import TAKEOVER_LIMIT
from everreach.job import ENDS, Job, Lease, Status, Tally
from storage.indexes import CONTACTS, JOBS, ensure_indexes
from storage.leases import LeaseStore
from storage.mongo import Document, connect
from tests.storage.builders import LEASE_SECONDS, NEW_TOKENS, Stores, entry, people, unreadable

BOOK: Final[list[list[Entry]]] = [
    [*people("ada", "bob"), entry("nobody"), entry("ada twice", "ada@example.org"), unreadable("torn")],
    [*people("cid", "dot"), entry("known", "known@example.org"), entry("bob again", "bob@example.org")],
    # A listing that shifts while it is read sends a contact once more, on another page.
    [*people("dot", "eve"), entry("no one"), entry("cid again", "cid@example.org")],
    [*people("fay", "gus", "ada"), unreadable("worn"), entry("eve again", "eve@example.org")],
]
COUNTERS: Final = ("processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")
WORKERS: Final = st.sampled_from(["node-1", "node-2"])
LOST: Final = st.sampled_from([False, False, False, True])
"""Whether the answer to a statement is lost on its way to the worker."""

T = TypeVar("T")


@dataclass
class Worker:
    """What one worker knows; a crash forgets all of it."""

    node: LeaseStore
    lease: Lease
    recovering: bool
    place: int = 0
    """The page of the listing that is committed next."""
    waiting: list[list[Document]] = field(default_factory=list)
    """Rows of the pages from `place` on whose contacts are inserted: the page behind, and at most one ahead."""
    tally: Tally | None = None

    def __post_init__(self) -> None:
        self.begin(recovering=self.recovering)

    def begin(self, *, recovering: bool) -> None:
        """Go on at the cursor as the job has it now."""
        self.place, self.waiting, self.tally = int(self.lease.job.cursor.position or 0), [], None
        self.recovering = recovering

    @property
    def taken(self) -> int:
        return self.place + len(self.waiting)


@dataclass
class Outcome:
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
        self._workers: dict[str, Worker] = {}
        self._holder: Worker | None = None
        self._seen = {"version": 0, "fence": 0, "page": 0}
        self._job_id = ""

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    @property
    def _document(self) -> Document:
        return self._do(self._stores.stored(self._job_id))

    @property
    def _job(self) -> Job:
        job = self._do(self._stores.jobs.get(self._job_id, self._user))
        assert job
        return job

    @initialize()
    def consent(self) -> None:
        known = {"user_id": self._user, "email": "known@example.org", "provider_contact_id": "by hand"}
        self._do(self._stores.database[CONTACTS].insert_one(known))
        self._job_id = self._do(self._stores.fetching(self._user)).id

    # What workers do.

    @rule(name=WORKERS, lost=LOST)
    def claim(self, name: str, lost: bool) -> None:
        if name in self._workers:
            return
        node = self._nodes[name]
        lease = self._do(node.claim(self._job_id, self._user))
        if lease is None:
            return
        self._holder = None
        if not lost:
            self._holder = self._workers[name] = Worker(node, lease, recovering=lease.fence > 1)
            if lease.job.takeovers >= TAKEOVER_LIMIT:
                self.fail(name, again=False, lost=False)

    @rule(name=WORKERS, part=st.integers(0, 5), lost=LOST)
    def insert(self, name: str, part: int, lost: bool) -> None:
        """The contacts of a page; with the answer lost, only a part of them may have come through."""
        worker = self._workers.get(name)
        if not worker or worker.taken == len(BOOK) or len(worker.waiting) == 2:
            return
        entries = BOOK[worker.taken]
        try:
            rows = self._do(self._stores.contacts.insert(worker.lease, entries[:part] if lost else entries))
        except LeaseLostError:
            self.regain(name)
            return
        worker.waiting.append(rows)
        if lost:
            self.regain(name)

    @rule(name=WORKERS, part=st.integers(0, 5), lost=LOST)
    def record(self, name: str, part: int, lost: bool) -> None:
        """The rows of the page whose contacts are inserted; with the answer lost, only a part of them may be there."""
        worker = self._workers.get(name)
        if not worker or not worker.waiting or worker.tally:
            return
        rows = worker.waiting[0][:part] if lost else worker.waiting[0]
        try:
            worker.tally = self._do(self._stores.ledger.record(worker.lease, rows, recovering=worker.recovering))
        except LeaseLostError:
            self.regain(name)
            return
        if lost:
            self.regain(name)

    @rule(name=WORKERS, lost=LOST)
    def commit(self, name: str, lost: bool) -> None:
        worker = self._workers.get(name)
        if not worker or worker.tally is None:
            return
        lease = copy.copy(worker.lease)
        last = worker.place + 1 == len(BOOK)
        try:
            if last:
                self._do(worker.node.finish(lease, worker.tally))
            else:
                self._do(worker.node.advance(lease, worker.tally, Cursor(str(worker.place + 1)), 10))
        except LeaseLostError:
            self.regain(name)
            return
        self._wrote(worker)
        if lost:
            self.regain(name)
        elif last:
            self._leave(name)
        else:
            worker.lease, worker.recovering, worker.tally = lease, False, None
            worker.place += 1
            del worker.waiting[0]

    @rule(name=WORKERS)
    def begin_again(self, name: str) -> None:
        """The provider no longer knows the place in its listing."""
        worker = self._workers.get(name)
        if worker and not worker.waiting:
            worker.place = 0

    @rule(name=WORKERS)
    def renew(self, name: str) -> None:
        if worker := self._workers.get(name):
            try:
                self._do(worker.node.renew(worker.lease))
            except LeaseLostError:
                self.regain(name)
            else:
                self._wrote(worker)

    @rule(name=WORKERS)
    def refresh(self, name: str) -> None:
        if worker := self._workers.get(name):
            try:
                self._do(worker.node.store_tokens(worker.lease, NEW_TOKENS))
            except LeaseLostError:
                self.regain(name)
            else:
                self._wrote(worker)

    @rule(name=WORKERS)
    def regain(self, name: str) -> None:
        """Look again, after an answer that did not come or a lease that seems lost."""
        worker = self._workers.get(name)
        if not worker:
            return
        try:
            self._do(worker.node.reload(worker.lease))
        except LeaseLostError:
            job = self._job
            if job.status is Status.CANCELLED and job.fence == worker.lease.fence:
                self._settle(job)
            self._leave(name)
        else:
            self._wrote(worker)
            worker.begin(recovering=True)

    @rule(name=WORKERS, lost=LOST)
    def release(self, name: str, lost: bool) -> None:
        if worker := self._workers.get(name):
            try:
                self._do(worker.node.release(copy.copy(worker.lease)))
            except LeaseLostError:
                self.regain(name)
                return
            self._wrote(worker)
            self._done(name, lost=lost)

    @rule(name=WORKERS, again=st.booleans(), lost=LOST)
    def fail(self, name: str, again: bool, lost: bool) -> None:
        """The provider makes the import fail; `again` where a retry has to begin at the first page."""
        worker = self._workers.get(name)
        if not worker:
            return
        lease, cursor = copy.copy(worker.lease), Cursor() if again else None
        try:
            # Rows of a worker that has slept past its lease would be counted by nobody.
            lease.check()
            counts = self._counts(lease.job)
            self._do(worker.node.fail(lease, "The provider is away.", counts, cursor=cursor))
        except LeaseLostError:
            self.regain(name)
            return
        self._wrote(worker)
        self._done(name, lost=lost)

    @rule(name=WORKERS)
    def complete_rows(self, name: str) -> None:
        """As a worker does that is about to fail, and then dies or hears that the database is away."""
        if worker := self._workers.get(name):
            try:
                worker.lease.check()
            except LeaseLostError:
                self.regain(name)
                return
            self._counts(worker.lease.job)
            self.regain(name)

    # What happens to them.

    @rule(name=WORKERS)
    def crash(self, name: str) -> None:
        self._leave(name)

    @rule(name=WORKERS)
    def sleep(self, name: str) -> None:
        """A worker is stopped until its lease has ended; what it knows, it still knows when it wakes."""
        if worker := self._workers.get(name):
            worker.lease.valid_until = 0
            if self._holder is worker:
                self._over()

    @rule()
    def time_passes(self) -> None:
        """A lease that nobody alive holds ends, and so does a wait."""
        if self._holder not in self._workers.values():
            self._over()

    # What people, and any node's runner, do.

    @rule(really=st.sampled_from([False, False, False, True]))
    def cancel(self, really: bool) -> None:
        if really:
            self._do(self._stores.jobs.cancel(self._job_id, self._user))

    @rule()
    def retry(self) -> None:
        self._do(self._stores.jobs.retry(self._job_id, self._user))

    @rule()
    def tidy(self) -> None:
        for job in self._do(self._stores.jobs.due(frozenset({Status.CANCELLED}), 100)):
            if job.id == self._job_id:
                self._settle(job)

    # What is always true.

    @precondition(lambda self: self._job_id)
    @invariant()
    def counters_add_up(self) -> None:
        job, rows = self._job, self._do(self._stores.ledger.count(self._job))
        shown = {name: getattr(job, name) for name in COUNTERS}
        assert job.processed_contacts == job.imported_contacts + job.skipped_contacts + job.failed_contacts
        assert all(shown[name] <= rows[name] for name in COUNTERS)
        assert job.total_contacts >= job.processed_contacts
        if self._settled:
            assert shown == rows
            assert self._created == {row["contact_id"] for row in self._rows if row["action"] == "created"}

    @precondition(lambda self: self._job_id)
    @invariant()
    def nothing_goes_back(self) -> None:
        document = self._document
        now = {name: document[name] for name in self._seen}
        assert all(now[name] >= self._seen[name] for name in now)
        self._seen = now

    def teardown(self) -> None:
        if not self._job_id:
            return
        self._workers.clear()
        self._over()
        self.tidy()
        assert self._settled or self._document["status"] not in ENDS
        self.retry()
        if self._job.status is not Status.CANCELLED:
            self.import_undisturbed()
            assert self._undisturbed is None or self.outcome() == self._undisturbed
        self.counters_add_up()

    def import_undisturbed(self) -> None:
        while not self._job.status.ended:
            self.claim("node-1", lost=False)
            # Whatever the faults have cost, a job that was given up may be retried.
            self.retry()
            while "node-1" in self._workers:
                self.insert("node-1", 0, lost=False)
                self.record("node-1", 0, lost=False)
                self.commit("node-1", lost=False)
        assert self._job.status is Status.COMPLETED

    def outcome(self) -> Outcome:
        job = self._job
        return Outcome(
            {name: getattr(job, name) for name in (*COUNTERS, "total_contacts")},
            self._do(self._stores.names(user_id=self._user)),
            self._do(self._stores.actions(job)),
        )

    # What the rules are made of.

    @property
    def _settled(self) -> bool:
        """Whether the job has ended, and no worker has to come back to it."""
        document = self._document
        return document["status"] in ENDS and not (document["status"] == "cancelled" and "not_before" in document)

    @property
    def _rows(self) -> list[Document]:
        return self._do(self._stores.rows(import_job_id=self._job_id))

    @property
    def _created(self) -> set[Any]:
        return {made["_id"] for made in self._do(self._stores.people(import_job_id=self._job_id))}

    def _counts(self, job: Job) -> dict[str, int]:
        self._do(self._stores.contacts.record_unrecorded(job))
        return self._do(self._stores.ledger.count(job))

    def _settle(self, job: Job) -> None:
        self._do(self._stores.jobs.settle(job, self._counts(job)))

    def _wrote(self, worker: Worker) -> None:
        """A write to the job came through: it has to be that of the worker who claimed it last."""
        assert worker is self._holder

    def _done(self, name: str, *, lost: bool) -> None:
        if lost:
            self.regain(name)
        else:
            self._leave(name)

    def _leave(self, name: str) -> None:
        self._workers.pop(name, None)

    def _over(self) -> None:
        if "not_before" in (document := self._document) and document["status"] != "failed":
            self._do(self._stores.abandon(self._job_id))


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as made:
        yield made


@pytest.fixture
def stores(runner: asyncio.Runner, database_uri: str) -> Iterator[Stores]:
    """The stores on the runner's loop: rules are plain functions, and Motor belongs to one loop."""

    async def opened() -> Stores:
        made = connect(database_uri)
        await ensure_indexes(made)
        return Stores(made)

    async def dropped() -> None:
        await made.database.client.drop_database(made.database.name)

    made = runner.run(opened())
    yield made
    runner.run(dropped())
    made.database.client.close()


def test_whatever_happens_the_end_is_that_of_an_undisturbed_import(runner: asyncio.Runner, stores: Stores) -> None:
    first = Protocol(runner, stores, None)
    first.consent()
    first.import_undisturbed()
    undisturbed = first.outcome()
    assert undisturbed.counters == {
        "processed_contacts": 17,
        "imported_contacts": 7,
        "skipped_contacts": 8,
        "failed_contacts": 2,
        "total_contacts": 17,
    }
    run_state_machine_as_test(
        lambda: Protocol(runner, stores, undisturbed),
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
