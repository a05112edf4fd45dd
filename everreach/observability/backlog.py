"""The jobs that are due and find no free worker: how many, and for how long."""

import time
from collections.abc import Collection

from everreach.observability import metrics


class Backlog:
    """What one process sees of them. It remembers as many as it looks at, and asks the database for nothing."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def left(self, job_ids: Collection[str]) -> None:
        """These were left over, and no others, when work was given out."""
        now = time.monotonic()
        self._since = {job_id: self._since.get(job_id, now) for job_id in job_ids}
        metrics.JOBS_WAITING.set(len(self._since))
        metrics.JOBS_WAITING_SECONDS.set(now - min(self._since.values(), default=now))
