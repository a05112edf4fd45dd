"""What changes in the jobs, as the database tells it: one change stream for the whole process."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from enum import Enum, auto
from typing import Any, Final, NamedTuple, TypeAlias

from motor.motor_asyncio import AsyncIOMotorChangeStream
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from everreach.jobs.job import Job
from storage.indexes import JOBS
from storage.mongo import Database, Document, is_passing
from storage.transitions import UNSHOWN, if_readable

LIFE_SECONDS: Final = 0.5
"""How often, at the least, the stream says that nothing was missed."""

_PAUSE_SECONDS: Final = 0.5
_CLOSING_SECONDS: Final = 0.5
_VERSION: Final = "updateDescription.updatedFields.version"
# Only what somebody may see: a lease that is renewed raises no version. No token travels with it, and no cursor.
_SEEN: Final = {"$or": [{"operationType": {"$in": ["replace", "delete"]}}, {_VERSION: {"$exists": True}}]}
_PIPELINE: Final[list[Document]] = [
    {"$match": _SEEN},
    {"$unset": UNSHOWN},
]
_log = logging.getLogger(__name__)


class Gone(NamedTuple):
    """A job was deleted."""

    job_id: str


class Sign(Enum):
    """What the stream says beside the changes themselves."""

    CURRENT = auto()
    """Every change until a moment ago was told."""
    BEHIND = auto()
    """The stream broke; what happens from now on is told once it is open again."""
    GAP = auto()
    """Changes may have gone by untold: what is known of any job has to be read again."""
    OVER = auto()
    """Nobody needs the stream for now: nothing is told until it is opened again."""


Told: TypeAlias = Job | Gone | Sign
"""What the stream says."""


class JobChanges:
    """The jobs that change, on whatever node."""

    def __init__(self, database: Database) -> None:
        self._jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))

    async def follow(self) -> AsyncGenerator[Told, None]:
        """Each changed job as it is now, those that are gone, and signs; a GAP comes first. Never ends, and outlives
        the database's absence. Close it when you need no more, so that the database forgets the stream, too.

        A stream that breaks is taken up where it was. Only where the database no longer knows that place, which it says
        with error 286, it begins anew behind a GAP.
        """
        token: Any = None
        while True:
            stream = self._jobs.watch(
                _PIPELINE,
                full_document="updateLookup",
                resume_after=token,
                max_await_time_ms=round(LIFE_SECONDS * 1000),
            )
            try:
                async with aclosing(_told(stream, resumed=token is not None)) as all_told:
                    async for told in all_told:
                        yield told
                        token = stream.resume_token
            except Exception as error:  # Whatever it was, somebody waits for what comes next.
                token = token if _resumable(error) else None
                _log.warning("the change stream broke (%s) and is opened again", type(error).__name__)
                yield Sign.BEHIND
            finally:
                await _close(stream)
            # Jitter, so that nodes that lost one primary do not ask the next one together.
            await asyncio.sleep(_PAUSE_SECONDS * random.random())  # noqa: S311


async def _told(stream: "AsyncIOMotorChangeStream[Document]", *, resumed: bool) -> AsyncGenerator[Told, None]:
    # Only the first answer proves that the stream is open; what happens from then on is not missed.
    change = await stream.try_next()
    if not resumed:
        yield Sign.GAP
    while stream.alive:  # type: ignore[truthy-function]  # The library's types call a property a method.
        if change is None:
            yield Sign.CURRENT
        elif change["operationType"] == "delete":
            yield Gone(change["documentKey"]["_id"])
        elif (document := change.get("fullDocument")) and (job := if_readable(document)):
            yield job
        change = await stream.try_next()


async def _close(stream: "AsyncIOMotorChangeStream[Document]") -> None:
    """Have the database forget the stream at once, and not after the ten minutes for which it keeps an idle one.

    It may be asked for the next change at this moment, by a thread that nobody waits for any more; then that question
    ends, too. A database that hangs must not hold up the stop.
    """
    with suppress(PyMongoError, TimeoutError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await stream.close()


def _resumable(error: Exception) -> bool:
    return isinstance(error, PyMongoError) and (not isinstance(error, OperationFailure) or is_passing(error))
