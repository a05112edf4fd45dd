"""All that is stored of one person, to be counted, waited for and deleted."""

from collections import Counter
from typing import Final, NamedTuple

from everreach.jobs.fields import TOKENS
from everreach.jobs.job import ENDS, LEASE_MARGIN_SECONDS, Status
from storage.indexes import CONTACTS, HAS_EMAIL, JOBS, NO_EMAIL, ODD_EMAIL, PERSON_BOUND, RATE_LIMITS
from storage.mongo import Database, Document, translated
from storage.rate_limits import RateLimits
from storage.sealed_values import Sealed
from storage.transitions import NOW

_BATCH: Final = 1000
_ENDED: Final[Document] = {"status": {"$in": sorted(ENDS)}}

# What a worker sent in the last moment of its lease may still be on its way so long.
_SILENT_AT: Final[Document] = {
    "$cond": [
        {"$eq": [{"$type": "$not_before"}, "date"]},
        {"$add": ["$not_before", round(LEASE_MARGIN_SECONDS * 1000)]},
        None,  # Whatever a hand made of it, its person can be erased.
    ]
}
_WRITTEN_TO: Final[Document] = {
    "status": Status.CANCELLED,
    "lease_owner": {"$ne": None},
    "$expr": {"$gt": [_SILENT_AT, NOW]},
}


_DELETABLE: Final[Document] = {**_ENDED, "$nor": [_WRITTEN_TO]}


class Held(NamedTuple):
    """A sealed token, and the provider that it is for."""

    provider: str
    token: Sealed


class PersonStore:
    """Every document of a person, in whatever collection and whoever wrote it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]
        self._limits = RateLimits(database)

    @translated
    async def count(self, user_id: str) -> Counter[str]:
        """How many documents there are, by collection."""
        found = Counter({RATE_LIMITS: await self._limits.count(user_id)})
        for name in PERSON_BOUND:
            for query in _queries(name, user_id):
                found[name] += await self._database[name].count_documents(query)
        return found

    @translated
    async def unended(self, user_id: str) -> list[str]:
        """The ids of the person's jobs that have not ended."""
        found = self._jobs.find({"user_id": user_id, "status": {"$nin": sorted(ENDS)}}, ["_id"])
        return [job["_id"] async for job in found]

    @translated
    async def grants(self, user_id: str) -> list[Held]:
        """One token of each job that has ended and holds any: where there is one, the refresh token."""
        fields = TOKENS[::-1]
        tokens = [{field: {"$ne": None}} for field in fields]
        found = self._jobs.find({"user_id": user_id, **_ENDED, "$or": tokens}, ["provider", *fields])
        return [_held(job, user_id, next(field for field in fields if job.get(field))) async for job in found]

    @translated
    async def seconds_until_silence(self, user_id: str) -> float:
        """How long until nothing that a worker sent for a cancelled job can still arrive; 0 where that is so now."""
        left = {"$divide": [{"$subtract": [_SILENT_AT, NOW]}, 1000]}
        stages = [{"$match": {"user_id": user_id, **_WRITTEN_TO}}, {"$group": {"_id": None, "left": {"$max": left}}}]
        seconds: list[float] = [group["left"] async for group in self._jobs.aggregate(stages)]
        return max(seconds, default=0.0)

    @translated
    async def delete(self, user_id: str) -> Counter[str]:
        """Delete all that may be deleted now; returns how many documents, by collection.

        The jobs go last: as long as one is there, whoever comes next knows whom to wait for. One that has not ended, or
        that a worker may still write to, stays.
        """
        deleted = Counter({RATE_LIMITS: await self._limits.forget(user_id)})
        for name in PERSON_BOUND:
            for query in _queries(name, user_id):
                deleted[name] += await self._delete(name, query | (_DELETABLE if name == JOBS else {}))
        return deleted

    async def _delete(self, name: str, query: Document) -> int:
        """In batches, because one statement over a million documents takes longer than a connection waits."""
        deleted = 0
        while ids := [one["_id"] async for one in self._database[name].find(query, {"_id": 1}).limit(_BATCH)]:
            result = await self._database[name].delete_many({**query, "_id": {"$in": ids}})
            deleted += result.deleted_count
        return deleted


def _held(job: Document, user_id: str, field: str) -> Held:
    return Held(str(job.get("provider")), Sealed(job["_id"], user_id, field, job[field]))


def _queries(name: str, user_id: str) -> list[Document]:
    """Together they find all that is the person's, each document once, and each of them by an index."""
    if name != CONTACTS:
        return [{"user_id": user_id}]
    parts: tuple[Document, ...] = (HAS_EMAIL, NO_EMAIL, ODD_EMAIL)
    # A list may hold both a text and something else.
    others = [{"$nor": [*parts[:place]]} if place else {} for place in range(len(parts))]
    return [{"user_id": user_id, **part, **other} for part, other in zip(parts, others, strict=True)]
