"""Wakes those who wait for a job, and remembers what the change stream keeps fresh: one stream, one hub for a process.

The document in the database is the truth, and a wake-up only a hint: whoever follows a job is shown whole states, the
latest, and never a list of what happened.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Final

from cachetools import LRUCache

from everreach.demand import Demand
from everreach.documents import View
from everreach.errors import DatabaseError, JobNotFoundError
from everreach.followed import Followed, Follower, Patience
from everreach.job import RUNNING, Job, Status
from everreach.metrics import STREAM_SIGN
from storage.changes import LIFE_SECONDS, Gone, Sign, Told
from storage.jobs import JobStore

FRAME_SECONDS: Final = 0.25
"""The least time between two states of one job that its followers are shown."""

STALE_SECONDS: Final = 4 * LIFE_SECONDS
"""How long after its last sign the stream's word still counts; with it everything here ends to be fresh."""

_REMEMBERED_BYTES: Final = 8 * 1024 * 1024  # Some nine thousand jobs.
_ENTRY_BYTES: Final = 500  # What a view costs beside its body.
_REMEMBERED_GONE: Final = 1000
# Other statuses end by something that another node does and the person waits for, such as the consent: the built
# client looks once when it comes back, and must not be shown what was true a moment before.
_REMEMBERABLE: Final = RUNNING | {Status.COMPLETED, Status.CANCELLED}


class Watch:
    """The hub of one process. Start it before the first question, stop it after the last."""

    def __init__(self, jobs: JobStore, demand: Demand) -> None:
        self._jobs = jobs
        self._demand = demand
        # What the stream keeps fresh of the other jobs. An account's name makes a view as long as the provider likes.
        self._recent: LRUCache[str, View] = LRUCache(_REMEMBERED_BYTES, lambda view: len(view.body) + _ENTRY_BYTES)
        # Somebody follows these, or reads them just now. Nothing that is told of them is lost.
        self._kept: dict[str, Followed] = {}
        # Who was let in just before the job was deleted may begin to follow it just after.
        self._gone: LRUCache[str, None] = LRUCache(_REMEMBERED_GONE)
        self._sign_at: float | None = None
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
        STREAM_SIGN.end()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="watch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def _fresh(self) -> bool:
        return self._sign_at is not None and time.monotonic() < self._sign_at + STALE_SECONDS

    @property
    def followers(self) -> int:
        """How many there are at the moment."""
        return sum(len(entry.followers) for entry in self._kept.values())

    async def view(self, job_id: str, user_id: str) -> View:
        """The job now; a cancelled one with its last counters, as soon as they are there and within SETTLING_SECONDS.

        Raises JobNotFoundError, the same for an unknown job and a stranger's.
        """
        self._demand.polled()
        entry = self._kept.get(job_id)
        view = entry.view if entry else self._recent.get(job_id)
        if view is None or view.status not in _REMEMBERABLE or not self._fresh:
            view = await self._read(job_id, user_id)
        if view is None or view.user_id != user_id:
            raise JobNotFoundError
        if view.settling and (view := await self._settled(job_id, view)) is None:
            raise JobNotFoundError
        return view

    @contextmanager
    def following(self, job_id: str, follower: Follower) -> Iterator[None]:
        """While inside, the follower is shown every state that comes, at most one each FRAME_SECONDS."""
        with self._keeping(job_id) as entry:
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
        if entry := self._kept.get(job.id):
            self._take(entry, job)
        elif (view := self._recent.get(job.id)) and job.version > view.version:
            self._remember(job.id, View.of(job))

    def _remember(self, job_id: str, view: View) -> None:
        self._recent.pop(job_id, None)
        # The cache refuses what is larger than all of it.
        with suppress(ValueError):
            self._recent[job_id] = view

    @contextmanager
    def _keeping(self, job_id: str) -> Iterator[Followed]:
        if job_id not in self._kept:
            self._kept[job_id] = Followed(self._recent.pop(job_id, None), gone=job_id in self._gone)
        entry = self._kept[job_id]
        entry.keepers += 1
        try:
            yield entry
        finally:
            entry.keepers -= 1
            if not entry.keepers:
                del self._kept[job_id]
                if entry.view:
                    self._remember(job_id, entry.view)

    async def _settled(self, job_id: str, view: View) -> View | None:
        """The job as it is; a cancelled one once its counters are the last, or at the end of all patience as it stands.

        None where it was deleted meanwhile.
        """
        with self._keeping(job_id) as entry, suppress(DatabaseError):
            while view.settling and await self._patience.lasts(job_id):
                latest = (entry.view if self._fresh else None) or await self._read(job_id, view.user_id)
                if latest is None:
                    return None
                view = latest
        return view

    async def _read(self, job_id: str, user_id: str) -> View | None:
        # The entry stands before the look, so that a change that is told meanwhile is not lost.
        with self._keeping(job_id) as entry:
            job = await self._jobs.get(job_id, user_id)
            if job is None:
                return None
            self._take(entry, job)
            return entry.view

    def _take(self, entry: Followed, job: Job) -> None:
        if not entry.gone and (entry.view is None or job.version > entry.view.version):
            entry.view = View.of(job)
            if entry.followers and not entry.telling:
                entry.telling = True
                self._begin(self._tell(job.id, entry))

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
        self._gone[job_id] = None
        self._recent.pop(job_id, None)
        if entry := self._kept.get(job_id):
            entry.gone, entry.view = True, None
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
        if told is Sign.BEHIND or told is Sign.OVER:
            self._sign_at = None
        elif told is Sign.CURRENT or self._fresh:
            # While what was missed is being told, one change says nothing of the others.
            self._sign_at = time.monotonic()
            STREAM_SIGN.give()
        if told is Sign.OVER:
            STREAM_SIGN.end()

    async def _look_again(self) -> None:
        """Read what is followed, and forget all else: a follower must not stick to what was missed."""
        while asked := list(self._kept):
            try:
                self._compare(asked, await self._jobs.these(asked))
                break
            except DatabaseError:
                await asyncio.sleep(LIFE_SECONDS)
        # Only now: who read meanwhile may have begun before the stream was open.
        self._recent.clear()
