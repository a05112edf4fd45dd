"""A source's pages, one ahead: the next is fetched while the last is being written."""

import asyncio
from typing import Self

from everreach.contacts.page import Page
from everreach.engine.time_slice import TimeSlice
from everreach.jobs.cursor import Cursor
from everreach.observability import tracing
from everreach.observability.metrics import of_provider
from providers.source import ContactSource, Reading


class Prefetch:
    """The listing of one job, from its stored cursor on. Use as an async context manager: it drops what it fetched."""

    def __init__(self, source: ContactSource, reading: Reading, time_slice: TimeSlice) -> None:
        self._source = source
        self._reading = reading
        self._time_slice = time_slice
        self._ahead: asyncio.Task[Page] | None = None
        self.cursor: Cursor = time_slice.lease.job.cursor

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ahead:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)

    async def page(self) -> Page:
        """The page at the cursor. Raises ListingExpiredError where the source no longer knows that place."""
        return await self._time_slice.during(self._fetching())

    def restart(self) -> None:
        """Begin again; see Cursor.restarted."""
        self.cursor = self.cursor.restarted()

    def look_ahead(self, page: Page) -> None:
        """Begin to fetch what comes after this page."""
        if page.next is not None:
            self._ahead = self._fetch(page.next)

    def move(self, position: str, *, fresh: bool, barren_limit: int) -> Cursor:
        """Step to the next page; see Cursor.after."""
        self.cursor = self.cursor.after(position, fresh=fresh, barren_limit=barren_limit)
        return self.cursor

    def told(self, total: int | None) -> None:
        """Take what a page says of how many contacts there are."""
        self.cursor = self.cursor.told(total)

    def reread(self, listed: int) -> Cursor | None:
        """The beginning, once, for a listing that ended far short of what was announced; None where it is over."""
        if self.cursor.listed is not None or not self.cursor.short(listed):
            return None
        self.cursor = self.cursor.reread(listed)
        return self.cursor

    def notice(self, listed: int) -> str | None:
        """What the person is told of a listing that ended short twice."""
        nothing_more = self._source.counts_more and listed == self.cursor.listed
        if nothing_more or not self.cursor.short(listed):
            return None
        return f"{self._source.title} announced {self.cursor.announced} contacts and listed {listed}."

    def _fetching(self) -> asyncio.Task[Page]:
        fetching, self._ahead = self._ahead or self._fetch(self.cursor.position), None
        return fetching

    def _fetch(self, position: str | None) -> asyncio.Task[Page]:
        return asyncio.create_task(self._fetched(position))

    async def _fetched(self, position: str | None) -> Page:
        name = self._time_slice.lease.job.provider
        with of_provider(name).fetch.time(), tracing.span("page fetch", provider=name) as noted:
            page = await self._reading.page(position)
            noted(contacts=len(page.entries))
            return page
