"""A page of contacts: one bulk write of the contacts, one of their ledger rows, whatever became of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from everreach.contact import Contact, Entry
from everreach.job import Job, Lease
from everreach.pace import paced
from storage.bulk import DUPLICATE, UNENCODABLE, encode, insert_all
from storage.indexes import CONTACTS
from storage.ledger import Ledger, Row, failed, recorded, skipped
from storage.mongo import Database, translated

_UNSTORABLE: Final = "The contact could not be stored."
_BATCH: Final = 1000


class _Page(NamedTuple):
    job: Job
    number: int
    now: datetime


class _Prepared(NamedTuple):
    entry: Entry
    row: Row
    email: str | None = None
    document: RawBSONDocument | None = None


class ContactStore:
    """Writes a job's pages. Dedupe is the work of the unique index, never of a look-up beforehand."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._contacts = database[CONTACTS]
        self._ledger = ledger

    @translated
    async def insert(self, lease: Lease, page: int, entries: Sequence[Entry]) -> list[Row]:
        """Write the contacts of a page; returns their ledger rows, for Ledger.record.

        `page` is the number of pages before it: the job's own, or one more while the page before is being recorded.
        Safe to repeat: a contact that this job created before counts as created. Raises LeaseLostError before any
        write that the lease no longer covers.
        """
        job = lease.job
        where = _Page(job, page, datetime.now(UTC))
        # A listing that shifts while it is read may send one contact twice.
        once = {entry.id: entry for entry in reversed(entries)}
        prepared = await paced(partial(_prepared, where), list(reversed(once.values())))
        lease.check()
        await self._insert(job, [one for one in prepared if one.document])
        return [one.row for one in prepared]

    @translated
    async def record_unrecorded(self, job: Job) -> None:
        """Give its row to each contact that a worker created and died before it could record."""
        query = {
            "user_id": job.user_id,
            "email": {"$gt": ""},
            "import_job_id": job.id,
            "import_page": {"$gte": job.page},
        }
        created = self._contacts.find(query)
        while batch := await created.to_list(_BATCH):
            rows = [
                recorded(job, made["provider_contact_id"], made["_id"], made["display_name"], made["imported_at"])
                for made in batch
            ]
            await self._ledger.complete(job, rows)

    async def _insert(self, job: Job, prepared: Sequence[_Prepared]) -> None:
        refused = await insert_all(self._contacts, [one.document for one in prepared if one.document])
        for place, code in refused.items():
            if code != DUPLICATE:
                failed(prepared[place].row, prepared[place].entry, _UNSTORABLE)
        await self._tell_apart(job, [prepared[place] for place, code in refused.items() if code == DUPLICATE])

    async def _tell_apart(self, job: Job, refused: Sequence[_Prepared]) -> None:
        """Tell contacts that were there before from those that an earlier attempt at this page created."""
        if not refused:
            return
        query = {"user_id": job.user_id, "email": {"$in": [one.email for one in refused]}}
        found = self._contacts.find(query, ["email", "import_job_id", "provider_contact_id"])
        existing = {document["email"]: document async for document in found}
        for one in refused:
            other = existing.get(one.email, {})
            one.row["contact_id"] = other.get("_id")
            if (other.get("import_job_id"), other.get("provider_contact_id")) != (job.id, one.entry.id):
                skipped(one.row, one.entry, "duplicate")


def _prepared(page: _Page, entry: Entry) -> _Prepared:
    contact = entry.contact
    row = recorded(page.job, entry.id, None, contact["display_name"] if contact else None, page.now, entry.etag)
    if contact is None:
        failed(row, entry, entry.error or _UNSTORABLE)
    elif contact["email"] is None:
        skipped(row, entry, "no_email")
    else:
        return _storable(page, entry, contact, row)
    return _Prepared(entry, row)


def _storable(page: _Page, entry: Entry, contact: Contact, row: Row) -> _Prepared:
    row["contact_id"] = ObjectId()
    document = {
        "_id": row["contact_id"],
        "user_id": page.job.user_id,
        **contact,
        "source": f"{page.job.provider}_import",
        "imported_at": page.now,
        "import_job_id": page.job.id,
        "import_page": page.number,
        "provider_contact_id": entry.id,
    }
    try:
        return _Prepared(entry, row, contact["email"], encode(document))
    except UNENCODABLE:
        failed(row, entry, _UNSTORABLE)
        return _Prepared(entry, row)
