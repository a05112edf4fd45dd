"""What a page does to the address book: the seam between the pipeline and the kinds of writing."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol, TypeVar

from everreach.contacts.page import Entry
from everreach.jobs.job import Job, Lease
from storage.ledger import Recorded, Row

P = TypeVar("P", bound=Recorded)


class Writer(Protocol[P]):
    """Writes the pages of a job, each in two steps, and may be asked to write one again after a crash."""

    async def prepare(self, job: Job, page: int, entries: Iterable[Entry]) -> list[P]:
        """Make what is to be written of a page. `page` is the number of the job's pages before it."""

    def insert(self, lease: Lease, page: Sequence[P]) -> Awaitable[list[Row]]:
        """Write a page; returns its ledger rows. Raises LeaseLostError where the lease no longer covers that."""

    def record_unrecorded(self, job: Job) -> Awaitable[None]:
        """Give its row to each contact that a worker wrote and died before it could record."""
