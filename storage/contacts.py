"""A page of contacts: one bulk write of the contacts, one of their ledger rows, whatever became of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from bson import ObjectId

from everreach.contact import Contact, Entry
from everreach.job import Job, Lease
from storage.bulk import DUPLICATE, UNENCODABLE, encode, insert_all
from storage.indexes import CONTACTS
from storage.ledger import Ledger, Row, failed, recorded, skipped
from storage.mongo import Database, Document, translated

_UNSTORABLE: Final = "The contact could not be stored."
_BATCH: Final = 1000


class _Candidate(NamedTuple):
    entry: Entry
    contact: Contact
    row: Row


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
        job, now = lease.job, datetime.now(UTC)
        rows: dict[str, Row] = {}
        candidates = []
        for entry in entries:
            # A listing that shifts while it is read may send one contact twice.
            if entry.id not in rows:
                row = rows[entry.id] = _row(job, entry, now)
                if entry.contact and row["contact_id"]:
                    candidates.append(_Candidate(entry, entry.contact, row))
        lease.check()
        await self._insert(job, ((made, _document(job, page, made, now)) for made in candidates))
        return list(rows.values())

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

    async def _insert(self, job: Job, pairs: Iterable[tuple[_Candidate, Document]]) -> None:
        documents, storable = [], []
        for candidate, document in pairs:
            try:
                documents.append(encode(document))
                storable.append(candidate)
            except UNENCODABLE:
                failed(candidate.row, candidate.entry, _UNSTORABLE)
        refused = await insert_all(self._contacts, documents)
        for place, code in refused.items():
            if code != DUPLICATE:
                failed(storable[place].row, storable[place].entry, _UNSTORABLE)
        await self._tell_apart(job, [storable[place] for place, code in refused.items() if code == DUPLICATE])

    async def _tell_apart(self, job: Job, refused: Sequence[_Candidate]) -> None:
        """Tell contacts that were there before from those that an earlier attempt at this page created."""
        if not refused:
            return
        query = {"user_id": job.user_id, "email": {"$in": [candidate.contact["email"] for candidate in refused]}}
        found = self._contacts.find(query, ["email", "import_job_id", "provider_contact_id"])
        existing = {document["email"]: document async for document in found}
        for entry, contact, row in refused:
            other = existing.get(contact["email"], {})
            row["contact_id"] = other.get("_id")
            if (other.get("import_job_id"), other.get("provider_contact_id")) != (job.id, entry.id):
                skipped(row, entry, "duplicate")


def _row(job: Job, entry: Entry, now: datetime) -> Row:
    contact = entry.contact
    if contact is None:
        row = recorded(job, entry.id, None, None, now, entry.etag)
        failed(row, entry, entry.error or _UNSTORABLE)
    elif contact["email"] is None:
        row = recorded(job, entry.id, None, contact["display_name"], now, entry.etag)
        skipped(row, entry, "no_email")
    else:
        row = recorded(job, entry.id, ObjectId(), contact["display_name"], now, entry.etag)
    return row


def _document(job: Job, page: int, candidate: _Candidate, now: datetime) -> Document:
    return {
        "_id": candidate.row["contact_id"],
        "user_id": job.user_id,
        **candidate.contact,
        "source": f"{job.provider}_import",
        "imported_at": now,
        "import_job_id": job.id,
        "import_page": page,
        "provider_contact_id": candidate.entry.id,
    }
