"""How a CSV file is written."""

import msgspec


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
