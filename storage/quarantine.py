"""What a node cannot read is left alone for a while, so that it keeps nothing else waiting."""

import logging
from collections.abc import AsyncIterable, Awaitable
from contextlib import suppress
from typing import Any, Final, cast

from pymongo.errors import PyMongoError

from everreach.jobs.job import Job
from storage.mongo import Collection, Document
from storage.transitions import after, if_readable, quietly

UNREADABLE_SECONDS: Final = 600
"""How long: another version's node may go on with it meanwhile, or a hand mend it."""

PATIENCE_SECONDS: Final = 30
"""How long a job has to be due before that: a node of the version that wrote it takes it within a second or two."""

_AT_ONCE: Final = 100
_log = logging.getLogger(__name__)


async def readable(jobs: Collection, due: AsyncIterable[Document], limit: int) -> list[Job]:
    """The first jobs that can be read, so many of those that are due. Some that cannot be are left aside."""
    found: list[Job] = []
    passed: list[Document] = []
    async for document in due:
        if job := if_readable(document):
            found.append(job)
        elif len(passed) < _AT_ONCE:
            passed.append(document)
        if len(found) == limit:
            break
    for document in passed:
        # Where that cannot be written down it is passed over again the next time.
        with suppress(PyMongoError):
            await _pass_over(jobs, document)
    return found


async def _pass_over(jobs: Collection, document: Document) -> None:
    for_long = {"$expr": {"$lte": ["$not_before", after(-PATIENCE_SECONDS)]}}
    if await leave_aside(jobs, document["_id"], document.get("user_id"), "not_before", for_long):
        _log.error("job %s cannot be read, and is left aside", document["_id"])


async def leave_aside(
    collection: Collection, id_: Any, user_id: Any, moment: str, condition: Document | None = None
) -> bool:
    """Put off the document's `moment`, at which it is due, if it meets the condition. Whether it is the first time.

    Of all the times and nodes that see it, the one to which that is said has to log it.
    """
    query = {"_id": id_, "user_id": user_id, moment: {"$exists": True}, **(condition or {})}
    aside = quietly({"unreadable": True}, **{moment: after(UNREADABLE_SECONDS)})
    before = await cast("Awaitable[Document | None]", collection.find_one_and_update(query, aside, ["unreadable"]))
    return before is not None and "unreadable" not in before
