"""Wakes those who wait for a job, and remembers what the change stream keeps fresh: one stream, one hub for a process.

The document in the database is the truth, and a wake-up only a hint: whoever follows a job is shown whole states, the
latest, and never a list of what happened.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Final

from everreach.errors import DatabaseError, JobNotFoundError
from everreach.jobs.job import RUNNING, Job, Status
from everreach.jobs.status_document import View
from everreach.live.change_feed import ChangeFeed
from everreach.live.followed import Followed, Follower, Patience
from everreach.live.freshness import Freshness
from everreach.live.memory import Memory
from everreach.observability.metrics import STREAM_HEARTBEAT
from storage.change_stream import LIFE_SECONDS, Gone, Sign, Told
from storage.jobs import JobStore

FRAME_SECONDS: Final = 0.25
"""The least time between two states of one job that its followers are shown."""

# Other statuses end by something that another node does and the person waits for, such as the consent: the built
# client looks once when it comes back, and must not be shown what was true a moment before.
_REMEMBERABLE: Final = RUNNING | {Status.COMPLETED, Status.CANCELLED}


class Hub:
    """The hub of one process. Start it before the first question, stop it after the last."""

    def __init__(self, jobs: JobStore, demand: ChangeFeed) -> None:
        self._jobs = jobs
        self._demand = demand
        self._memory, self._freshness = Memory(), Freshness()
        self._patience = Patience()
        # Listening, and telling the followers of each job that has changed.
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen, whenever there is demand."""
        self._begin(self._listen())

    async def stop(self) -> None:
        """Listen no longer, and tell nobody any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        STREAM_HEARTBEAT.end()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="watch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def followers(self) -> int:
        """How many there are at the moment."""
        return self._memory.followers

    async def view(self, job_id: str, user_id: str) -> View:
        """The job now; a cancelled one with its last counters, as soon as they are there and within SETTLING_SECONDS.

        Raises JobNotFoundError, the same for an unknown job and a stranger's.
        """
        self._demand.polled()
        view = self._memory.view(job_id)
        if view is None or view.status not in _REMEMBERABLE or not self._freshness.lasts:
            view = await self._read(job_id, user_id)
        if view is None or view.user_id != user_id:
            raise JobNotFoundError
        if view.settling and (view := await self._settled(job_id, view)) is None:
            raise JobNotFoundError
        return view

    @contextmanager
    def following(self, job_id: str, follower: Follower) -> Iterator[None]:
        """While inside, the follower is shown every state that comes, at most one each FRAME_SECONDS."""
        with self._memory.keeping(job_id) as entry:
            entry.told_at = entry.told_at if entry.followers else time.monotonic()
            entry.followers[follower] = None
            self._demand.joined()
            if entry.gone:
                follower.gone()
            try:
                yield
            finally:
                self._demand.left()
                del entry.followers[follower]

    def offer(self, job: Job) -> None:
        """Take what is known of a job, unless something newer is known or nobody asked for it."""
        entry = self._memory.take(job)
        if entry and entry.followers and not entry.telling:
            entry.telling = True
            self._begin(self._tell(job.id, entry))

    async def _settled(self, job_id: str, view: View) -> View | None:
        """The job as it is; a cancelled one once its counters are the last, or at the end of all patience as it stands.

        None where it was deleted meanwhile.
        """
        with self._memory.keeping(job_id) as entry, suppress(DatabaseError):
            while view.settling and await self._patience.lasts(job_id):
                latest = (entry.view if self._freshness.lasts else None) or await self._read(job_id, view.user_id)
                if latest is None:
                    return None
                view = latest
        return view

    async def _read(self, job_id: str, user_id: str) -> View | None:
        # The entry stands before the look, so that a change that is told meanwhile is not lost.
        with self._memory.keeping(job_id) as entry:
            job = await self._jobs.get(job_id, user_id)
            if job is None:
                return None
            self.offer(job)
            return entry.view

    async def _tell(self, job_id: str, entry: Followed) -> None:
        """Show the followers the latest state, some at a time, until there is none that they have not seen."""
        shown = None
        try:
            while entry.view and entry.view is not shown and entry.followers:
                await asyncio.sleep(entry.told_at + FRAME_SECONDS - time.monotonic())
                # A line ends with the end that it shows: that has to be the last word.
                shown = await self._settled(job_id, entry.view) if entry.view.settling else entry.view
                entry.told_at = time.monotonic()
                if shown:
                    await entry.show(shown)
        finally:
            entry.telling = False

    def _compare(self, asked: list[str], found: dict[str, Job | None]) -> None:
        for job_id in asked:
            if job_id not in found:
                self._lose(job_id)
            elif job := found[job_id]:
                self.offer(job)

    def _lose(self, job_id: str) -> None:
        """The job was deleted, and its person with it perhaps: nothing of it is remembered, and nobody follows it."""
        if entry := self._memory.lose(job_id):
            self._begin(entry.dismiss())

    async def _listen(self) -> None:
        async with aclosing(self._demand.changes()) as changes:
            async for told in changes:
                await self._hear(told)

    async def _hear(self, told: Told) -> None:
        if isinstance(told, Job):
            self.offer(told)
        elif isinstance(told, Gone):
            self._lose(told.job_id)
        elif told is Sign.GAP:
            await self._look_again()
        self._freshness.hear(told)

    async def _look_again(self) -> None:
        """Read what is followed, and forget all else: a follower must not stick to what was missed."""
        while asked := self._memory.kept:
            try:
                self._compare(asked, await self._jobs.these(asked))
                break
            except DatabaseError:
                await asyncio.sleep(LIFE_SECONDS)
        # Only now: who read meanwhile may have begun before the stream was open.
        self._memory.forget()
