"""What the storage tests are built from: the stores on one database, and jobs that have come so far."""

import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import CodecOptions
from bson.raw_bson import RawBSONDocument

from everreach.contacts.contact import Contact
from everreach.contacts.page import Entry
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import COUNTERS, Job, Lease, Tally
from everreach.security.oauth_state import State
from storage.contacts.store import ContactStore
from storage.indexes import CONTACTS, JOBS, LEDGER
from storage.jobs import JobStore
from storage.leases import LeaseStore
from storage.ledger import Ledger, Row
from storage.mongo import Database, Document
from storage.pages import Pages

USER: Final = "3f1d3a4e-0c1c-4c5a-9a39-0d3f3f3f3f3f"
STRANGER: Final = "77777777-0c1c-4c5a-9a39-0d3f3f3f3f3f"
LEASE_SECONDS: Final = 30.0
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
TOKENS: Final[Document] = {
    "access_token": "sealed access",
    "refresh_token": "sealed refresh",
    "token_expires_at": datetime(2030, 1, 1, tzinfo=UTC),
}
NEW_TOKENS: Final[Document] = {**TOKENS, "access_token": "sealed anew"}
NO_TOKENS: Final = {"access_token": None, "refresh_token": None, "token_expires_at": None, "pkce_verifier": None}
NO_COUNTS: Final = {name: 0 for name in COUNTERS if name != "total_contacts"}


Attempt = Callable[[], Awaitable[Any]]

WRITES: Final = (
    *("begin", "renew", "release", "postpone", "wait_out"),
    *("identify", "locate", "store_tokens", "advance", "finish", "fail"),
)
"""What only the holder of a lease may do."""


def state_of(user: str = USER) -> State:
    return State(str(uuid.uuid4()), user, secrets.token_urlsafe(36))


def contact(email: str | None, name: str | None = "Ada") -> Contact:
    return Contact(display_name=name, email=email, phone=None, emails=[], phones=[], addresses=[], organizations=[])


def entry(id_: str, email: str | None = None, name: str | None = "Ada") -> Entry:
    """A contact as a provider sends it; without an e-mail unless one is given."""
    return Entry(id=id_, etag=f"etag of {id_}", contact=contact(email, name), raw={"id": id_})


def unreadable(id_: str, reason: str | None = "The name is no text.") -> Entry:
    return Entry(id=id_, etag=None, contact=None, raw={"id": id_}, error=reason)


def people(*names: str) -> list[Entry]:
    """One contact with an e-mail for each name."""
    return [entry(name, f"{name}@example.org", name) for name in names]


@dataclass(frozen=True)
class Stores:
    """Every store of the product on one database, and shortcuts to the documents behind them.

    `announce` as where there are webhooks.
    """

    database: Database
    announce: bool = False
    jobs: JobStore = field(init=False)
    ledger: Ledger = field(init=False)
    pages: Pages = field(init=False)
    contacts: ContactStore = field(init=False)
    leases: LeaseStore = field(init=False)
    other_node: LeaseStore = field(init=False)

    def __post_init__(self) -> None:
        ledger = Ledger(self.database)
        made = {
            "jobs": JobStore(self.database, announce=self.announce),
            "ledger": ledger,
            "pages": Pages(self.database),
            "contacts": ContactStore(self.database, ledger),
            "leases": self.node("node-1"),
            "other_node": self.node("node-2"),
        }
        for name, store in made.items():
            object.__setattr__(self, name, store)

    def node(self, owner: str, *, keep_tokens: bool = False) -> LeaseStore:
        return LeaseStore(self.database, owner, LEASE_SECONDS, keep_tokens=keep_tokens, announce=self.announce)

    async def waiting(self, user: str = USER, provider: str = "google") -> State:
        """A job whose person is at the consent page."""
        state = state_of(user)
        await self.jobs.create(state, provider, "sealed verifier", 600)
        return state

    async def exchanging(self, user: str = USER, provider: str = "google") -> Job:
        """A job whose state was spent."""
        job = await self.jobs.spend(await self.waiting(user, provider), provider)
        assert job
        return job

    async def fetching(self, user: str = USER, provider: str = "google") -> Job:
        """A job that waits for a worker."""
        job = await self.jobs.consent(await self.exchanging(user, provider), TOKENS)
        assert job
        return job

    async def leased(self, user: str = USER, provider: str = "google", job: Job | None = None) -> Lease:
        """A job that node-1 works on."""
        job = job or await self.fetching(user, provider)
        return await self.started(self.leases, job)

    async def started(self, node: LeaseStore, job: Job) -> Lease:
        """The lease of a worker who has claimed a job that is due, and has begun."""
        lease = await node.claim(job.id, job.user_id)
        assert lease
        await node.begin(lease)
        return lease

    async def abandon(self, job_id: str) -> None:
        """Let the lease (or whatever else the job waits for) be over."""
        await self.put(job_id, not_before=LONG_AGO)

    async def taken_over(self, lease: Lease) -> Lease:
        """The next worker's lease, after this one's holder was killed."""
        await self.abandon(lease.job.id)
        return await self.started(self.other_node, lease.job)

    async def claimed_in_vain(self, job_id: str) -> None:
        """A worker claims a job that is due and never hears of it; its lease ends."""
        assert await self.node("node-3").claim(job_id, USER)
        await self.abandon(job_id)

    async def insert(self, lease: Lease, page: int, entries: Sequence[Entry]) -> list[Row]:
        """Insert the contacts of a page; returns the ledger rows that are still to be recorded."""
        return await self.contacts.insert(lease, await self.contacts.prepare(lease.job, page, entries))

    async def page(self, lease: Lease, entries: Sequence[Entry], *, recovering: bool = False) -> Tally:
        """Write a page as the importer does, all but the commit; returns what it adds to the counters."""
        rows = await self.insert(lease, lease.job.page, entries)
        return await self.ledger.record(lease, rows, recovering=recovering)

    async def commit(self, lease: Lease, entries: Sequence[Entry], *, recovering: bool = False) -> Tally:
        """Write a page and commit it."""
        tally = await self.page(lease, entries, recovering=recovering)
        node = self.leases if lease.owner == "node-1" else self.other_node
        await node.advance(lease, tally, Cursor(f"after page {lease.job.page}"), None)
        return tally

    async def put(self, job_id: str, **values: Any) -> None:
        result = await self.database[JOBS].update_one({"_id": job_id}, {"$set": values})
        assert result.matched_count == 1

    async def stored(self, job_id: str) -> Document:
        """The job's whole document."""
        document: Document | None = await self.database[JOBS].find_one({"_id": job_id})
        assert document
        return document

    async def stored_bytes(self, job_id: str) -> bytes:
        """The job's whole document, byte for byte."""
        raw = self.database[JOBS].with_options(codec_options=CodecOptions(RawBSONDocument))
        document: Any = await raw.find_one({"_id": job_id})
        return bytes(document.raw)

    async def now(self) -> datetime:
        """What time it is for the database."""
        hello = await self.database.command("hello", codec_options=self.database.codec_options)
        moment: datetime = hello["localTime"]
        return moment

    async def seconds_left(self, job_id: str) -> float:
        """How long until the engine has to look at the job."""
        left: timedelta = (await self.stored(job_id))["not_before"] - await self.now()
        return left.total_seconds()

    async def rows(self, **query: Any) -> list[Document]:
        """Ledger rows in order of arrival."""
        return await self.database[LEDGER].find(query).sort("_id", 1).to_list(None)

    async def actions(self, job: Job) -> dict[str, str]:
        """What became of each contact of a job: the provider's id -> action, and the reason of a skip."""
        rows = await self.rows(import_job_id=job.id)
        return {row["provider_contact_id"]: row["skip_reason"] or row["action"] for row in rows}

    async def people(self, **query: Any) -> list[Document]:
        """Documents of `contacts`."""
        return await self.database[CONTACTS].find(query).sort("_id", 1).to_list(None)

    async def names(self, **query: Any) -> list[str]:
        """The provider's ids in `contacts`, sorted."""
        return sorted(document["provider_contact_id"] for document in await self.people(**query))


def writes(leases: LeaseStore, lease: Lease) -> dict[str, Attempt]:
    """WRITES, ready to be made."""
    return {
        "begin": lambda: leases.begin(lease),
        "renew": lambda: leases.renew(lease),
        "release": lambda: leases.release(lease),
        "postpone": lambda: leases.postpone(lease, 5),
        "wait_out": lambda: leases.wait_out(lease, 5),
        "identify": lambda: leases.identify(lease, "id", "ada@example.org"),
        "locate": lambda: leases.locate(lease, "GB"),
        "store_tokens": lambda: leases.store_tokens(lease, NEW_TOKENS),
        "advance": lambda: leases.advance(lease, Tally(imported=1), Cursor("next"), 10),
        "finish": lambda: leases.finish(lease, Tally(imported=1)),
        "fail": lambda: leases.fail(lease, "It failed.", NO_COUNTS),
    }


@asynccontextmanager
async def failing(database: Database, *commands: str, **fault: Any) -> AsyncIterator[None]:
    """While inside, the database answers our own commands of these names with a fault of its own making."""
    admin = database.client.admin
    data: Mapping[str, Any] = {"failCommands": list(commands), "appName": "everreach", **fault}
    await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        yield
    finally:
        await admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def slowly(database: Database, command: str) -> AbstractAsyncContextManager[None]:
    """While inside, each of our commands of this name takes a fifth of a second, so that there is time to interfere."""
    return failing(database, command, blockConnection=True, blockTimeMS=200)
