"""A CSV that is read for one job, page by page."""

from everreach.contacts.page import Entry
from everreach.jobs.options import Reading
from everreach.uploads.open_file import OpenFile, Piece
from providers.files.csv.contact import RowShaper
from providers.files.csv.dialect import Dialect
from providers.files.csv.row import Row
from providers.files.csv.rows import RowReader


class OpenRows(OpenFile[Row]):
    """The rows of a CSV, read and named as its person said."""

    def __init__(self, reading: Reading, piece: Piece) -> None:
        self._dialect = Dialect(
            reading.delimiter or ",", reading.header_row, reading.preamble, reading.spaced, reading.width
        )
        fields = {index: field for index, field in enumerate(reading.fields) if field != "ignore"}
        self._shaper = RowShaper(fields, reading.headers)
        self._encoding = reading.encoding
        super().__init__(reading.size, piece)

    def reader(self, offset: int, number: int) -> RowReader:
        """A reader from the record behind the `number`-th on, which begins at this byte."""
        return RowReader(self._dialect, self._encoding, offset, number)

    def entry(self, record: Row) -> Entry:
        """The entry for a row."""
        return self._shaper.entry(record)
