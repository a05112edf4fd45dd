"""How imports went, over all people: counted by the database, in one pass that keeps out of the servers' way."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pymongo import ReadPreference
from pymongo.errors import ExecutionTimeout

from everreach.errors import DatabaseError
from storage.indexes import JOBS
from storage.mongo import Database, Document, translated

LONGEST_SECONDS: Final = 15
"""How long the database may work on it: less than a connection waits for an answer."""

_TOO_LONG = "The database needs too long for so many imports. Ask for fewer days."


class Group(NamedTuple):
    """Imports that are alike. `seconds` is how long each of them ran, to three digits; None where it did not end."""

    day: datetime
    provider: str
    status: str
    reason: str | None
    seconds: float | None
    imports: int
    contacts: int
    new: int


class Statistics:
    """Reads from a secondary where there is one: a number that is a moment old is as good."""

    def __init__(self, database: Database) -> None:
        self._jobs = database.get_collection(JOBS, read_preference=ReadPreference.SECONDARY_PREFERRED)

    @translated
    async def groups(self, since: datetime) -> Sequence[Group]:
        """Everything that was started since then."""
        try:
            found = self._jobs.aggregate(stages(since), allowDiskUse=True, maxTimeMS=LONGEST_SECONDS * 1000)
            return [
                Group(**one["_id"], imports=one["imports"], contacts=one["contacts"], new=one["new"])
                async for one in found
            ]
        except ExecutionTimeout:
            raise DatabaseError(_TOO_LONG) from None


def stages(since: datetime) -> list[Document]:
    """The aggregation.

    Its groups are a histogram of the durations, out of which every percentile can be told, of a day or of all of them:
    $percentile came with MongoDB 7, and a list of all durations could outgrow a document.
    """
    alike = {
        "day": {"$dateTrunc": {"date": "$created_at", "unit": "day"}},
        "provider": "$provider",
        "status": "$status",
        "reason": {"$ifNull": ["$error_message", None]},
        "seconds": _seconds(),
    }
    sums = {
        "imports": {"$sum": 1},
        "contacts": {"$sum": "$processed_contacts"},
        "new": {"$sum": "$imported_contacts"},
    }
    return [{"$match": {"created_at": {"$gte": since}}}, {"$group": {"_id": alike, **sums}}]


def _seconds() -> Document:
    """From the consent or retry that set the import going to its end: how long a person takes is not our speed."""
    ran = {"$divide": [{"$max": [1, {"$subtract": ["$completed_at", "$set_going_at"]}]}, 1000]}
    places = {"$subtract": [2, {"$toInt": {"$floor": {"$log10": "$$ran"}}}]}
    rounded = {"$let": {"vars": {"ran": ran}, "in": {"$round": ["$$ran", places]}}}
    both = {"$and": [{"$gt": ["$completed_at", None]}, {"$gt": ["$set_going_at", None]}]}
    return {"$cond": [both, rounded, None]}
