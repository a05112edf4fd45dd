"""A file as a source of contacts: its pieces are read on from whatever byte a job has come to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from everreach.contacts.page import Entries, Page
from everreach.errors import FileGoneError, ProviderError
from everreach.jobs.job import Lease
from everreach.jobs.options import Reading
from providers.base import Account
from providers.files.csv.contact import RowShaper
from providers.files.csv.dialect import Dialect
from providers.files.csv.row import Row
from providers.files.csv.rows import RowReader
from providers.paging import Smaller
from storage.files.uploads import PIECE_BYTES, Upload, UploadStore

PAGE_RECORDS: Final = 1000
"""Records on a page: as many as the providers give."""

_STEP_BYTES: Final = 65536  # Read at a time: about a millisecond.
_NOT_YET: Final = "This server cannot read vCards yet. Please try again later."


class OpenFile:
    """A CSV that is read for one job. A place in it is `byte:number`: where a record begins, how many come before."""

    def __init__(self, reading: Reading, piece: Callable[[int], Awaitable[bytes]]) -> None:
        self._dialect = Dialect(
            reading.delimiter or ",", reading.header_row, reading.preamble, reading.spaced, reading.width
        )
        fields = {index: field for index, field in enumerate(reading.fields) if field != "ignore"}
        self._shaper = RowShaper(fields, reading.headers)
        self._reading = reading
        self._piece = piece
        self._place: str | None = None
        self._rows: list[Row] = []
        self._start(None)

    async def account(self) -> Account:
        """Nobody's."""
        return Account(None, None)

    async def page(self, position: str | None) -> Page:
        """The next records. Raises ProviderError where the file is no longer there."""
        if position != self._place:
            self._start(position)
        while len(self._rows) <= PAGE_RECORDS and not self._ended:
            await self._read_on()
        rows, self._rows = self._rows[:PAGE_RECORDS], self._rows[PAGE_RECORDS:]
        self._place = f"{rows[-1].next}:{rows[-1].number}" if self._rows else None
        return Page(Entries(rows, lambda _, row: self._shaper.entry(row)), self._place)

    def _start(self, position: str | None) -> None:
        offset, _, number = (position or "0:0").partition(":")
        self._offset = int(offset)
        self._reader = RowReader(self._dialect, self._reading.encoding, self._offset, int(number))
        self._rows = []
        self._ended = False

    async def _read_on(self) -> None:
        """Read to the end of the piece that the offset is in, or end."""
        if self._offset >= self._reading.size:
            self._rows += self._reader.finish()
            self._ended = True
            return
        rest = await self._rest()
        for place in range(0, len(rest), _STEP_BYTES):
            self._rows += self._reader.feed(rest[place : place + _STEP_BYTES])
            await asyncio.sleep(0)
        self._offset += len(rest)

    async def _rest(self) -> bytes:
        """What the piece holds from the offset on."""
        try:
            piece = await self._piece(self._offset // PIECE_BYTES)
        except FileGoneError as error:
            raise ProviderError(error.message) from None
        rest = piece[self._offset % PIECE_BYTES :]
        if not rest:
            raise ProviderError(FileGoneError().message)
        return rest


class FileSource:
    """The files of all jobs that read one."""

    title = "The file"
    counts_more = False

    def __init__(self, uploads: UploadStore) -> None:
        self._uploads = uploads

    @asynccontextmanager
    async def open(self, lease: Lease) -> AsyncIterator[OpenFile]:
        """Open the job's file. Raises ProviderError where it is no longer kept."""
        job = lease.job
        if job.reading is None or job.upload_id is None:
            raise ProviderError(FileGoneError().message)
        if job.provider != "csv":
            raise ProviderError(_NOT_YET)
        upload = Upload(job.upload_id, job.user_id)
        yield OpenFile(job.reading, lambda n: self._uploads.piece(upload, n))

    def smaller(self, position: str | None) -> Smaller | None:
        """A file gives what it has, whatever the size of a page."""
        return None
