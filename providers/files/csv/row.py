"""One row of a CSV file."""

from typing import Final

import msgspec

from providers.files.csv.records import CELL_LIMIT, COLUMNS_LIMIT, ROW_LIMIT, Record

UNCLOSED: Final = "A quote that is never closed was taken as closed at the end of its line."
"""The warning of a row in which a quote is never closed."""


class Row(msgspec.Struct, gc=False):
    """One record: its number (1 is the first), the byte where it begins and the one where the next does, its cells.

    `failure` is why it could not be read, and begins with `too_long`; the only cell is then its first line, cut.
    Reading can go on at `next` and `number`, with equal rows.
    """

    number: int
    offset: int
    next: int
    cells: list[str]
    failure: str | None = None
    warning: str | None = None


class PassedOver(msgspec.Struct, gc=False):
    """A record that is passed over: where it began, its first line, whether a cell is open and may have line ends."""

    offset: int
    line: str
    open: bool
    one_line: bool


def too_long(record: Record, data: bytes) -> str | None:
    """What of the record is too long, which `data` is; None where nothing is."""
    if len(data) > ROW_LIMIT:
        return f"more than {ROW_LIMIT // 1024} KiB"
    if record.columns > COLUMNS_LIMIT:
        return f"{record.columns} columns; {COLUMNS_LIMIT} are the most"
    longest = max(record.cells, key=len)
    if len(longest) > CELL_LIMIT:
        return f"more than {CELL_LIMIT // 1024} KiB in column {record.cells.index(longest) + 1}"
    return None
