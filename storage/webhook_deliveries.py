"""The outbox: one document for each event and endpoint, claimed, tried, and kept for a while when it is over."""

import logging
from collections.abc import Awaitable
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Final, cast

import msgspec
from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from everreach.jobs.events import Event
from storage.indexes import DELIVERIES
from storage.mongo import Database, Document, translated
from storage.quarantine import leave_aside
from storage.transitions import DUE, NEVER, NOW, after, quietly

TRY_SECONDS: Final = 30
"""How long one try may take, all in all, before another node takes the delivery for abandoned."""

KEPT_SECONDS: Final = 7 * 86400
"""How long a delivery that is over can still be looked at."""

FORGOTTEN_SECONDS: Final = 30 * 86400
"""When one that nobody finished goes, such as one to an endpoint that no node knows any more."""

_log = logging.getLogger(__name__)


class Progress(StrEnum):
    """Where a delivery is. The last two are ends."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """An event on its way to an endpoint. `attempts` counts the tries that came to a result."""

    id: str
    user_id: str
    job_id: str
    endpoint: str
    message_id: str
    event: str
    payload: str
    attempts: Annotated[int, msgspec.Meta(ge=0)]
    fence: int

    def __repr__(self) -> str:
        return f"Delivery({self.id})"


class Deliveries:
    """What is on its way to the webhooks' endpoints."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database[DELIVERIES]

    @translated
    async def post(self, event: Event, endpoint: str) -> None:
        """Post: the event is on its way to this endpoint. Posting it again changes nothing."""
        values = {
            "job_id": event.job_id,
            "endpoint": endpoint,
            "message_id": event.id,
            "event": event.type,
            "payload": event.payload,
            "status": Progress.PENDING,
            **{"attempts": 0, "fence": 0, "last_result": None},
        }
        moments = {"created_at": NOW, "not_before": NOW, "expires_at": after(FORGOTTEN_SECONDS)}
        # One that is there already does not match, and its id is refused.
        query = {"_id": f"{event.id}:{endpoint}", "user_id": event.user_id, "created_at": {"$exists": False}}
        with suppress(DuplicateKeyError):
            await self._deliveries.update_one(query, quietly(values, **moments), upsert=True)

    @translated
    async def due(self, endpoint: str, limit: int) -> list[Delivery]:
        """What is to be tried now at this endpoint, the longest waiting first; what cannot be read is left aside."""
        query = {"endpoint": endpoint, "not_before": {"$exists": True}, **DUE}
        found = self._deliveries.find(query).sort("not_before", ASCENDING).limit(limit)
        return [delivery async for document in found if (delivery := await self._readable(document))]

    @translated
    async def claim(self, delivery: Delivery) -> Delivery | None:
        """Claim: one node makes the next try. None where another was faster, or it is gone."""
        query = {"_id": delivery.id, "user_id": delivery.user_id, "not_before": {"$exists": True}, **DUE}
        raised = quietly(fence={"$add": ["$fence", 1]}, not_before=after(TRY_SECONDS))
        claimed = self._deliveries.find_one_and_update(query, raised, return_document=ReturnDocument.AFTER)
        document = await cast("Awaitable[Document | None]", claimed)
        return await self._readable(document) if document else None

    async def delivered(self, delivery: Delivery, result: str) -> None:
        """Deliver: the endpoint has it."""
        await self._end(delivery, Progress.DELIVERED, result)

    async def give_up(self, delivery: Delivery, result: str) -> None:
        """Give up: the endpoint will not have it."""
        await self._end(delivery, Progress.GIVEN_UP, result)

    async def retry(self, delivery: Delivery, result: str, seconds: float) -> None:
        """Retry: it is tried again in so many seconds."""
        await self._come_to(delivery, {"last_result": result}, not_before=after(seconds))

    @translated
    async def withdraw(self, delivery: Delivery) -> None:
        """Withdraw: what it tells of was erased, and nothing of it stays."""
        await self._deliveries.delete_one({"_id": delivery.id, "user_id": delivery.user_id})

    async def _readable(self, document: Document) -> Delivery | None:
        """The delivery that it describes. One that somebody broke by hand must not keep the others from being tried."""
        try:
            return msgspec.convert(document, Delivery)
        except msgspec.ValidationError:
            if await leave_aside(self._deliveries, document["_id"], document.get("user_id"), "not_before"):
                _log.error("webhook %s cannot be read, and is left aside", document["_id"])
            return None

    async def _end(self, delivery: Delivery, end: Progress, result: str) -> None:
        moments = {"not_before": NEVER, "ended_at": NOW, "expires_at": after(KEPT_SECONDS)}
        await self._come_to(delivery, {"last_result": result, "status": end}, **moments)

    @translated
    async def _come_to(self, delivery: Delivery, values: Document, **expressions: object) -> None:
        # The result of a try that took too long is no longer of interest: another one is under way.
        query = {"_id": delivery.id, "user_id": delivery.user_id, "fence": delivery.fence}
        await self._deliveries.update_one(query, quietly(values, attempts={"$add": ["$attempts", 1]}, **expressions))
