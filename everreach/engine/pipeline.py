"""The pages of a turn on their way into the database: one is prepared, one inserted, and one recorded and committed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, Self

from everreach.concurrency.background_step import BackgroundStep
from everreach.contacts.page import Page
from everreach.engine.prefetch import Prefetch
from everreach.engine.writer import P, Writer
from everreach.errors import ProviderError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Lease, Tally
from everreach.observability import tracing
from everreach.observability.metrics import of_provider
from storage.leases import LeaseStore
from storage.ledger import Ledger, Row


class Pipeline(Generic[P]):
    """Writes the pages of one lease in their order. Use as an async context manager: what was begun is finished.

    A page is inserted only when the page before the one before it is committed, so that whoever takes the job over
    finds the contacts of two pages at most that no row tells of.
    """

    def __init__(
        self,
        writer: Writer[P],
        ledger: Ledger,
        leases: LeaseStore,
        lease: Lease,
        listing: Prefetch,
        *,
        max_contacts: int,
        recovering: bool,
    ) -> None:
        self._writer = writer
        self._ledger = ledger
        self._leases = leases
        self._lease = lease
        self._listing = listing
        self._max_contacts = max_contacts
        self._recovering = recovering
        self._number = lease.job.page
        self._recording = 0
        self._counted = of_provider(lease.job.provider)
        self._committing, self._inserting = BackgroundStep(), BackgroundStep()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An exit stack would do the same, but its frame and the error hold each other, and with them all pages in hand:
        # see Turn.during.
        try:
            await self._inserting.__aexit__(kind, error, trace)
        except BaseException as failure:
            await self._committing.__aexit__(type(failure), failure, failure.__traceback__)
            raise
        await self._committing.__aexit__(kind, error, trace)

    async def put(self, page: Page) -> None:
        """Take the next page. Raises what became of the pages before it."""
        prepared = await self._writer.prepare(self._lease.job, self._number, page.entries)
        self._number += 1
        await self._inserting.follow(self._insert(page, prepared))

    async def emptied(self) -> None:
        """Wait until every page that was put is committed."""
        await self._inserting.done()
        await self._committing.done()

    async def _insert(self, page: Page, prepared: Sequence[P]) -> None:
        if self._lease.job.overlaps or self._listing.cursor.again:
            # A contact that was edited since would have another key, and come a second time.
            prepared = await self._ledger.unrecorded(self._lease.job, prepared)
        # Whoever lowers the limit finds jobs that are beyond it already.
        room = max(0, self._max_contacts - self._lease.job.processed_contacts - self._recording)
        with self._step("contacts", len(prepared)):
            rows = await self._writer.insert(self._lease, prepared[:room])
        await self._committing.follow(self._record(page, rows, whole=len(prepared) <= room))
        # Until its commit they are not among those that the job has processed.
        self._recording = len(rows)

    async def _record(self, page: Page, rows: Sequence[Row], *, whole: bool) -> None:
        with self._step("commit", len(rows)):
            self._counted.committed(await self._commit(page, rows, whole=whole))
        self._recording = 0

    @contextmanager
    def _step(self, name: str, contacts: int) -> Iterator[None]:
        provider = self._lease.job.provider
        with (
            self._counted.write[name].time(),
            tracing.span("page write", provider=provider, step=name, contacts=contacts),
        ):
            yield

    async def _commit(self, page: Page, rows: Sequence[Row], *, whole: bool) -> Tally:
        recovering, self._recovering = self._recovering, False
        tally = await self._ledger.record(self._lease, rows, recovering=recovering)
        if not whole:
            raise ProviderError(f"The account holds more than {self._max_contacts} contacts, the most of one import.")
        self._listing.told(page.total)
        if cursor := self._onward(page, tally):
            await self._leases.advance(self._lease, tally, cursor, page.total)
        else:
            await self._leases.finish(self._lease, tally, self._listing.notice(self._listed(tally)))
        return tally

    def _onward(self, page: Page, tally: Tally) -> Cursor | None:
        """Where the listing goes on; None where it is over."""
        if page.next is None:
            return self._listing.reread(self._listed(tally))
        barren_limit = 1000 + self._max_contacts // 100
        return self._listing.move(page.next, fresh=tally.processed > 0, barren_limit=barren_limit)

    def _listed(self, tally: Tally) -> int:
        return self._lease.job.processed_contacts + tally.processed
