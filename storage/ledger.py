"""What became of each contact that a provider sent: one row each, and the counters that follow from the rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec
from bson.raw_bson import RawBSONDocument

from everreach.concurrency.cooperative import map_cooperatively
from everreach.errors import DatabaseError
from everreach.jobs.job import Job, Lease, Tally
from everreach.jobs.outcome import Action, SkipReason
from storage.bulk import UNENCODABLE, Template, insert_all
from storage.indexes import LEDGER
from storage.mongo import Database, Document, translated

ACTIONS: Final = tuple(Action)
_REFUSED: Final = f"The database takes no row of some contacts into {LEDGER}; look for validators and further indexes."
_RAW_LIMIT: Final = 65536  # Bytes of an entry as received that a row keeps; a longer one is left out.


class Row(msgspec.Struct, gc=False):
    """What the ledger says of one contact: that it was created, until skip() or fail() say otherwise."""

    provider_contact_id: str
    provider_etag: str | None
    display_name: str | None
    contact_id: Any = None
    action: Action = Action.CREATED
    skip_reason: SkipReason | None = None
    error_message: str | None = None
    raw_data: str | None = None
    digest: bytes | None = None
    """Of the contact that was created, as it is stored: whether it was edited since."""
    before: Document | None = None
    after: Document | None = None
    """The fields of a contact that were changed, as they were and as they are; one that was not there is absent."""
    document: RawBSONDocument | None = None
    """The row as stored, encoded ahead; None where it has to be encoded anew."""

    def skip(self, reason: SkipReason, raw: object) -> None:
        """The contact was left out on purpose."""
        self.action, self.skip_reason, self.raw_data = Action.SKIPPED, reason, _text(raw)
        self.document = None

    def update(self, contact_id: object, before: Document, after: Document) -> None:
        """The person's contact was changed."""
        self.action, self.contact_id, self.before, self.after = Action.UPDATED, contact_id, before, after
        self.document = None

    def fail(self, message: str, raw: object) -> None:
        """The contact could not be read or stored."""
        self.action, self.contact_id, self.error_message, self.raw_data = Action.FAILED, None, message, _text(raw)
        self.document = None

    def encode(self, template: "RowTemplate") -> RawBSONDocument:
        """The row as stored; one that cannot be is kept without what the provider said, not lost with its page."""
        try:
            self.document = (
                template.created.encode(self._told())
                if self.action is Action.CREATED
                else template.any.encode(self._fields())
            )
        except UNENCODABLE:
            self.document = self.bare(template)
        return self.document

    def bare(self, template: "RowTemplate") -> RawBSONDocument:
        """The row without what the provider said beside its id."""
        return template.any.encode({**self._fields(), "display_name": None, "provider_etag": None, "raw_data": None})

    def _told(self) -> Document:
        return {
            "contact_id": self.contact_id,
            "provider_contact_id": self.provider_contact_id,
            "provider_etag": self.provider_etag,
            "display_name": self.display_name,
            **({"digest": self.digest} if self.digest and self.action is Action.CREATED else {}),
        }

    def _fields(self) -> Document:
        return {
            **self._told(),
            "action": self.action.value,
            "skip_reason": self.skip_reason and self.skip_reason.value,
            "error_message": self.error_message,
            "raw_data": self.raw_data,
            **({} if self.after is None else {"before": self.before, "after": self.after}),
        }


class RowTemplate:
    """What the rows of a page share; those of contacts that were created, which are nearly all, share more."""

    def __init__(self, shared: Document) -> None:
        self.any = Template(shared)
        self.created = Template(
            {"action": Action.CREATED.value, "skip_reason": None, "error_message": None, "raw_data": None, **shared}
        )


class Recorded(Protocol):
    """Whatever comes with its row."""

    row: Row


R = TypeVar("R", bound=Recorded)


class Ledger:
    """The collection `imported_contacts`. A provider's contact has one row in a job, however often it was sent."""

    def __init__(self, database: Database) -> None:
        self._rows = database[LEDGER]

    @translated
    async def record(self, lease: Lease, rows: Sequence[Row], *, recovering: bool) -> Tally:
        """Write the rows of the page under way of the lease's job; returns what the page adds to the counters.

        `recovering` says that an earlier attempt at this page may have written some already. Then the rows themselves
        are counted, because the provider may send the page with other contacts the second time. Raises LeaseLostError
        before any write that the lease no longer covers, and DatabaseError where there can be no row of a contact.
        """
        there = await self._write(lease.job, rows, lease.check)
        if recovering:
            return await self._tally({**_of(lease.job), "page": lease.job.page})
        # A row that is there already was counted with an earlier page: the listing has begun again.
        return Tally.of(Counter(row.action for place, row in enumerate(rows) if place not in there))

    @translated
    async def unrecorded(self, job: Job, page: Sequence[R]) -> list[R]:
        """Those of a page's contacts that have no row yet, in their order."""
        recorded = await self._recorded(job, [one.row for one in page])
        return [one for one in page if one.row.provider_contact_id not in recorded]

    @translated
    async def complete(self, job: Job, rows: Sequence[Row]) -> None:
        """Add the rows that are missing of a job that no worker writes to any more."""
        await self._write(job, rows)

    async def count(self, job: Job) -> dict[str, int]:
        """The job's counters as its rows have them, by the names of the job's fields."""
        tally = await self._tally(_of(job))
        return {
            "processed_contacts": tally.processed,
            "imported_contacts": tally.imported,
            "skipped_contacts": tally.skipped,
            "failed_contacts": tally.failed,
            "updated_contacts": tally.updated,
            "deleted_contacts": tally.deleted,
        }

    @translated
    async def withdraw(self, job: Job) -> None:
        """Delete the job's rows: its person was erased while a worker still wrote."""
        await self._rows.delete_many(_of(job))

    async def _write(self, job: Job, rows: Sequence[Row], check: Callable[[], None] | None = None) -> set[int]:
        """Write the rows that are not there yet; returns the places of those that are.

        One that is refused for another reason is written without what the provider said.
        """
        refused = await insert_all(self._rows, await self._documents(job, rows), check)
        if not refused:
            return set()
        recorded = await self._recorded(job, [rows[place] for place in refused])
        others = [rows[place] for place in refused if rows[place].provider_contact_id not in recorded]
        template = row_template(job, job.page)
        if await insert_all(self._rows, [row.bare(template) for row in others], check):
            raise DatabaseError(_REFUSED)
        return {place for place in refused if rows[place].provider_contact_id in recorded}

    async def _recorded(self, job: Job, rows: Sequence[Row]) -> set[str]:
        """The provider's ids of those contacts that have a row."""
        query = {**_of(job), "provider_contact_id": {"$in": [row.provider_contact_id for row in rows]}}
        found = self._rows.find(query, {"provider_contact_id": 1, "_id": 0})
        return {row["provider_contact_id"] async for row in found}

    async def _documents(self, job: Job, rows: Sequence[Row]) -> list[RawBSONDocument]:
        changed = [row for row in rows if row.document is None]
        await map_cooperatively(partial(Row.encode, template=row_template(job, job.page)), changed)
        return [row.document for row in rows if row.document is not None]

    @translated
    async def _tally(self, query: Mapping[str, Any]) -> Tally:
        # The index `outcome` holds all that is asked for here, so that counting reads no row.
        matching = {"$match": {**query, "action": {"$in": list(ACTIONS)}}}
        groups = self._rows.aggregate([matching, {"$group": {"_id": "$action", "count": {"$sum": 1}}}])
        counts = {group["_id"]: group["count"] async for group in groups}
        return Tally.of(counts)


def _of(job: Job) -> Document:
    return {"user_id": job.user_id, "import_job_id": job.id}


def row_template(job: Job, page: int) -> RowTemplate:
    """What the rows of a page share. `page` is the number of the job's pages before it."""
    return RowTemplate({**_of(job), "page": page, "created_at": datetime.now(UTC)})


def _text(raw: object) -> str | None:
    try:
        text = msgspec.json.encode(raw)
    except (UnicodeError, RecursionError, TypeError):
        return None
    return text.decode("utf-8", "replace") if len(text) <= _RAW_LIMIT else None
