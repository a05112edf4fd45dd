"""What became of each contact that a provider sent: one row each, and the counters that follow from the rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING

from everreach.contact import Entry
from everreach.job import Job, Lease, Tally
from everreach.pace import paced
from storage.bulk import UNENCODABLE, encode, insert_all
from storage.indexes import LEDGER
from storage.mongo import Database, Document, prompt, translated

Row = Document
"""What the ledger says of one contact."""

ACTIONS: Final = ("created", "updated", "skipped", "failed")

_COUNTED: Final = ("created", "skipped", "failed")
_SHOWN: Final = (
    *("provider_contact_id", "action", "skip_reason", "error_message"),
    *("contact_id", "display_name", "created_at"),
)
_ORDER: Final = [(name, ASCENDING) for name in ("user_id", "import_job_id", "action", "page", "_id")]
_RAW_LIMIT: Final = 65536  # Bytes of an entry as received that a row keeps; a longer one is left out.


def recorded(  # noqa: PLR0917
    job: Job, entry_id: str, contact_id: ObjectId | None, name: str | None, now: datetime, etag: str | None = None
) -> Document:
    """The row of a contact that was created; skipped() and failed() make something else of it."""
    return {
        "user_id": job.user_id,
        "import_job_id": job.id,
        "contact_id": contact_id,
        "provider_contact_id": entry_id,
        "provider_etag": etag,
        "action": "created",
        "skip_reason": None,
        "error_message": None,
        "display_name": name,
        "raw_data": None,
        "created_at": now,
    }


def skipped(row: Document, entry: Entry, reason: str) -> None:
    """Turn a row into that of a contact which was left out on purpose: `duplicate` or `no_email`."""
    row.update(action="skipped", skip_reason=reason, raw_data=_raw(entry))


def failed(row: Document, entry: Entry, message: str) -> None:
    """Turn a row into that of a contact which could not be read or stored."""
    row.update(action="failed", contact_id=None, error_message=message, raw_data=_raw(entry))


class Ledger:
    """The collection `imported_contacts`. A provider's contact has one row in a job, however often it was sent."""

    def __init__(self, database: Database) -> None:
        self._rows = database[LEDGER]

    @translated
    async def record(self, lease: Lease, rows: Sequence[Document], *, recovering: bool) -> Tally:
        """Write the rows of the page under way of the lease's job; returns what the page adds to the counters.

        `recovering` says that an earlier attempt at this page may have written some already. Then the rows themselves
        are counted, because the provider may send the page with other contacts the second time. Raises LeaseLostError
        before any write that the lease no longer covers.
        """
        documents = await self._documents(lease.job, rows)
        lease.check()
        refused = await insert_all(self._rows, documents)
        if recovering:
            return await self._tally({**_of(lease.job), "page": lease.job.page})
        # A row that is there already was counted with an earlier page: the listing has begun again.
        actions = [row["action"] for place, row in enumerate(rows) if place not in refused]
        return Tally(*(actions.count(action) for action in _COUNTED))

    @translated
    async def complete(self, job: Job, rows: Sequence[Document]) -> None:
        """Add the rows that are missing of a job that no worker writes to any more."""
        await insert_all(self._rows, await self._documents(job, rows))

    async def count(self, job: Job) -> dict[str, int]:
        """The job's counters as its rows have them, by the names of the job's fields."""
        tally = await self._tally(_of(job))
        return {
            "processed_contacts": tally.processed,
            "imported_contacts": tally.imported,
            "skipped_contacts": tally.skipped,
            "failed_contacts": tally.failed,
        }

    @prompt
    async def page(self, job: Job, action: str | None, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """A page of rows, grouped by action and in order of arrival, and how many there are in all."""
        query = {**_of(job), "action": action or {"$in": list(ACTIONS)}}
        found = self._rows.find(query, {**dict.fromkeys(_SHOWN, 1), "_id": 0}).sort(_ORDER).skip(offset).limit(limit)
        return [row async for row in found], await self._rows.count_documents(query)

    async def _documents(self, job: Job, rows: Sequence[Row]) -> list[RawBSONDocument]:
        return await paced(lambda row: _encoded({**row, "page": job.page}), rows)

    @translated
    async def _tally(self, query: Mapping[str, Any]) -> Tally:
        # The index `outcome` holds all that is asked for here, so that counting reads no row.
        matching = {"$match": {**query, "action": {"$in": list(ACTIONS)}}}
        groups = self._rows.aggregate([matching, {"$group": {"_id": "$action", "count": {"$sum": 1}}}])
        counts = {group["_id"]: group["count"] async for group in groups}
        return Tally(*(counts.get(action, 0) for action in _COUNTED))


def _of(job: Job) -> Document:
    return {"user_id": job.user_id, "import_job_id": job.id}


def _encoded(row: Row) -> RawBSONDocument:
    """The row; one that cannot be stored is kept without what the provider said, rather than lost with its page."""
    try:
        return encode(row)
    except UNENCODABLE:
        return encode({**row, "display_name": None, "provider_etag": None, "raw_data": None})


def _raw(entry: Entry) -> str | None:
    try:
        raw = msgspec.json.encode(entry.raw)
    except (UnicodeError, RecursionError, TypeError):
        return None
    return raw.decode() if len(raw) <= _RAW_LIMIT else None
