"""What was sent of contacts that were left out: the ledger keeps it for a while, and then forgets it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pymongo import ASCENDING

from storage.indexes import JOBS, KEEPS_RAW_DATA, LEDGER, THE_BEGINNING
from storage.mongo import Database, Document, translated

_BATCH: Final = 1000
_LEFT_OUT: Final[Document] = {"action": {"$in": ["skipped", "failed"]}, "raw_data": {"$gt": ""}}


class EndedJob(NamedTuple):
    """A job whose rows may still hold raw data, as it was when it was read."""

    id: Any
    user_id: Any
    completed_at: datetime


class RawData:
    """The field `raw_data` of the ledger's rows. The jobs say when it is due, so that no row pays for an index."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._rows = database[LEDGER]

    @translated
    async def due(self, before: datetime, limit: int, but: Sequence[str] = ()) -> list[EndedJob]:
        """Jobs that ended before this moment and whose raw data was not forgotten yet, the oldest first, `but` some."""
        query: Document = {**KEEPS_RAW_DATA, "completed_at": {"$gt": THE_BEGINNING, "$lt": before}}
        query |= {"_id": {"$nin": but}} if but else {}
        found = self._jobs.find(query, ["user_id", "completed_at"]).sort("completed_at", ASCENDING).limit(limit)
        return [EndedJob(job["_id"], job.get("user_id"), job["completed_at"]) async for job in found]

    @translated
    async def forget(self, job: EndedJob, before: datetime) -> int:
        """Forget: rows from before this moment say what became of each contact, and no longer what was sent.

        Returns how many did. To do so twice, or on two nodes at once, changes nothing more.
        """
        whose = {"user_id": job.user_id, "import_job_id": job.id}
        # In batches, because one statement over a million documents takes longer than a connection waits.
        query = {**whose, **_LEFT_OUT, "created_at": {"$lt": before}}
        # By itself the database may take the other index, and read the rows of all contacts that were not left out.
        found = self._rows.find(query, {"_id": 1}, hint="outcome")
        forgotten = 0
        while batch := await found.to_list(_BATCH):
            ids = [row["_id"] for row in batch]
            result = await self._rows.update_many({**whose, "_id": {"$in": ids}}, {"$set": {"raw_data": None}})
            forgotten += result.modified_count
        # A job that was retried meanwhile will end another time.
        as_read = {"_id": job.id, "user_id": job.user_id, "completed_at": job.completed_at}
        await self._jobs.update_one(as_read, {"$set": {"raw_forgotten": True}})
        return forgotten
