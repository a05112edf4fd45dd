"""Pages of long lists: a person's jobs, and what became of a job's contacts.

A page begins behind so many others, which costs the more the more they are, or right behind the one that came last.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from bson import MaxKey, MinKey
from cachetools import LRUCache
from pymongo import ASCENDING, DESCENDING
from pymongo.read_concern import ReadConcern

from everreach.errors import BadRequestError
from everreach.jobs.job import Job
from everreach.jobs.outcome import Action
from storage.indexes import JOBS, LEDGER
from storage.ledger import ACTIONS
from storage.mongo import PATIENCE_MS, Collection, Database, Document, prompt, translated
from storage.transitions import SHOWN, if_readable

_HISTORY: Final = (("user_id", ASCENDING), ("created_at", DESCENDING), ("_id", ASCENDING))
_OUTCOME: Final = tuple((name, ASCENDING) for name in ("user_id", "import_job_id", "action", "page", "_id"))
_SHOWN: Final = (
    *("provider_contact_id", "action", "skip_reason", "error_message"),
    *("contact_id", "display_name", "created_at"),
)
_AT_A_TIME: Final = 200  # Rows whose raw data is in memory at once: some mebibytes at the most.
_COUNTS: Final = 2000  # So many counts are remembered.


class Pages:
    """Reads them. `after` names what the page begins behind; BadRequestError where the list has none such."""

    def __init__(self, database: Database) -> None:
        # As in JobStore: only what a majority holds is shown.
        self._jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
        self._rows = database[LEDGER]
        self._counts: LRUCache[tuple[str, int, str | None], int] = LRUCache(_COUNTS)

    @prompt
    async def jobs(
        self, query: Mapping[str, str], limit: int, offset: int, after: str | None = None
    ) -> tuple[list[Job], int]:
        """A page of the jobs that match, newest first, and how many match in all. `query` holds the user_id.

        One that cannot be read is counted and left out. `after` is a job's id.
        """
        begin: Document = {"skip": offset, "sort": _HISTORY[1:]}
        if after is not None:
            last = await _named(self._jobs, {"_id": after, "user_id": query["user_id"]}, _HISTORY)
            begin |= {"skip": offset + 1, **_behind("history", _HISTORY, last, shared=1)}
        found = self._jobs.find(query, SHOWN, limit=limit, max_time_ms=PATIENCE_MS, **begin)
        jobs = [job async for document in found if (job := if_readable(document))]
        return jobs, await self._jobs.count_documents(query, maxTimeMS=PATIENCE_MS)

    @prompt
    async def contacts(
        self, job: Job, action: str | None, limit: int, offset: int, after: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of rows, grouped by action and in order of arrival, and how many there are in all.

        `after` is the provider's id of a contact. They are counted once for each version of the job.
        """
        query = {**_of(job), "action": action or {"$in": list(ACTIONS)}}
        begin: Document = {"skip": offset, "sort": _OUTCOME}
        if after is not None:
            last = await _named(self._rows, {**query, "provider_contact_id": after}, _OUTCOME)
            begin |= {"skip": offset + 1, **_behind("outcome", _OUTCOME, last, shared=3 if action else 2)}
        shown = {**dict.fromkeys(_SHOWN, 1), "_id": 0}
        rows = [row async for row in self._rows.find(query, shown, limit=limit, max_time_ms=PATIENCE_MS, **begin)]
        return rows, await self._counted((job.id, job.version, action), query)

    async def failed(self, job: Job) -> AsyncIterator[list[Document]]:
        """Why each contact failed and what was sent of it, in order of arrival, some hundred at a time."""
        query = {**_of(job), "action": Action.FAILED}
        found = self._rows.find(query, ["raw_data", "error_message"], sort=_OUTCOME, batch_size=_AT_A_TIME)
        while rows := await translated(found.to_list)(_AT_A_TIME):
            yield rows

    async def _counted(self, which: tuple[str, int, str | None], query: Document) -> int:
        if which not in self._counts:
            self._counts[which] = await self._rows.count_documents(query, maxTimeMS=PATIENCE_MS)
        return self._counts[which]


def _of(job: Job) -> Document:
    return {"user_id": job.user_id, "import_job_id": job.id}


Order = Sequence[tuple[str, int]]


async def _named(collection: Collection, query: Document, order: Order) -> Document:
    found = await collection.find_one(query, {name: 1 for name, _ in order})
    if found is None:
        raise BadRequestError("The parameter after names nothing of this list.")
    return found


def _behind(index: str, order: Order, last: Document, shared: int) -> Document:
    """What makes a find begin at `last` in the index, and end with those whose first `shared` fields are the same.

    With a filter alone the database would walk over everybody's entries that come behind.
    """
    least = [(name, last[name]) for name, _ in order]
    ends = [(name, MaxKey() if way == ASCENDING else MinKey()) for name, way in order[shared:]]
    return {"hint": index, "min": dict(least), "max": dict([*least[:shared], *ends])}
