"""A CSV file's rows, with their places in it, out of its bytes as they come.

The standard library's reader takes what is as CSV should be, 32 KiB at a time; a record that it refuses is read by
`records`. UTF-16 is turned into UTF-8 on its way, but every place is one in the file itself.
"""

import codecs
import csv
from bisect import bisect_left
from typing import Final

from providers.files.csv.dialect import Dialect
from providers.files.csv.lines import Lines, last_line_end, text_of, width, without_zeros
from providers.files.csv.records import CELL_LIMIT, COLUMNS_LIMIT, LINE_END, ROW_LIMIT, Record, Scanner
from providers.files.csv.row import UNCLOSED, PassedOver, Row, too_long
from providers.files.encoding import UTF_16, codec_of

BLOCK: Final = 32 * 1024
"""Bytes that are read at once. Larger pieces give as many more rows at once."""

_SHOWN: Final = 1000
_ENOUGH: Final = ROW_LIMIT + 4  # A record that is not too long has ended here, whatever follows it.


class RowReader:
    """Reads the rows of a file that comes piece by piece, from its start or from where another reader stopped.

    It holds two records of the greatest length at most. Raises ValueError for an encoding that no text is in.
    """

    def __init__(self, dialect: Dialect, encoding: str, offset: int = 0, number: int = 0) -> None:
        codec = codec_of(encoding)
        if codec is None:
            raise ValueError(f"No address book is in the encoding {encoding!r}.")
        self._dialect = dialect
        self._wide = codec if encoding.upper() in UTF_16 else None
        self._unpack = codecs.getincrementaldecoder(codec)("replace") if self._wide else None
        self._codec = "utf-8" if self._wide else codec
        self._scanner = Scanner(dialect)
        self._offset, self._number = offset, number
        self._ahead = 0 if offset else dialect.header_row or dialect.preamble
        self._marked = offset == 0
        self._waiting: list[bytes] = []
        self._needed = BLOCK
        self._data = b""
        self._over: PassedOver | None = None
        self._rows: list[Row] = []

    def feed(self, piece: bytes) -> list[Row]:
        """Take the next bytes of the file; gives the rows that are whole, once BLOCK bytes have gathered."""
        self._waiting.append(piece)
        self._needed -= len(piece)
        return self._read(ended=False) if self._needed <= 0 else []

    def finish(self) -> list[Row]:
        """The last rows, when all of the file has been fed."""
        return self._read(ended=True)

    def _read(self, *, ended: bool) -> list[Row]:
        data = self._gathered(ended=ended)
        place, waits = 0, False
        while place < len(data) and not waits:
            place, waits = self._step(data, place, ended=ended)
        self._data = data[place:]
        # What is read again and again as it grows is read half as often each time.
        self._needed = max(BLOCK, min(len(self._data), _ENOUGH - len(self._data)))
        if ended and self._over:
            self._end_of_too_long(self._over)
        rows, self._rows = self._rows, []
        return rows

    def _gathered(self, *, ended: bool) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        if self._unpack:
            # What is no character of UTF-16 is none of UTF-8 either.
            data = self._unpack.decode(data, ended).encode()
        data = self._data + data
        if self._marked and data:
            self._marked = False
            if data.startswith(codecs.BOM_UTF8):
                self._offset += width(codecs.BOM_UTF8, self._wide)
                return data[len(codecs.BOM_UTF8) :]
        return data

    def _step(self, data: bytes, place: int, *, ended: bool) -> tuple[int, bool]:
        """Read on from `place`: where that ended, and whether more bytes are needed there."""
        if self._over:
            return self._pass_over(self._over, data, place, ended=ended)
        stop = min(place + BLOCK, len(data))
        cut = stop if ended and stop == len(data) else last_line_end(data, place, stop)
        return self._many(data, place, cut, ended=ended) if cut > place else self._one(data, place, ended=ended)

    def _many(self, data: bytes, place: int, cut: int, *, ended: bool) -> tuple[int, bool]:
        """Read the lines up to `cut`."""
        lines = Lines(data[place:cut], self._codec, self._offset, self._wide)
        line, count = 0, len(lines.texts)
        while (line := self._well_formed(lines, line)) < count:
            self._offset = lines.offsets[line]
            after, waits = self._one(data, place + lines.ends[line], ended=ended)
            line = bisect_left(lines.ends, after - place)
            if waits or self._over or line > count:
                return after, waits
        self._offset = lines.offsets[-1]
        return cut, False

    def _well_formed(self, lines: Lines, line: int) -> int:
        """Read lines as the standard library does, up to one that it refuses; gives that one's number, else the end."""
        dialect, ends, offsets, number = self._dialect, lines.ends, lines.offsets, self._number
        reader = csv.reader(
            map(lines.texts.__getitem__, range(line, len(lines.texts))),
            delimiter=dialect.delimiter,
            skipinitialspace=dialect.spaced,
            strict=True,
        )
        first = line
        try:
            for cells in reader:
                after = first + reader.line_num
                if ends[after] - ends[line] > CELL_LIMIT or len(cells) > COLUMNS_LIMIT:
                    break
                if self._ahead:
                    self._ahead -= 1
                elif any(cells if not lines.zeros else (cells := list(map(without_zeros, cells)))):
                    number += 1
                    self._rows.append(Row(number, offsets[line], offsets[after], cells))
                line = after
        except csv.Error:
            pass
        self._number = number
        return line

    def _one(self, data: bytes, place: int, *, ended: bool) -> tuple[int, bool]:
        """Read one record by the rules for those that are not well-formed."""
        stop = min(place + _ENOUGH, len(data))
        record = self._scanner.read(data, place, stop, ended=ended and stop == len(data))
        if record:
            offset, self._offset = self._offset, self._offset + width(data[place : record.end], self._wide)
            self._take(offset, record, data[place : record.end])
            return record.end, False
        if stop - place < _ENOUGH:
            return place, True
        return self._begin_of_too_long(data, place), False

    def _take(self, offset: int, record: Record, data: bytes) -> None:
        if self._ahead:
            self._ahead -= 1
        elif any(cell.strip(b"\0") for cell in record.cells):
            self._number += 1
            if failure := too_long(record, data):
                self._rows.append(self._failed(offset, self._line(data), failure))
            else:
                cells = [text_of(cell, self._codec) for cell in record.cells]
                warning = UNCLOSED if record.unclosed else None
                self._rows.append(Row(self._number, offset, self._offset, cells, None, warning))

    def _failed(self, offset: int, line: str, what: str) -> Row:
        return Row(self._number, offset, self._offset, [line], f"too_long: record {self._number} has {what}.")

    def _line(self, data: bytes) -> str:
        return text_of(LINE_END.split(data[: 4 * _SHOWN], 1)[0], self._codec)[:_SHOWN]

    def _begin_of_too_long(self, data: bytes, place: int) -> int:
        """Pass over the greatest length of a row; what then follows is left for _pass_over."""
        after = place + ROW_LIMIT
        while self._wide and data[after] & 0xC0 == 0x80:
            after -= 1
        passed = data[place:after]
        one_line = LINE_END.search(passed) is None
        self._over = PassedOver(self._offset, self._line(passed), passed.count(b'"') % 2 == 1, one_line)
        self._offset += width(passed, self._wide)
        return after

    def _pass_over(self, over: PassedOver, data: bytes, place: int, *, ended: bool) -> tuple[int, bool]:
        """Go to the end of a record that is too long: its line's, or that of the cell which holds line ends."""
        while True:
            found = LINE_END.search(data, place)
            uncertain = found and found[0] == b"\r" and found.end() == len(data) and not ended
            after = found.start() if uncertain and found else found.end() if found else len(data)
            over.open ^= data.count(b'"', place, after) % 2 == 1
            self._offset += width(data[place:after], self._wide)
            place = after
            if not found or uncertain:
                return place, True
            if over.one_line or not over.open:
                self._end_of_too_long(over)
                return place, False

    def _end_of_too_long(self, over: PassedOver) -> None:
        self._over = None
        if self._ahead:
            self._ahead -= 1
            return
        self._number += 1
        self._rows.append(self._failed(over.offset, over.line, f"more than {ROW_LIMIT // 1024} KiB"))
