"""What failed of an import as a CSV, to be mended and uploaded again: each record as it came, and why it failed.

The rows of a CSV keep their own header, and a card goes back whole; of a provider's contact there is what was sent, as
JSON.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from everreach.jobs.options import Reading

ERROR: Final = "error"
"""The column that says why."""

_RUN: Final = ("=", "+", "-", "@", "\t", "\r")


class FailedRecords:
    """The lines of one job. `provider` is the job's, `reading` how its file was read, None where it read none."""

    def __init__(self, provider: str, reading: Reading | None) -> None:
        self._cards = provider == "vcard"
        self._headers = _headers(reading) if provider == "csv" and reading else None

    def header(self) -> str:
        """The first line."""
        names = self._headers if self._headers is not None else ["card" if self._cards else "contact"]
        return _lines([[*names, ERROR]])

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """The lines of some rows of the ledger. Of what is no longer kept there is the reason alone."""
        return _lines([*self._cells(row["raw_data"]), row["error_message"] or ""] for row in rows)

    def _cells(self, raw: str | None) -> Sequence[str]:
        if self._headers is None:
            return [_card(raw) if self._cards else raw or ""]
        cells = _read(raw).get("cells") or []
        return [*map(str, cells), *[""] * (len(self._headers) - len(cells))][: max(len(self._headers), len(cells))]


def defused(cell: str) -> str:
    """The cell as one that no spreadsheet runs; the sign before it is taken off when the file is read."""
    return f"'{cell}" if cell.startswith(_RUN) else cell


def _headers(reading: Reading) -> list[str]:
    if reading.headers is not None:
        return list(reading.headers)
    return [f"column {index + 1}" for index in range(len(reading.fields))]


def _card(raw: str | None) -> str:
    return str(_read(raw).get("card") or "")


def _read(raw: str | None) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(raw or "{}")
    except msgspec.DecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def _lines(rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([defused(cell) for cell in row] for row in rows)
    return written.getvalue()
