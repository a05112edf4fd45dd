"""What a person orders of a job: the transition, and then both nudges, to its worker and to its followers."""

from everreach.engine.runner import Runner
from everreach.jobs.job import Job
from everreach.live.hub import Hub
from storage.jobs import JobStore


class Commands:
    """Each order is one statement; the nudges only spare everybody the wait until it is seen."""

    def __init__(self, jobs: JobStore, runner: Runner, hub: Hub) -> None:
        self._jobs = jobs
        self._runner = runner
        self._hub = hub

    def go(self, job: Job) -> None:
        """Have a job that was set going worked on, and its followers told."""
        self._hub.offer(job)
        self._runner.spawn(job)

    async def cancel(self, job_id: str, user_id: str) -> Job | None:
        """End a job; None where it has ended already."""
        job = await self._jobs.cancel(job_id, user_id)
        if job:
            self._runner.call_off(job_id)
            self._hub.offer(job)
        return job

    async def retry(self, job_id: str, user_id: str) -> Job | None:
        """Have a failed job go on where it stopped; None where it has not failed, or where our access is gone."""
        job = await self._jobs.retry(job_id, user_id)
        if job:
            self.go(job)
        return job
