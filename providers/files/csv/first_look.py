"""What is understood of a CSV file by its first rows, before anybody is asked."""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from providers.files.csv.columns import CERTAIN, Column, recognised
from providers.files.csv.dialect import DELIMITERS, Dialect, Reading, judged, stated_delimiter, with_header
from providers.files.csv.lines import text_of
from providers.files.csv.records import LINE_END, Scanner
from providers.files.encoding import UTF_16, codec_of

HEAD: Final = 256 * 1024
"""Bytes of a file that are looked at."""
ROWS: Final = 100
"""Rows that are looked at, and as many more before the header as it is looked for in."""

_LOOKED_AT: Final = ROWS + 30
_SPACED: Final = re.compile(rb'(?:\A|[\r\n])"[^"\r\n]*"[,;|] +"')
_LOST: Final = re.compile(r"\d[.,]?\d*E\+\d+", re.IGNORECASE)
_ALONE: Final = ("email", "phone", "display_name", "name.given", "name.family")


class FirstLook(msgspec.Struct):
    """How a file is written, what its columns are, and what the person should know.

    `certain` says that nobody has to be asked: a column of e-mails, phones or names is beyond doubt. `empty` says that
    there is not one record in all of it.
    """

    encoding: str
    dialect: Dialect
    header: list[str] | None
    columns: list[Column]
    warnings: list[str]
    certain: bool
    empty: bool


def first_look(
    head: bytes,
    encoding: str,
    *,
    whole: bool,
    delimiter: str | None = None,
    header_row: int | None = None,
    headless: bool = False,
) -> FirstLook:
    """Look at the first HEAD bytes of a file, which may be all of it (`whole`).

    `delimiter`, `header_row` (from 1) and `headless` are what somebody says who knows better. Raises ValueError for an
    encoding that no text is in.
    """
    codec = codec_of(encoding)
    if codec is None:
        raise ValueError(f"No address book is in the encoding {encoding!r}.")
    whole = whole and len(head) <= HEAD
    data = head[:HEAD]
    if encoding.upper() in UTF_16:
        data, codec = data.decode(codec, "replace").encode(), "utf-8"
    data = data.removeprefix(codecs.BOM_UTF8)
    stated = stated_delimiter(data)
    readings = [_reading(data, sign, codec, whole=whole) for sign in delimiter or stated or DELIMITERS]
    best = judged(readings)
    if header_row or headless:
        best = with_header(best, header_row)
    columns = recognised(best.header, best.records[:ROWS])
    certain = any(column.confidence >= CERTAIN and column.field.startswith(_ALONE) for column in columns)
    warnings = list(_warnings(best, columns, certain=certain))
    return FirstLook(encoding, best.dialect, best.header, columns, warnings, certain, whole and not best.records)


def _reading(data: bytes, delimiter: str, codec: str, *, whole: bool) -> Reading:
    """The first rows, by one delimiter."""
    spaced = _SPACED.search(data[:4096]) is not None
    dialect = Dialect(delimiter, preamble=1 if stated_delimiter(data) else 0, spaced=spaced)
    scanner, rows, place = Scanner(dialect), list[list[str]](), 0
    while place < len(data) and len(rows) < _LOOKED_AT:
        if line_end := LINE_END.match(data, place):
            rows.append([])
            place = line_end.end()
            continue
        record = scanner.read(data, place, len(data), ended=whole)
        if record is None:
            break
        rows.append([text_of(cell, codec) for cell in record.cells])
        place = record.end
    return Reading(dialect, rows)


def _warnings(reading: Reading, columns: Sequence[Column], *, certain: bool) -> Iterator[str]:
    records = reading.records
    if reading.dialect.header_row is None:
        yield "The file has no header: its columns were recognised by what is in them."
    if columns and not certain:
        yield "No column is certainly one of e-mails, phones or names. Please say which is which."
    if any("\ufffd" in cell for row in records for cell in row):
        yield "Some signs could not be read. Another encoding may fit better."
    width = reading.dialect.width
    if any(any(map(str.strip, row[width:])) for row in records):
        yield "Some rows have more cells than the header: what is too much is kept as a note."
    phones = [column for column in columns if column.field.startswith("phone")]
    if lost := [column for column in phones if any(map(_LOST.fullmatch, column.samples))]:
        yield (
            f"A spreadsheet has rounded numbers in column {lost[0].header or lost[0].index + 1}"
            f" ({lost[0].samples[0]}): their last digits are lost."
        )
