"""The ends of jobs that nobody was told of yet. Each stands in its job, and so was written by what ended the job."""

import logging
from collections.abc import Awaitable
from typing import Any, Final, NamedTuple, cast

import msgspec
from pymongo import ASCENDING, ReturnDocument

from everreach.job import Job
from storage.arrows import NEVER, NOW, after, as_job, quietly
from storage.indexes import JOBS
from storage.mongo import Database, Document, translated

TAKEN_SECONDS: Final = 30
"""How long a node has the ends of a job to itself; another that takes them too makes the same deliveries of them."""

DUE: Document = {"announce_at": {"$exists": True}, "$expr": {"$lte": ["$announce_at", NOW]}}
_FIELDS: Final = ("unannounced", "announce_at")
_log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """A job with ends that are to be told."""

    job_id: str
    user_id: str


class Announcements:
    """What jobs have to say to the webhooks. The arrows that end a job leave it there."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]

    @translated
    async def due(self, limit: int) -> list[Ended]:
        """Jobs with ends that are to be told now, the longest waiting first."""
        found = self._jobs.find(DUE, {"user_id": 1}).sort("announce_at", ASCENDING).limit(limit)
        # A document that somebody broke by hand may belong to nobody.
        return [Ended(document["_id"], document.get("user_id")) async for document in found]

    @translated
    async def take(self, ended: Ended) -> list[Job]:
        """Take: the job as it was at each of its ends, oldest first; others leave it alone for TAKEN_SECONDS.

        What cannot be read is left aside, so that it does not keep the ends of other jobs from being told.
        """
        query = {"_id": ended.job_id, "user_id": ended.user_id, **DUE}
        taken = self._jobs.find_one_and_update(
            query, quietly(announce_at=after(TAKEN_SECONDS)), return_document=ReturnDocument.AFTER
        )
        document = await cast("Awaitable[Document | None]", taken)
        if document is None:
            return []
        jobs = _ends(document)
        if not jobs:
            await self._leave_aside(document)
        return jobs

    @translated
    async def told(self, job: Job) -> None:
        """Told: the deliveries of this end stand, and the job forgets it. What ended meanwhile stays to be told."""
        later = {"$filter": {"input": "$unannounced", "cond": {"$gt": ["$$this.version", job.version]}}}
        forgotten = {name: {"$cond": [{"$eq": ["$unannounced", []]}, NEVER, f"${name}"]} for name in _FIELDS}
        query = {"_id": job.id, "user_id": job.user_id, "unannounced": {"$exists": True}}
        await self._jobs.update_one(query, [*quietly(unannounced=later), *quietly(**forgotten)])

    async def _leave_aside(self, document: Document) -> None:
        """What the job has to tell stays in it under another name: an end that follows is told as ever."""
        query = {name: document.get(name) for name in ("_id", "user_id", "version")}
        left = await self._jobs.update_one(query, quietly(unreadable="$unannounced", **dict.fromkeys(_FIELDS, NEVER)))
        # Of the nodes that saw it, one says so.
        if left.modified_count:
            _log.error("the end of job %s cannot be read; no webhook tells of it", document["_id"])


def _ends(document: Document) -> list[Job]:
    """The job at each of its ends; empty where one cannot be read, or is none."""
    try:
        ends = msgspec.convert(document.get("unannounced"), list[dict[str, Any]])
        jobs = [as_job({**document, **end}) for end in ends]
    except msgspec.ValidationError:
        return []
    return jobs if all(job.status.ended for job in jobs) else []
