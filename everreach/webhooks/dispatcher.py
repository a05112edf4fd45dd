"""Webhooks: the ends of jobs become deliveries, and those are tried until the endpoint has them or a day has passed."""

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Final

from everreach.concurrency.poller import Poller
from everreach.config import Config
from everreach.errors import DatabaseAwayError, DatabaseError
from everreach.jobs.events import Endpoint, Event
from everreach.net.http import Http
from everreach.observability.logs import about_job, describe
from everreach.observability.metrics import WEBHOOK
from everreach.webhooks.sender import Result, Sender
from storage.mongo import Database
from storage.outbox import Ended, Outbox
from storage.webhook_deliveries import Deliveries, Delivery

AT_ONCE: Final = 4
"""Tries that a node has under way at one endpoint. Each endpoint has its own, so that none waits for another."""

PAUSES: Final = (5, 30, 120, 600, 3600, 10_800, 21_600, 43_200)
"""Seconds before each further try: nine tries in about a day."""

LONGEST_PAUSE_SECONDS: Final = 43_200.0
"""The most that an endpoint may ask to be spared."""

_DUE_LIMIT: Final = 100
_log = logging.getLogger(__name__)


class Dispatcher:
    """Tells the endpoints. Any node's can go on with any delivery; MongoDB says whose it is."""

    def __init__(
        self,
        *,
        announcements: Outbox,
        deliveries: Deliveries,
        courier: Sender,
        endpoints: Sequence[Endpoint],
    ) -> None:
        self._announcements = announcements
        self._deliveries = deliveries
        self._courier = courier
        self._trying: dict[Endpoint, set[asyncio.Task[None]]] = {endpoint: set() for endpoint in endpoints}
        self._scan = Poller(self._look, "webhooks")

    def start(self) -> None:
        """Begin to look for what is to be told."""
        self._scan.start()

    async def stop(self, seconds: float) -> None:
        """Begin no more tries, and wait so long for those under way; what is cut off is tried again by another node."""
        await self._scan.stop()
        if tries := [task for tasks in self._trying.values() for task in tasks]:
            _, late = await asyncio.wait(tries, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _look(self) -> None:
        for ended in await self._announcements.due(_DUE_LIMIT):
            try:
                await self._announce(ended)
            except DatabaseAwayError:
                raise
            except Exception as error:
                # One end that cannot be told must not keep the others untold; it comes again when its taking is over.
                _log.error("an end of job %s could not be announced: %s", ended.job_id, describe(error))
        for endpoint, trying in self._trying.items():
            if free := AT_ONCE - len(trying):
                await self._try_some(endpoint, free)

    async def _announce(self, ended: Ended) -> None:
        """Make the deliveries of a job's ends. To do so twice makes no more of them."""
        for job in await self._announcements.take(ended):
            event = Event.of(job)
            for endpoint in self._trying:
                await self._deliveries.post(event, endpoint.name)
            await self._announcements.told(job)

    async def _try_some(self, endpoint: Endpoint, most: int) -> None:
        for due in await self._deliveries.due(endpoint.name, most):
            if delivery := await self._deliveries.claim(due):
                task = asyncio.create_task(self._try(endpoint, delivery), name=f"webhook {delivery.id}")
                self._trying[endpoint].add(task)
                task.add_done_callback(self._trying[endpoint].discard)

    async def _try(self, endpoint: Endpoint, delivery: Delivery) -> None:
        about_job(delivery.job_id)
        try:
            # Whoever was erased after the end was taken and before the delivery was made must not be told of.
            if await self._announcements.stands(delivery.job_id, delivery.user_id):
                await self._record(delivery, await self._courier.send(delivery, endpoint.url))
            else:
                await self._deliveries.withdraw(delivery)
        except DatabaseError:
            _log.warning("webhook %s is left to the next try", delivery.id)
        except Exception as error:
            _log.error("webhook %s stopped on %s", delivery.id, describe(error))
        finally:
            self._scan.nudge()

    async def _record(self, delivery: Delivery, result: Result) -> None:
        tries = delivery.attempts + 1
        if result.accepted:
            WEBHOOK["delivered"].inc()
            _log.info("webhook %s was delivered at try %d", delivery.id, tries)
            await self._deliveries.delivered(delivery, result.said)
        elif result.refused or tries > len(PAUSES):
            WEBHOOK["given_up"].inc()
            _log.error("webhook %s is given up after %d tries: %s", delivery.id, tries, result.said)
            await self._deliveries.give_up(delivery, result.said)
        else:
            WEBHOOK["failed"].inc()
            _log.warning("webhook %s failed at try %d: %s", delivery.id, tries, result.said)
            await self._deliveries.retry(delivery, result.said, _pause(tries, result.retry_after))


def connect(config: Config, database: Database, http: Http) -> Dispatcher:
    """The webhooks that the settings name."""
    return Dispatcher(
        announcements=Outbox(database),
        deliveries=Deliveries(database),
        courier=Sender(http, config.webhook_secrets),
        endpoints=[Endpoint.at(url) for url in config.webhook_urls],
    )


def _pause(tries: int, asked: float) -> float:
    """Seconds until the next try, with jitter, so that what failed together does not come back together."""
    return max(PAUSES[tries - 1] * random.uniform(1.0, 1.2), min(asked, LONGEST_PAUSE_SECONDS))  # noqa: S311
