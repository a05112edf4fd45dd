"""What is left to do for jobs that nobody works on: what never came or began, cancels to settle, tokens to forget."""

from collections.abc import Awaitable, Callable
from typing import Final

from everreach.concurrency.one_by_one import OneByOne
from everreach.concurrency.poller import Poller
from everreach.jobs.job import Job, Status
from storage.jobs import JobStore

_TIDIED: Final = frozenset({Status.PENDING, Status.AUTHENTICATING, Status.CANCELLED, Status.FAILED})
_DUE_LIMIT: Final = 100


class Housekeeping:
    """Looks for such jobs. Apart from the look for imports, because a long settling must keep none from its worker."""

    def __init__(self, jobs: JobStore, settle: Callable[[Job], Awaitable[None]]) -> None:
        self._jobs = jobs
        self._settle = settle
        self._work = OneByOne("job %s could not be tidied: %s")
        self._scan = Poller(self._look, "jobs to tidy")

    @property
    def died(self) -> bool:
        """Whether nobody looks any more, though it was begun."""
        return self._scan.died

    def start(self) -> None:
        """Begin to look."""
        self._scan.start()

    def nudge(self) -> None:
        """Look now: there may be something to tidy."""
        self._scan.nudge()

    async def stop(self) -> None:
        """Look no longer; what is under way is broken off, and done again by another node."""
        await self._scan.stop()

    async def _look(self) -> None:
        """Tidy what is due."""
        due = await self._jobs.due(_TIDIED, _DUE_LIMIT, self._work.resting())
        await self._work.each(due, lambda job: job.id, self._tidy)

    async def _tidy(self, job: Job) -> None:
        if job.status is Status.PENDING:
            await self._jobs.discard(job.id, job.user_id)
        elif job.status is Status.AUTHENTICATING:
            await self._jobs.expire(job.id, job.user_id)
        elif job.status is Status.CANCELLED:
            await self._settle(job)
        elif job.status is Status.FAILED:
            await self._jobs.forget(job.id, job.user_id)
