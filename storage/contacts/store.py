"""A page of contacts: one bulk write of the contacts, one of their ledger rows, whatever became of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from everreach.concurrency.cooperative import map_cooperatively
from everreach.contacts.page import Entry
from everreach.jobs.job import Job, Lease
from everreach.jobs.options import Duplicates, WithoutEmail
from everreach.jobs.outcome import SkipReason
from storage.bulk import DUPLICATE, ObjectIds, insert_all
from storage.contacts.filling import Filling, Pair, changes, filled_by
from storage.contacts.prepared import UNSTORABLE, Key, Prepared, once, preparing
from storage.indexes import CONTACTS, HAS_EMAIL, HAS_KEY
from storage.ledger import Ledger, Row
from storage.mongo import Database, Document, translated

_BATCH: Final = 1000
_KEYS: Final = (HAS_EMAIL, HAS_KEY)
_LOOKED_AT: Final = ["email", "key", "import_job_id", "provider_contact_id"]


class ContactStore:
    """Writes a job's pages. The unique index decides what is a duplicate, however many imports there are at once."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._contacts = database[CONTACTS]
        self._ledger = ledger
        self._ids = ObjectIds()
        self._filling = Filling(self._contacts)

    async def prepare(self, job: Job, page: int, entries: Iterable[Entry]) -> list[Prepared]:
        """Make the documents of a page, for insert(). `page` is the number of the job's pages before it."""
        return await map_cooperatively(preparing(job, page, self._ids), once(entries))

    @translated
    async def insert(self, lease: Lease, page: Sequence[Prepared]) -> list[Row]:
        """Write the contacts of a page; returns their ledger rows, for Ledger.record.

        It may be the job's next page, or the one after it while that is being recorded. Safe to repeat: a contact
        that this job created before counts as created. Raises LeaseLostError before any write that the lease no
        longer covers.
        """
        lease.check()
        waiting = [one for one in page if one.key]
        while waiting:
            waiting = await self._insert(lease, waiting)
        return [one.row for one in page]

    @translated
    async def record_unrecorded(self, job: Job) -> None:
        """Give its row to each contact that a worker created or filled, and died before it could record."""
        for query in _created_by(job):
            created = self._contacts.find({**query, "import_page": {"$gte": job.page}})
            while batch := await created.to_list(_BATCH):
                rows = [Row(made["provider_contact_id"], None, made["display_name"], made["_id"]) for made in batch]
                await self._ledger.complete(job, rows)
        if job.options.duplicates is Duplicates.FILL:
            await self._record_filled(job)

    async def _record_filled(self, job: Job) -> None:
        for key in _KEYS:
            found = self._contacts.find({"user_id": job.user_id, **key, "filled.job_id": job.id})
            while batch := await found.to_list(_BATCH):
                await self._ledger.complete(job, [row for there in batch for row in _filled_rows(job, there)])

    @translated
    async def withdraw(self, job: Job) -> None:
        """Delete what the job created: its person was erased while a worker still wrote."""
        for query in _created_by(job):
            await self._contacts.delete_many(query)

    async def _insert(self, lease: Lease, waiting: Sequence[Prepared]) -> list[Prepared]:
        """Insert the first contact of each key that is new; returns those of which nothing can be said yet.

        The look-up only spares the database its refusals: a single one makes it insert a batch one by one.
        """
        existing = await self._existing(lease.job, waiting)
        await self._tell(lease, [(one, existing[one.key]) for one in waiting if one.key in existing])
        for one in waiting:
            if one.refused and one.key not in existing:
                # It was another index, which would refuse it for ever: E11000 names only the first that did.
                one.row.fail(UNSTORABLE, one.raw)
        new = [one for one in waiting if one.key not in existing and not one.refused]
        firsts = {one.key: one for one in reversed(new)}
        chosen = [one for one in new if one is firsts[one.key]]
        documents = [one.document for one in chosen if one.document is not None]
        refused = await insert_all(self._contacts, documents, lease.check)
        for place, code in refused.items():
            chosen[place].refused = code == DUPLICATE
            if code != DUPLICATE:
                chosen[place].row.fail(UNSTORABLE, chosen[place].raw)
        # Another import may have been faster, and a twin on the same page takes the place of one that was not stored.
        beaten = [one for one in chosen if one.refused]
        return beaten + [one for one in new if one is not firsts[one.key]]

    async def _existing(self, job: Job, waiting: Sequence[Prepared]) -> dict[Key | None, Document]:
        """The person's contacts with these keys, whichever unique index has them."""
        fields = None if job.options.duplicates is Duplicates.FILL else _LOOKED_AT
        found: dict[Key | None, Document] = {}
        for name in dict.fromkeys(one.key.field for one in waiting if one.key):
            values = [one.key.value for one in waiting if one.key and one.key.field == name]
            query = {"user_id": job.user_id, name: {"$in": values}}
            async for there in self._contacts.find(query, fields, batch_size=_BATCH):
                found |= {Key(name, value): there for value in _values(there[name])}
        return found

    async def _tell(self, lease: Lease, pairs: Sequence[Pair]) -> None:
        """Tell contacts that were there before from those that an earlier attempt at this page created."""
        others = []
        for one, there in pairs:
            one.row.contact_id, one.row.document = there["_id"], None
            ours = (there.get("import_job_id"), there.get("provider_contact_id"))
            if ours != (lease.job.id, one.row.provider_contact_id):
                others.append((one, there))
        if lease.job.options.duplicates is Duplicates.FILL:
            await self._filling.fill(lease, others)
        else:
            for one, _ in others:
                one.row.skip(SkipReason.DUPLICATE, one.raw)


def _created_by(job: Job) -> list[Document]:
    """Together they find all contacts that the job created, each by its own index."""
    keys = _KEYS if job.options.without_email is WithoutEmail.IMPORT else (HAS_EMAIL,)
    return [{"user_id": job.user_id, **key, "import_job_id": job.id} for key in keys]


def _values(key: Any) -> list[str]:
    """What the index knows a contact by; of the app's own that may be several."""
    return [one for one in key if isinstance(one, str)] if isinstance(key, list) else [key]


def _filled_rows(job: Job, there: Document) -> Iterator[Row]:
    for mark in filled_by(job, there):
        row = Row(mark["id"], None, there.get("display_name"))
        row.update(there["_id"], *changes(there, mark))
        yield row
