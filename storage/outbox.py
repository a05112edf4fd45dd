"""The ends of jobs that nobody was told of yet. Each stands in its job, and so was written by what ended the job."""

import logging
from collections.abc import Awaitable
from typing import Any, Final, NamedTuple, cast

from pymongo import ASCENDING, ReturnDocument

from everreach.jobs.job import Job
from storage.indexes import JOBS
from storage.mongo import Database, Document, translated
from storage.quarantine import leave_aside
from storage.transitions import NEVER, NOW, after, if_readable, quietly

TAKEN_SECONDS: Final = 30
"""How long a node has the ends of a job to itself; another that takes them too makes the same deliveries of them."""

DUE: Document = {"announce_at": {"$exists": True}, "$expr": {"$lte": ["$announce_at", NOW]}}
_FIELDS: Final = ("unannounced", "announce_at", "unreadable")
_log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """A job with ends that are to be told."""

    job_id: str
    user_id: str


class Outbox:
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

        An end that cannot be read is left aside, so that it keeps no other from being told.
        """
        query = {"_id": ended.job_id, "user_id": ended.user_id, **DUE}
        taken = self._jobs.find_one_and_update(
            query, quietly(announce_at=after(TAKEN_SECONDS)), return_document=ReturnDocument.AFTER
        )
        document = await cast("Awaitable[Document | None]", taken)
        if document is None:
            return []
        ends = _ends(document)
        jobs = [job for job in ends if job]
        if not jobs or len(jobs) < len(ends):
            await self._leave_aside(ended)
        return jobs

    @translated
    async def stands(self, job_id: str, user_id: str) -> bool:
        """Whether the job is there, readable or not: of whoever was erased nothing more is told."""
        return await self._jobs.find_one({"_id": job_id, "user_id": user_id}, ["_id"]) is not None

    @translated
    async def told(self, job: Job) -> None:
        """Told: the deliveries of this end stand, and the job forgets it. What ended meanwhile stays to be told."""
        later = {"$filter": {"input": "$unannounced", "cond": {"$gt": ["$$this.version", job.version]}}}
        forgotten = {name: {"$cond": [{"$eq": ["$unannounced", []]}, NEVER, f"${name}"]} for name in _FIELDS}
        query = {"_id": job.id, "user_id": job.user_id, "unannounced": {"$exists": True}}
        await self._jobs.update_one(query, [*quietly(unannounced=later), *quietly(**forgotten)])

    async def _leave_aside(self, ended: Ended) -> None:
        if await leave_aside(self._jobs, ended.job_id, ended.user_id, "announce_at"):
            _log.error("the end of job %s cannot be read; no webhook tells of it", ended.job_id)


def _ends(document: Document) -> list[Job | None]:
    """The job at each of its ends; None for one that cannot be read, or is none."""
    ends = document.get("unannounced")
    return [_at_end(document, end) for end in ends] if isinstance(ends, list) else []


def _at_end(document: Document, end: Any) -> Job | None:
    job = if_readable({**document, **end}) if isinstance(end, dict) else None
    return job if job and job.status.ended else None
