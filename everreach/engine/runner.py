"""The life of many imports on one node: spawn, keep alive, adopt what is due, drain."""

import asyncio
import logging
from contextvars import Context
from typing import Final

from everreach.concurrency.backoff import FIRST_SECONDS, Backoff
from everreach.concurrency.poller import Poller
from everreach.engine.housekeeping import Housekeeping
from everreach.engine.importer import Importer
from everreach.engine.reconciliation import Reconciliation
from everreach.engine.time_slice import TimeSlice
from everreach.errors import DatabaseAwayError, DatabaseError, EverReachError, LeaseLostError
from everreach.jobs.job import RUNNING, Job, Lease
from everreach.observability import metrics, tracing
from everreach.observability.backlog import Backlog
from everreach.observability.logs import about_job, describe
from storage.jobs import JobStore
from storage.leases import LeaseStore

TURN_SECONDS: Final = 5.0
"""How long one import may keep a worker that others are waiting for."""

_log = logging.getLogger(__name__)


class Runner:
    """Works on up to `limit` jobs at once. Any node's runner can go on with any job; MongoDB says whose it is."""

    def __init__(
        self,
        jobs: JobStore,
        leases: LeaseStore,
        importer: Importer,
        reconciliation: Reconciliation,
        *,
        limit: int,
        lease_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._leases = leases
        self._importer = importer
        self._limit = limit
        self._renewal = lease_seconds / 4
        self._time_slices: dict[str, TimeSlice | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._scan = Poller(self._look, "jobs")
        self._tidying = Housekeeping(jobs, reconciliation.settle)
        self.stopping = False
        """Whether stop() was called; no more jobs are taken then."""
        self._contended = False
        self._waiting = Backlog()
        self._rests = Backoff()

    @property
    def started(self) -> bool:
        """Whether start() was called."""
        return self._scan.started

    @property
    def alive(self) -> bool:
        """Whether jobs that are due are looked for, for as long as they should be."""
        return self.stopping or not (self._scan.died or self._tidying.died)

    def start(self) -> None:
        """Begin to look for jobs that are due."""
        self._scan.start()
        self._tidying.start()

    def spawn(self, job: Job) -> None:
        """Work on a job, now if a worker is free, else when it is its turn."""
        if job.id in self._time_slices or self.stopping:
            return
        if len(self._time_slices) >= self._limit:
            self._contended = True
            return
        self._time_slices[job.id] = None
        # An import is nobody's request: what belongs to the one that begins it ends with that one.
        task = asyncio.create_task(self._work(job), name=f"import {job.id}", context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call_off(self, job_id: str) -> None:
        """Tell a job's worker, if it is on this node, that the job has ended; else look now whether nobody has it."""
        if time_slice := self._time_slices.get(job_id):
            time_slice.call_off()
        else:
            self._tidying.nudge()

    async def stop(self, seconds: float) -> None:
        """Take no more jobs, let the pages in flight be finished and handed back, and wait so long for that."""
        self.stopping = True
        await asyncio.gather(self._scan.stop(), self._tidying.stop())
        self._waiting.left(())
        metrics.NODES_READY.set(0)
        for time_slice in self._time_slices.values():
            if time_slice:
                time_slice.call_off()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                _log.warning("%s did not stop in time; another worker takes over when its lease ends", task.get_name())
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, job: Job) -> None:
        about_job(job.id)
        try:
            if lease := await self._claim(job):
                await self._hold(lease)
        except EverReachError as error:
            _log.warning("the import is left to the next worker: %s", type(error).__name__)
        except Exception as error:
            _log.error("the import stopped on %s", describe(error))
        else:
            # Whoever waits may have the place now. After a failure that would be the same job, in a circle.
            self._scan.nudge()
        finally:
            del self._time_slices[job.id]

    async def _claim(self, job: Job) -> Lease | None:
        """Claim. A job that could not even be claimed rests, for it has no lease that keeps it from being tried."""
        try:
            lease = await self._leases.claim(job.id, job.user_id)
        except Exception as error:
            # Of a database that is away for a moment nobody has to wait for longer than for its first sign.
            self._rests.lay(job.id, *([FIRST_SECONDS] if isinstance(error, DatabaseAwayError) else []))
            raise
        self._rests.end(job.id)
        return lease

    async def _hold(self, lease: Lease) -> None:
        time_slice = self._time_slices[lease.job.id] = TimeSlice(lease, TURN_SECONDS, lambda: self._contended)
        if self.stopping:
            time_slice.call_off()
        keeping = asyncio.create_task(self._keep(time_slice))
        try:
            with (
                metrics.JOBS_RUNNING.track_inprogress(),
                tracing.span("import turn", provider=lease.job.provider) as noted,
            ):
                before = lease.job.processed_contacts
                await self._importer.run(time_slice)
                noted(contacts=lease.job.processed_contacts - before)
        finally:
            keeping.cancel()

    async def _keep(self, time_slice: TimeSlice) -> None:
        """Renew the lease until it is lost; a long page or a slow provider must not cost the job its worker."""
        while True:
            await asyncio.sleep(self._renewal)
            try:
                await self._leases.renew(time_slice.lease)
            except LeaseLostError:
                time_slice.call_off()
                return
            except DatabaseError:
                continue

    async def _look(self) -> None:
        try:
            await self._give_out()
        except DatabaseError:
            metrics.NODES_READY.set(0)
            raise
        metrics.NODES_READY.set(1)

    async def _give_out(self) -> None:
        free = self._limit - len(self._time_slices)
        running = await self._jobs.due(RUNNING, self._limit + 1, self._rests.resting())
        waiting = [job for job in running if job.id not in self._time_slices]
        self._contended = len(waiting) > free
        for job in waiting:
            self.spawn(job)
        self._waiting.left([job.id for job in waiting if job.id not in self._time_slices])
