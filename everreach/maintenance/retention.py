"""How long the ledger keeps what was sent of contacts that were left out: looked after by every node, now and then."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from everreach.concurrency.one_by_one import OneByOne
from everreach.concurrency.poller import Poller
from storage.raw_data import EndedJob, RawData

LOOK_SECONDS: Final = 60.0
"""How often a node looks for what is due. One statement that finds nothing, as a rule."""

_DUE_LIMIT: Final = 100
_log = logging.getLogger(__name__)


class Retention:
    """Forgets raw data that is older than `kept`. Nodes may do the same at once; nothing is forgotten twice."""

    def __init__(self, raw_data: RawData, kept: timedelta) -> None:
        self._raw_data = raw_data
        self._kept = kept
        self._work = OneByOne("the raw data of job %s could not be forgotten: %s")
        self._scan = Poller(self._look, "raw data to forget", seconds=LOOK_SECONDS)

    def start(self) -> None:
        """Begin to look."""
        self._scan.start()

    async def stop(self) -> None:
        """Look no longer; what was begun is finished by the next who looks."""
        await self._scan.stop()

    async def _look(self) -> None:
        """Forget what is due."""
        before = datetime.now(UTC) - self._kept
        jobs = await self._raw_data.due(before, _DUE_LIMIT, self._work.resting())
        await self._work.each(jobs, lambda job: job.id, lambda job: self._forget(job, before))
        if len(jobs) == _DUE_LIMIT:
            self._scan.nudge()

    async def _forget(self, job: EndedJob, before: datetime) -> None:
        if count := await self._raw_data.forget(job, before):
            _log.info("forgot what was sent of %d contacts that job %s left out", count, job.id)
