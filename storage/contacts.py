"""A page of contacts: one bulk write of the contacts, one of their ledger rows, whatever became of them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec
from bson.raw_bson import RawBSONDocument

from everreach.concurrency.cooperative import map_cooperatively
from everreach.contacts.contact import Contact
from everreach.contacts.page import Entry
from everreach.jobs.job import Job, Lease
from storage.bulk import DUPLICATE, UNENCODABLE, ObjectIds, Template, insert_all
from storage.indexes import CONTACTS, HAS_EMAIL
from storage.ledger import Ledger, Row, RowTemplate, row_template
from storage.mongo import Database, Document, translated

_UNSTORABLE: Final = "The contact could not be stored."
_BATCH: Final = 1000


class Prepared(msgspec.Struct, gc=False):
    """An entry on its way, as received: its ledger row, and where it is to be stored, its key and its document."""

    raw: object
    row: Row
    email: str | None = None
    document: RawBSONDocument | None = None
    refused: bool = False
    """Whether a unique index refused the document."""


class ContactStore:
    """Writes a job's pages. The unique index decides what is a duplicate, however many imports there are at once."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._contacts = database[CONTACTS]
        self._ledger = ledger
        self._ids = ObjectIds()

    async def prepare(self, job: Job, page: int, entries: Iterable[Entry]) -> list[Prepared]:
        """Make the documents of a page, for insert(). `page` is the number of the job's pages before it."""
        shared = {
            "user_id": job.user_id,
            "source": f"{job.provider}_import",
            "imported_at": datetime.now(UTC),
            "import_job_id": job.id,
            "import_page": page,
        }
        return await map_cooperatively(
            partial(_prepared, Template(shared), row_template(job, page), self._ids), _once(entries)
        )

    @translated
    async def insert(self, lease: Lease, page: Sequence[Prepared]) -> list[Row]:
        """Write the contacts of a page; returns their ledger rows, for Ledger.record.

        It may be the job's next page, or the one after it while that is being recorded. Safe to repeat: a contact
        that this job created before counts as created. Raises LeaseLostError before any write that the lease no
        longer covers.
        """
        lease.check()
        waiting = [one for one in page if one.email]
        while waiting:
            waiting = await self._insert(lease, waiting)
        return [one.row for one in page]

    @translated
    async def record_unrecorded(self, job: Job) -> None:
        """Give its row to each contact that a worker created and died before it could record."""
        created = self._contacts.find({**_created_by(job), "import_page": {"$gte": job.page}})
        while batch := await created.to_list(_BATCH):
            rows = [Row(made["provider_contact_id"], None, made["display_name"], made["_id"]) for made in batch]
            await self._ledger.complete(job, rows)

    @translated
    async def withdraw(self, job: Job) -> None:
        """Delete what the job created: its person was erased while a worker still wrote."""
        await self._contacts.delete_many(_created_by(job))

    async def _insert(self, lease: Lease, waiting: Sequence[Prepared]) -> list[Prepared]:
        """Insert the first contact of each key that is new; returns those of which nothing can be said yet.

        The look-up only spares the database its refusals: a single one makes it insert a batch one by one.
        """
        existing = await self._existing(lease.job, waiting)
        for one in waiting:
            if other := existing.get(one.email):
                _tell(one, other, lease.job)
            elif one.refused:
                # It was another index, which would refuse it for ever: E11000 names only the first that did.
                one.row.fail(_UNSTORABLE, one.raw)
        new = [one for one in waiting if one.email not in existing and not one.refused]
        firsts = {one.email: one for one in reversed(new)}
        chosen = [one for one in new if one is firsts[one.email]]
        documents = [one.document for one in chosen if one.document is not None]
        refused = await insert_all(self._contacts, documents, lease.check)
        for place, code in refused.items():
            chosen[place].refused = code == DUPLICATE
            if code != DUPLICATE:
                chosen[place].row.fail(_UNSTORABLE, chosen[place].raw)
        # Another import may have been faster, and a twin on the same page takes the place of one that was not stored.
        beaten = [one for one in chosen if one.refused]
        return beaten + [one for one in new if one is not firsts[one.email]]

    async def _existing(self, job: Job, waiting: Sequence[Prepared]) -> dict[str | None, Document]:
        query = {"user_id": job.user_id, "email": {"$in": [one.email for one in waiting]}}
        found = self._contacts.find(query, ["email", "import_job_id", "provider_contact_id"], batch_size=_BATCH)
        return {email: document async for document in found for email in _emails(document)}


def _created_by(job: Job) -> Document:
    return {"user_id": job.user_id, **HAS_EMAIL, "import_job_id": job.id}


def _emails(existing: Document) -> list[str]:
    """What the index knows a contact by; of the app's own that may be several."""
    email = existing["email"]
    return [one for one in email if isinstance(one, str)] if isinstance(email, list) else [email]


def _tell(one: Prepared, existing: Document, job: Job) -> None:
    """Tell a contact that was there before from one that an earlier attempt at this page created."""
    one.row.contact_id, one.row.document = existing["_id"], None
    if (existing.get("import_job_id"), existing.get("provider_contact_id")) != (job.id, one.row.provider_contact_id):
        one.row.skip("duplicate", one.raw)


def _once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each id once: a listing that shifts while it is read may send one contact twice."""
    seen: set[str] = set()
    for entry in entries:
        if entry.id not in seen:
            seen.add(entry.id)
            yield entry


def _prepared(contacts: Template, rows: RowTemplate, ids: ObjectIds, entry: Entry) -> Prepared:
    contact = entry.contact
    row = Row(entry.id, entry.etag, contact["display_name"] if contact else None)
    document = None
    if contact is None:
        row.fail(entry.error or _UNSTORABLE, entry.raw)
    elif contact["email"] is None:
        row.skip(entry.unaddressed, entry.raw)
    else:
        row.contact_id = next(ids)
        document = _storable(contacts, entry, contact, row)
    row.encode(rows)
    return Prepared(entry.raw, row, contact["email"] if contact and document is not None else None, document)


def _storable(template: Template, entry: Entry, contact: Contact, row: Row) -> RawBSONDocument | None:
    try:
        return template.encode({"_id": row.contact_id, **contact, "provider_contact_id": entry.id})
    except UNENCODABLE:
        row.fail(_UNSTORABLE, entry.raw)
        return None
