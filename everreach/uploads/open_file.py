"""A file that is read for one job: its pieces are read on from whatever byte the job has come to."""

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from typing import Final, Generic, Protocol, TypeVar

from everreach.contacts.page import Entries, Entry, Page
from everreach.errors import FileGoneError, ProviderError
from providers.account import Account
from storage.files.uploads import PIECE_BYTES

PAGE_RECORDS: Final = 1000
"""Records on a page: as many as the providers give."""

PAGE_BYTES: Final = 1024 * 1024
"""Bytes of a page, unless one record alone has more: a card may have a photo."""

_STEP_BYTES: Final = 65536  # Read at a time: about a millisecond.

Piece = Callable[[int], Awaitable[bytes]]
"""Gives the n-th piece of the file. Raises FileGoneError."""


class Record(Protocol):
    """One record of a file: its number (1 is the first), the byte where it begins and the one where the next does."""

    number: int
    offset: int
    next: int


R = TypeVar("R", bound=Record)


class Reader(Protocol[R]):
    """Makes records of the bytes of a file as they come."""

    def feed(self, piece: bytes) -> list[R]:
        """Take the next bytes; gives the records that are whole."""

    def finish(self) -> list[R]:
        """The last records, when all of the file has been fed."""


class OpenFile(ABC, Generic[R]):
    """A file of `size` bytes. A place in it is `byte:number`: where a record begins, how many come before."""

    def __init__(self, size: int, piece: Piece) -> None:
        self._size = size
        self._piece = piece
        self._place: str | None = None
        self._read: list[R] = []
        self._ended = False
        self._start(None)

    @abstractmethod
    def reader(self, offset: int, number: int) -> Reader[R]:
        """A reader from the record behind the `number`-th on, which begins at this byte."""

    @abstractmethod
    def entry(self, record: R) -> Entry:
        """The entry for a record."""

    def records(self, read: list[R]) -> list[R]:
        """Those of what was read that are records of their own."""
        return read

    async def account(self) -> Account:
        """Nobody's."""
        return Account(None, None)

    async def page(self, position: str | None) -> Page:
        """The next records. Raises ProviderError where the file is no longer there."""
        if position != self._place:
            self._start(position)
        while not self._ended and self._fitting() == len(self._read):
            await self._read_on()
        fitting = self._fitting()
        page, self._read = self._read[:fitting], self._read[fitting:]
        self._place = f"{page[-1].next}:{page[-1].number}" if self._read else None
        return Page(Entries(page, lambda _, record: self.entry(record)), self._place)

    def _fitting(self) -> int:
        """How many of the records that were read make a page."""
        if not self._read:
            return 0
        end = self._read[0].offset + PAGE_BYTES
        within = bisect_right(self._read, end, hi=min(len(self._read), PAGE_RECORDS), key=lambda record: record.next)
        return max(1, within)

    def _start(self, position: str | None) -> None:
        offset, _, number = (position or "0:0").partition(":")
        self._offset = int(offset)
        self._reader = self.reader(self._offset, int(number))
        self._read, self._ended = [], False

    async def _read_on(self) -> None:
        """Read to the end of the piece that the offset is in, or end."""
        if self._offset >= self._size:
            self._take(self._reader.finish())
            self._ended = True
            return
        rest = await self._rest()
        for place in range(0, len(rest), _STEP_BYTES):
            self._take(self._reader.feed(rest[place : place + _STEP_BYTES]))
            await asyncio.sleep(0)
        self._offset += len(rest)

    def _take(self, read: list[R]) -> None:
        self._read += self.records(read)

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
