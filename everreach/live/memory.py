"""What one process knows of the jobs that somebody asked for, and of those that there are no more."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from cachetools import LRUCache

from everreach.jobs.job import Job
from everreach.jobs.status_document import View
from everreach.live.followed import Followed

_BYTES: Final = 8 * 1024 * 1024  # Some nine thousand jobs.
_ENTRY_BYTES: Final = 500  # What a view costs beside its body.
_GONE: Final = 1000


class Memory:
    """The latest view of each job: of those that are kept it is certain, the others may be pushed out."""

    def __init__(self) -> None:
        # An account's name makes a view as long as the provider likes, so views are counted by their bytes.
        self._recent: LRUCache[str, View] = LRUCache(_BYTES, lambda view: len(view.body) + _ENTRY_BYTES)
        # Somebody follows these, or reads them just now. Nothing that is told of them is lost.
        self._kept: dict[str, Followed] = {}
        # Who was let in just before the job was deleted may begin to follow it just after.
        self._gone: LRUCache[str, None] = LRUCache(_GONE)

    @property
    def followers(self) -> int:
        """How many there are at the moment, of all jobs."""
        return sum(len(entry.followers) for entry in self._kept.values())

    @property
    def kept(self) -> list[str]:
        """The ids of the jobs that are followed or read."""
        return list(self._kept)

    def view(self, job_id: str) -> View | None:
        """The latest view; None where nothing is known."""
        entry = self._kept.get(job_id)
        return entry.view if entry else self._recent.get(job_id)

    @contextmanager
    def keeping(self, job_id: str) -> Iterator[Followed]:
        """While inside, nothing that is told of the job is lost."""
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

    def take(self, job: Job) -> Followed | None:
        """Take what was read or told of a job, unless something newer is known or nobody asked for it.

        Returns the kept job for whose followers it is news.
        """
        entry, known = self._kept.get(job.id), self.view(job.id)
        if known and job.version <= known.version:
            return None
        if entry is None:
            if known:
                self._remember(job.id, View.of(job))
            return None
        if entry.gone:
            return None
        entry.view = View.of(job)
        return entry

    def lose(self, job_id: str) -> Followed | None:
        """Forget a job that was deleted, for ever. Returns the kept job whose followers have to hear of it."""
        self._gone[job_id] = None
        self._recent.pop(job_id, None)
        entry = self._kept.get(job_id)
        if entry:
            entry.gone, entry.view = True, None
        return entry

    def forget(self) -> None:
        """Forget every job that is not kept."""
        self._recent.clear()

    def _remember(self, job_id: str, view: View) -> None:
        self._recent.pop(job_id, None)
        # The cache refuses what is larger than all of it.
        with suppress(ValueError):
            self._recent[job_id] = view
