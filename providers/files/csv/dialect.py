"""How a CSV file is written, judged by its first rows."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from providers.files.csv.headers import meaning

DELIMITERS: Final = ",;\t|"
_ROWS: Final = 30
_STATED: Final = re.compile(rb'"?sep=([,;\t|])"?\s*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)


class Dialect(msgspec.Struct, frozen=True):
    """The delimiter, the rows up to the header, and how many cells a row has.

    `header_row` counts from 1 as a spreadsheet does: a quoted cell of two lines is in one row, an empty line is a row.
    None is a file whose first row is a record. `preamble` counts the rows before the first record where there is no
    header (`sep=;`). `spaced` says that a blank between a delimiter and a quote means nothing.
    """

    delimiter: str = ","
    header_row: int | None = None
    preamble: int = 0
    spaced: bool = False
    width: int = 0


class Reading(msgspec.Struct):
    """The first rows of a file as a dialect reads them, its header among them; an empty line is a row without cells."""

    dialect: Dialect
    rows: list[list[str]]

    @property
    def header(self) -> list[str] | None:
        """The header's cells; None without one."""
        place = self.dialect.header_row
        return self.rows[place - 1] if place and place <= len(self.rows) else None

    @property
    def records(self) -> list[list[str]]:
        """The rows behind the header that are not blank."""
        first = self.dialect.header_row or self.dialect.preamble
        return [row for row in self.rows[first:] if any(map(str.strip, row))]


def stated_delimiter(head: bytes) -> str | None:
    """The delimiter that a first line `sep=;` states, as Excel understands it."""
    stated = _STATED.match(head)
    return stated[1].decode() if stated else None


def judged(readings: Sequence[Reading]) -> Reading:
    """The best of the readings of one head, one for each delimiter.

    It is the one whose best row among the first 30 makes most known headers; where no row is a header, the one of
    which most rows have equally many cells.
    """
    best = max(readings, key=lambda reading: max((n for _, n in _headers(reading)), default=0))
    rows = list(_headers(best))
    if rows:
        place, _ = max(rows, key=lambda found: found[1])
        return _with(best, place, len(best.rows[place - 1]))
    best = max(readings, key=_consistency)
    width, _ = _usual(best)
    first = best.dialect.preamble
    unknown = len(best.rows) > first + 1 and _names_its_columns(best.rows[first], best.rows[first + 1 :])
    return _with(best, first + 1 if unknown else None, width)


def with_header(reading: Reading, header_row: int | None) -> Reading:
    """The reading with the header that somebody names, or without one."""
    width = len(reading.rows[header_row - 1]) if header_row and header_row <= len(reading.rows) else _usual(reading)[0]
    return _with(reading, header_row, width)


def _with(reading: Reading, header_row: int | None, width: int) -> Reading:
    old = reading.dialect
    return Reading(Dialect(old.delimiter, header_row, old.preamble, old.spaced, width), reading.rows)


def _headers(reading: Reading) -> Iterator[tuple[int, int]]:
    """The rows that may be the header, by their places from 1, and how many known headers each has."""
    for place, row in enumerate(reading.rows[:_ROWS], 1):
        filled = [cell for cell in row[:512] if cell.strip()]
        known = sum(meaning(cell) is not None for cell in filled if len(cell) < 100 and "@" not in cell)
        if (known and 2 * known >= len(filled)) or known > 2:
            yield place, known


def _usual(reading: Reading) -> tuple[int, int]:
    """How many cells most rows have, and how many rows that are."""
    widths = Counter(len(row) for row in reading.records[:_ROWS])
    return max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))


def _consistency(reading: Reading) -> tuple[bool, int, int]:
    width, rows = _usual(reading)
    return width > 1, rows, width


def _names_its_columns(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first row has words alone where those below it have addresses or numbers."""
    if any("@" in cell or sum(map(str.isdigit, cell)) > 4 for cell in first) or not all(map(str.strip, first)):
        return False
    cells = [cell for row in others[:_ROWS] for cell in row]
    return any("@" in cell or sum(map(str.isdigit, cell)) > 4 for cell in cells)
