"""One record that is not as CSV should be: where it ends, and the cells in it.

A quote that does not begin a cell is text. One that begins a cell and is never closed is taken as closed at the end of
its line, so that it swallows no other record. All of this is judged by the bytes that follow the record's first, never
by how many of them have come already: a file is read alike in whatever pieces it comes.
"""

import re
from typing import Final

import msgspec

from providers.files.csv.dialect import Dialect

CELL_LIMIT: Final = 32 * 1024
"""Bytes of a cell."""
ROW_LIMIT: Final = 1024 * 1024
"""Bytes of a row."""
COLUMNS_LIMIT: Final = 512

LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BLANKS: Final = re.compile(b" *")
# Possessive: what it passed over is never tried again, and costs no memory.
_UP_TO_A_QUOTE: Final = re.compile(b'[^"]*+(?:""[^"]*+)*+')


class Record(msgspec.Struct, gc=False):
    """The cells of a record, of which COLUMNS_LIMIT are kept, and how many there are; where it ends (behind its line).

    `unclosed` says that a quote in it is never closed.
    """

    cells: list[bytes]
    columns: int
    end: int
    unclosed: bool = False


class _Cell(msgspec.Struct, gc=False):
    text: bytes
    end: int
    unclosed: bool = False


class Scanner:
    """Reads single records out of bytes in which every sign of ASCII means itself."""

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter.encode()
        self._ends = frozenset({self._delimiter, b"\r", b"\n"})
        self._plain = re.compile(rb"[^\r\n" + re.escape(self._delimiter) + b"]*")
        self._spaced = dialect.spaced
        self._width = dialect.width

    def read(self, data: bytes, start: int, stop: int, *, ended: bool) -> Record | None:
        """The record that begins at `start`; None if what is before `stop` does not tell its end.

        `ended` says that nothing can follow there.
        """
        cells: list[bytes] = []
        columns, place = 0, start
        while cell := self._cell(data, place, stop, ended=ended):
            columns, place = columns + 1, cell.end
            if columns <= COLUMNS_LIMIT:
                cells.append(cell.text)
                if cell.unclosed:
                    cells += self._swallowed(cells)
            if place == stop:
                return Record(cells, columns, stop, cell.unclosed) if ended else None
            if data[place : place + 1] != self._delimiter:
                end = _after_line(data, place, stop, ended=ended)
                return Record(cells, columns, end, cell.unclosed) if end else None
            place += 1
        return None

    def _cell(self, data: bytes, start: int, stop: int, *, ended: bool) -> _Cell | None:
        opening = _past(_BLANKS, data, start, stop) if self._spaced else start
        if opening < stop and data[opening : opening + 1] == b'"':
            return self._quoted(data, opening, stop, ended=ended)
        end = _past(self._plain, data, opening, stop)
        return _Cell(data[opening:end], end)

    def _quoted(self, data: bytes, start: int, stop: int, *, ended: bool) -> _Cell | None:
        """The cell whose quote opens at `start`."""
        place, line_end, judged = start + 1, -1, False
        while True:
            quote = _past(_UP_TO_A_QUOTE, data, place, stop)
            if line_end < 0 and (found := LINE_END.search(data, place, quote)):
                line_end = found.start()
            if not judged and line_end >= 0 and quote - start > CELL_LIMIT:
                judged = True
                if self._are_records(data[line_end : start + CELL_LIMIT]):
                    return _closed_at(data, start, line_end)
            if quote == stop:
                return _closed_at(data, start, line_end if line_end >= 0 else stop) if ended else None
            after = _past(_BLANKS, data, quote + 1, stop)
            if after == stop or data[after : after + 1] in self._ends:
                return _Cell(data[start + 1 : quote].replace(b'""', b'"'), after)
            if line_end >= 0 and data[quote - 1 : quote] in self._ends:
                # Another cell is opened in a later line: nothing but a new record has that.
                return _closed_at(data, start, line_end)
            place = quote + 1

    def _are_records(self, lines: bytes) -> bool:
        """Whether most of the lines have as many cells as a record: then they are no text of one cell."""
        whole = LINE_END.split(lines)[1:-1]
        alike = sum(line.count(self._delimiter) == self._width - 1 for line in whole)
        return self._width > 1 and 2 * alike > len(whole)

    def _swallowed(self, cells: list[bytes]) -> list[bytes]:
        """The further cells that the last one holds, where these are just those that the record lacks."""
        pieces = cells[-1].split(self._delimiter)
        return pieces[1:] if len(cells) + len(pieces) - 1 == self._width else []


def _closed_at(data: bytes, start: int, end: int) -> _Cell:
    return _Cell(data[start + 1 : end].replace(b'""', b'"'), end, unclosed=True)


def _past(pattern: re.Pattern[bytes], data: bytes, start: int, stop: int) -> int:
    found = pattern.match(data, start, stop)
    return found.end() if found else start


def _after_line(data: bytes, place: int, stop: int, *, ended: bool) -> int | None:
    """Where the next line begins; None where a line feed may follow yet."""
    if data[place : place + 1] == b"\r":
        if place + 1 == stop and not ended:
            return None
        return place + (2 if data[place : place + 2] == b"\r\n" else 1)
    return place + 1
