"""The story of one import: pages become contacts and ledger rows, one commit a page, until the listing ends."""

import random
from collections.abc import Mapping
from typing import Any, Final

from everreach.contacts.page import Page
from everreach.engine.identification import identify
from everreach.engine.location import locate
from everreach.engine.pipeline import Pipeline
from everreach.engine.prefetch import Prefetch
from everreach.engine.reconciliation import Reconciliation
from everreach.engine.setbacks import Setbacks
from everreach.engine.time_slice import TimeSlice, TimeSliceOverError
from everreach.engine.writer import Writer
from everreach.errors import DatabaseAwayError, LeaseLostError, ListingExpiredError, ProviderError, VaultError
from everreach.jobs.job import Lease
from providers.source import ContactSource, Reading
from storage.leases import LeaseStore
from storage.ledger import Ledger

TAKEOVER_LIMIT: Final = 5
"""A job taken over so often in a row, without one committed page between, is given up."""

_DATABASE_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 8.0
_GIVEN_UP: Final = "The import stopped five times at the same place and was given up. Please try again later."


class Importer:
    """Brings one leased job forward. After each page all there is to know of the job stands in the database."""

    def __init__(
        self,
        *,
        leases: LeaseStore,
        writer: Writer[Any],
        ledger: Ledger,
        sources: Mapping[str, ContactSource],
        reconciliation: Reconciliation,
        max_contacts: int,
    ) -> None:
        self._leases = leases
        self._writer = writer
        self._ledger = ledger
        self._sources = sources
        self._reconciliation = reconciliation
        self._max_contacts = max_contacts
        self._setbacks = Setbacks(leases, reconciliation, sources)

    async def run(self, time_slice: TimeSlice) -> None:
        """Import until the listing ends, the job fails, the turn is over, or the job is no longer ours."""
        page, stuck = -1, 0
        while await self._begin(time_slice):
            page, stuck = time_slice.lease.job.page, stuck + 1 if time_slice.lease.job.page == page else 0
            if stuck > 1:
                # A database that reads and does not write, say: neither it nor the provider is asked without a pause.
                await time_slice.waited(min(_DATABASE_PAUSE_SECONDS * 2 ** (stuck - 2), _LONGEST_PAUSE_SECONDS))
            try:
                await self._take(time_slice)
            except (DatabaseAwayError, LeaseLostError):
                # The last statement may have arrived or not. To begin again takes its page for half written.
                continue
            return

    async def _take(self, time_slice: TimeSlice) -> None:
        lease = time_slice.lease
        try:
            if lease.job.takeovers >= TAKEOVER_LIMIT:
                raise ProviderError(_GIVEN_UP)
            await self._import(time_slice)
        except TimeSliceOverError:
            await self._leases.release(lease)
        except (ProviderError, VaultError) as error:
            await self._setbacks.take(lease, error)

    async def _import(self, time_slice: TimeSlice) -> None:
        source = self._sources[time_slice.lease.job.provider]
        async with source.open(time_slice.lease) as reading:
            await identify(self._leases, time_slice, reading)
            await self._list(time_slice, source, reading)

    async def _list(self, time_slice: TimeSlice, source: ContactSource, reading: Reading) -> None:
        lease = time_slice.lease
        recovering = lease.job.half_written
        if recovering:
            # What the page brings the second time may be other contacts than those that were written the first time.
            lease.check()
            await self._writer.record_unrecorded(lease.job)
        async with (
            Prefetch(source, reading, time_slice) as listing,
            self._pipeline(lease, listing, recovering) as pages,
        ):
            while True:
                page = await self._next_page(listing, pages)
                await locate(self._leases, lease, page)
                await pages.put(page)
                if page.next is None:
                    await pages.emptied()
                    if lease.job.status.ended:
                        return
                if time_slice.over:
                    raise TimeSliceOverError

    def _pipeline(self, lease: Lease, listing: Prefetch, recovering: bool) -> Pipeline[Any]:
        stores = (self._writer, self._ledger, self._leases)
        return Pipeline(*stores, lease, listing, max_contacts=self._max_contacts, recovering=recovering)

    async def _next_page(self, listing: Prefetch, pages: Pipeline[Any]) -> Page:
        """The page at the cursor, with the fetch of the one after it begun."""
        while True:
            try:
                page = await listing.page()
            except ListingExpiredError:
                await pages.emptied()
                listing.restart()
            else:
                listing.look_ahead(page)
                return page

    async def _begin(self, time_slice: TimeSlice) -> bool:
        """Begin, or begin again, as soon as the database answers; whether the job is ours then."""
        while True:
            try:
                await self._leases.begin(time_slice.lease)
                return True
            except LeaseLostError:
                await self._reconciliation.lost(time_slice.lease.job)
                return False
            except DatabaseAwayError:
                if not await time_slice.waited(_DATABASE_PAUSE_SECONDS * random.random()):  # noqa: S311
                    return False
