"""What is left to do for a job that was taken from its worker by a person: by a cancel, or by an erasure."""

from everreach.jobs.job import Job, Status
from storage.contacts.store import ContactStore
from storage.jobs import JobStore
from storage.ledger import Ledger


class Reconciliation:
    """Brings what stands in the database into agreement with the job, or with its absence."""

    def __init__(self, jobs: JobStore, contacts: ContactStore, ledger: Ledger) -> None:
        self._jobs = jobs
        self._contacts = contacts
        self._ledger = ledger

    async def counts(self, job: Job) -> dict[str, int]:
        """The counters that stand in the database, a page that was half written included."""
        await self._contacts.record_unrecorded(job)
        return await self._ledger.count(job)

    async def settle(self, job: Job) -> None:
        """Settle a cancelled job that no worker writes to any more."""
        if await self._jobs.settle(job, await self.counts(job)) is None:
            await self._withdraw_if_erased(job)

    async def lost(self, job: Job) -> None:
        """Settle a job that its worker has lost, if it was cancelled; take back what was written, if it was erased."""
        present = await self._withdraw_if_erased(job)
        if present and present.status is Status.CANCELLED and present.fence == job.fence:
            await self.settle(present)

    async def _withdraw_if_erased(self, job: Job) -> Job | None:
        """The job; where there is none any more, nothing may be left that was written for it.

        An erasure deletes the job before it looks for the last time. So whatever it does not see was written by
        somebody who looks here afterwards, and finds no job.
        """
        present = await self._jobs.get(job.id, job.user_id)
        if present is None:
            await self._contacts.withdraw(job)
            await self._ledger.withdraw(job)
        return present
