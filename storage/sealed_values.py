"""What rests sealed in the jobs: read through batch by batch, and replaced value by value."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymongo import ASCENDING, UpdateOne

from everreach.jobs.fields import SEALED
from storage.indexes import JOBS
from storage.mongo import Database, translated
from storage.transitions import quietly

BATCH: Final = 100
"""Jobs that are looked at at a time."""


class Sealed(NamedTuple):
    """One sealed value and the place that it is bound to."""

    job_id: str
    user_id: str
    field: str
    text: str

    def __repr__(self) -> str:
        return f"Sealed({self.job_id}, {self.field})"


class Batch(NamedTuple):
    """The sealed values of some jobs; `jobs` is how many there were, `last` the id of the last of them."""

    values: list[Sealed]
    jobs: int
    last: str


class SealedStore:
    """The sealed values of all jobs, whoever's they are."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]

    @translated
    async def count(self) -> int:
        """About how many jobs there are."""
        return await self._jobs.estimated_document_count()

    @translated
    async def batch(self, after: str) -> Batch | None:
        """What the jobs behind the id `after` hold ("" for the first ones); None where there are no more.

        The ids are the order, so that each batch costs the same, however few jobs hold anything.
        """
        found = self._jobs.find({"_id": {"$gt": after}}, ["user_id", *SEALED]).sort("_id", ASCENDING)
        jobs = await found.limit(BATCH).to_list(None)
        values = [
            Sealed(job["_id"], job["user_id"], field, job[field])
            for job in jobs
            for field in SEALED
            if job.get(field) is not None
        ]
        return Batch(values, len(jobs), jobs[-1]["_id"]) if jobs else None

    @translated
    async def reseal(self, pairs: Sequence[tuple[Sealed, str]]) -> int:
        """Reseal: the same secrets under another key, each in a statement of its own. Returns how many it was.

        The others were replaced or deleted meanwhile, and stay as they are.
        """
        statements = [_resealing(old, text) for old, text in pairs]
        return (await self._jobs.bulk_write(statements, ordered=False)).matched_count if statements else 0


def _resealing(old: Sealed, text: str) -> UpdateOne:
    query = {"_id": old.job_id, "user_id": old.user_id, old.field: old.text}
    return UpdateOne(query, quietly({old.field: text}))
