"""What the columns of a CSV file are: by their headers, and where those say nothing by what is in them."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from providers.files.csv.headers import Meaning, meaning, normalised

CERTAIN: Final = 0.9
"""The confidence from which nobody has to be asked."""
SAMPLES: Final = 5
_SAMPLE_LENGTH: Final = 200

_MOST: Final = 0.6
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_PHONE: Final = re.compile(r"(?:tel:)?\+?[\d\s().\-/\u00a0\u2010-\u2011]{7,25}(?:(?:x|ext\.?) ?\d+)?", re.IGNORECASE)
_DATE: Final = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d)")
_URL: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NAME: Final = re.compile(r"[^\W\d_][^\d_@/:;|<>]{1,60}")
_WHAT: Final = {"kind": "says of which type the value is, and is read with it", "beside": "is read with the e-mail"}


class Column(msgspec.Struct):
    """One column: its place from 0, its header, its first values, the field it goes to, how sure that is, and why."""

    index: int
    header: str
    samples: list[str]
    field: str
    confidence: float
    reason: str


def recognised(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> list[Column]:
    """The columns of a file with this header (None without) and these first records."""
    width = max([len(header or ()), *(len(row) for row in rows)], default=0)
    names = [*(header or ()), *[""] * (width - len(header or ()))]
    columns = [
        _column(index, name, [row[index] for row in rows if len(row) > index]) for index, name in enumerate(names)
    ]
    _settle(columns)
    return columns


def _column(index: int, header: str, values: Sequence[str]) -> Column:
    filled = [value.strip() for value in values if value.strip()]
    samples = [value[:_SAMPLE_LENGTH] for value in filled[:SAMPLES]]
    known = meaning(header)
    if known and not _contradicted(known, filled):
        return Column(index, header, samples, *_by_header(known))
    return Column(index, header, samples, *_by_content(filled))


def _by_header(known: Meaning) -> tuple[str, float, str]:
    role, _, of = known.field.partition(":")
    if of:
        return "ignore", 1.0, f"The header is known: it {_WHAT[role]}."
    if known.field == "ignore":
        return "ignore", 1.0, "The header is known, and a contact has no place for it."
    if known.exact:
        return known.field, 1.0, "The header is known."
    return known.field, CERTAIN, "The header is close to one that is known."


def _contradicted(known: Meaning, filled: Sequence[str]) -> bool:
    """Whether a header's field cannot be what is in the column: addresses without an @, a name that is e-mails."""
    if known.field.startswith("email"):
        return bool(filled) and not any("@" in value or value.startswith("/o=") for value in filled)
    return known.field in {"display_name", "name.given", "name.family"} and _share(_EMAIL, filled) == 1


def _by_content(filled: Sequence[str]) -> tuple[str, float, str]:
    emails, phones, urls = (_share(pattern, filled) for pattern in (_EMAIL, _PHONE, _URL))
    if urls >= _MOST:
        return "urls", 0.7, "Most values are web addresses."
    if emails >= _MOST:
        return "email", CERTAIN if emails == 1 else 0.7, f"{emails:.0%} of the values are e-mail addresses."
    if phones - _share(_DATE, filled) >= _MOST:
        return "phone", 0.7, f"{phones:.0%} of the values are phone numbers."
    return "notes", 0.2, "Nobody knows what this is: it would be kept as a note."


def _share(pattern: re.Pattern[str], values: Sequence[str]) -> float:
    return sum(pattern.fullmatch(value) is not None for value in values) / len(values) if values else 0.0


def _settle(columns: list[Column]) -> None:
    """What one column says about another."""
    fields = {column.field for column in columns}
    for column in columns:
        if normalised(column.header) in {"title", "titel"} and not fields & {"name.suffix", "organization.title"}:
            column.field, column.confidence = "organization.title", CERTAIN
            column.reason = "A title beside a name without a suffix is one at work."
    if not any(field.startswith(("name.", "display_name")) for field in fields):
        _find_names(columns)
    once: set[str] = set()
    for column in columns:
        if column.field in ONCE and column.field in once:
            column.field, column.confidence, column.reason = "notes", 0.3, "Another column has this field already."
        once.add(column.field)


def _find_names(columns: list[Column]) -> None:
    """Take the first column of words for the names where no header says which it is."""
    for column in columns:
        if column.confidence < 0.5 and not column.header and _share(_NAME, column.samples) >= _MOST:
            column.field, column.confidence = "display_name", 0.6
            column.reason = "Most values look like names."
            return


ONCE: Final = frozenset(f"name.{part}" for part in ("prefix", "given", "middle", "family", "suffix", "nickname")) | {
    "display_name",
    "birthday",
}
"""Fields of which a contact has one only."""
