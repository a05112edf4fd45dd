"""The life of many imports on one node: spawn, keep alive, adopt what is due, drain."""

import asyncio
import logging
from contextvars import Context
from typing import Final

from everreach import metrics, tracing
from everreach.errors import DatabaseAwayError, DatabaseError, EverReachError, LeaseLostError
from everreach.importer import Importer
from everreach.job import RUNNING, Job, Lease
from everreach.logs import about_job, describe
from everreach.rests import FIRST_SECONDS, Rests
from everreach.scan import Scan
from everreach.tidying import Tidying
from everreach.turn import Turn
from everreach.waiting import Waiting
from storage.jobs import JobStore
from storage.leases import LeaseStore

TURN_SECONDS: Final = 5.0
"""How long one import may keep a worker that others are waiting for."""

_log = logging.getLogger(__name__)


class Runner:
    """Works on up to `limit` jobs at once. Any node's runner can go on with any job; MongoDB says whose it is."""

    def __init__(
        self, jobs: JobStore, leases: LeaseStore, importer: Importer, *, limit: int, lease_seconds: float
    ) -> None:
        self._jobs = jobs
        self._leases = leases
        self._importer = importer
        self._limit = limit
        self._renewal = lease_seconds / 4
        self._turns: dict[str, Turn | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._scan = Scan(self._look, "jobs")
        self._tidying = Tidying(jobs, importer.settle)
        self.stopping = False
        """Whether stop() was called; no more jobs are taken then."""
        self._contended = False
        self._waiting = Waiting()
        self._rests = Rests()

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
        if job.id in self._turns or self.stopping:
            return
        if len(self._turns) >= self._limit:
            self._contended = True
            return
        self._turns[job.id] = None
        # An import is nobody's request: what belongs to the one that begins it ends with that one.
        task = asyncio.create_task(self._work(job), name=f"import {job.id}", context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call_off(self, job_id: str) -> None:
        """Tell a job's worker, if it is on this node, that the job has ended; else look now whether nobody has it."""
        if turn := self._turns.get(job_id):
            turn.call_off()
        else:
            self._tidying.nudge()

    async def stop(self, seconds: float) -> None:
        """Take no more jobs, let the pages in flight be finished and handed back, and wait so long for that."""
        self.stopping = True
        await asyncio.gather(self._scan.stop(), self._tidying.stop())
        self._waiting.left(())
        metrics.NODES_READY.set(0)
        for turn in self._turns.values():
            if turn:
                turn.call_off()
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
            del self._turns[job.id]

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
        turn = self._turns[lease.job.id] = Turn(lease, TURN_SECONDS, lambda: self._contended)
        if self.stopping:
            turn.call_off()
        keeping = asyncio.create_task(self._keep(turn))
        try:
            with (
                metrics.JOBS_RUNNING.track_inprogress(),
                tracing.span("import turn", provider=lease.job.provider) as noted,
            ):
                before = lease.job.processed_contacts
                await self._importer.run(turn)
                noted(contacts=lease.job.processed_contacts - before)
        finally:
            keeping.cancel()

    async def _keep(self, turn: Turn) -> None:
        """Renew the lease until it is lost; a long page or a slow provider must not cost the job its worker."""
        while True:
            await asyncio.sleep(self._renewal)
            try:
                await self._leases.renew(turn.lease)
            except LeaseLostError:
                turn.call_off()
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
        free = self._limit - len(self._turns)
        running = await self._jobs.due(RUNNING, self._limit + 1, self._rests.resting())
        waiting = [job for job in running if job.id not in self._turns]
        self._contended = len(waiting) > free
        for job in waiting:
            self.spawn(job)
        self._waiting.left([job.id for job in waiting if job.id not in self._turns])
