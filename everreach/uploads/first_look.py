"""What a file is, as its first part tells: CSV or vCard, and of a CSV its columns."""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from everreach.errors import BadRequestError, UnsupportedFileError
from everreach.jobs.options import Reading
from providers.files.csv.columns import Column
from providers.files.csv.first_look import HEAD, FirstLook, first_look
from providers.files.csv.mapping import mapped
from providers.files.csv.rows import RowReader
from providers.files.encoding import EncodingWatch, codec_of
from providers.files.kind import OTHERS, kind_of
from providers.files.vcard.card import Card
from providers.files.vcard.cards import CardReader
from providers.files.vcard.overview import Overview, Surveyor

_BEGIN: Final = b"BEGIN:VCARD"
_DELIMITER: Final = re.compile(r"[\t!#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]")
_HEAD_BYTES: Final = 4096  # Among these a file of cards has its first.

_NO_RECORD: Final = "The file has no row with a contact in it."
_NO_COLUMNS: Final = "A vCard has no columns to be named."
_NO_DELIMITER: Final = "A delimiter is one sign such as , or ; and no letter, digit or quotation mark."
_HEADER: Final = 200  # Characters kept of a column's header.


class Ways(NamedTuple):
    """How a person says that a file is to be read; UNSET where that is left to us."""

    mapping: dict[str, str] | UnsetType = UNSET
    encoding: str | UnsetType = UNSET
    delimiter: str | UnsetType = UNSET
    header_row: int | UnsetType | None = UNSET


AS_SEEN: Final = Ways()
"""All of it is left to us."""


class Seen(NamedTuple):
    """What a file is. `certain` says that nothing has to be asked."""

    provider: Literal["csv", "vcard"]
    reading: Reading
    columns: Sequence[Column]
    records: int
    warnings: Sequence[str]
    certain: bool


class FileWatch:
    """Sees a file go by while it is stored, for what only all of it tells: its encoding, and what its cards say."""

    def __init__(self) -> None:
        self._encoding = EncodingWatch()
        self._head = b""
        self._cards: CardReader | None = None
        self._surveyor: Surveyor | None = None
        self.records = 0
        """Cards that are records, known at the end."""

    def see(self, data: bytes) -> None:
        """See the next bytes of the file. Raises UnsupportedFileError as soon as they are known for another kind's."""
        self._encoding.feed(data)
        if self._cards:
            self._survey(self._cards.feed(data))
        elif len(self._head) < _HEAD_BYTES:
            self._head += data
            if self._head.startswith(OTHERS):
                raise UnsupportedFileError
            # In UTF-16 every other byte is a zero.
            if _BEGIN in self._head.replace(b"\0", b"").upper():
                self._cards, self._surveyor = CardReader(), Surveyor()
                self._survey(self._cards.feed(self._head))

    def encoding(self) -> str:
        """By its name at IANA. Ask once, at the end."""
        return self._encoding.result()

    def overview(self) -> Overview:
        """What all cards say together. Ask once, at the end."""
        if self._cards:
            self._survey(self._cards.finish())
        return self._surveyor.result() if self._surveyor else Overview()

    def _survey(self, cards: Sequence[Card]) -> None:
        self.records += sum(not card.group for card in cards)
        if self._surveyor:
            self._surveyor.see(cards)


def look(head: bytes, size: int, encoding: str, cards: int, ways: Ways = AS_SEEN) -> Seen:
    """Look at the `head` of a file of this `size`, in which so many `cards` begin.

    Raises UnsupportedFileError for what is neither, BadRequestError for `ways` that there are not.
    """
    if ways.encoding is not UNSET:
        encoding = ways.encoding
    if codec_of(encoding) is None:
        raise BadRequestError(f"No address book is in the encoding {encoding[:40]!r}.")
    kind = kind_of(head, encoding)
    if kind == "vcard":
        return _vcard(size, encoding, cards, ways)
    if not head.strip():
        raise BadRequestError(_NO_RECORD)
    if kind is None:
        raise UnsupportedFileError
    return _csv(head, size, encoding, ways)


def _vcard(size: int, encoding: str, cards: int, ways: Ways) -> Seen:
    if ways.mapping or ways.delimiter or ways.header_row:
        raise BadRequestError(_NO_COLUMNS)
    return Seen("vcard", Reading(size=size, encoding=encoding), (), cards, (), certain=True)


def _csv(head: bytes, size: int, encoding: str, ways: Ways) -> Seen:
    if ways.delimiter and not _DELIMITER.fullmatch(ways.delimiter):
        raise BadRequestError(_NO_DELIMITER)
    found = first_look(
        head,
        encoding,
        whole=size <= HEAD,
        delimiter=ways.delimiter or None,
        header_row=ways.header_row or None,
        headless=ways.header_row is None,
    )
    if ways.header_row and found.header is None:
        raise BadRequestError(f"There is no row {ways.header_row} among the first ones, to have the headers.")
    if found.empty:
        raise BadRequestError(_NO_RECORD)
    reading = _reading(size, found, mapped(found.columns, ways.mapping or {}))
    return Seen("csv", reading, found.columns, _records(head, size, found), found.warnings, found.certain)


def _reading(size: int, found: FirstLook, fields: dict[int, str]) -> Reading:
    dialect = found.dialect
    return Reading(
        size=size,
        encoding=found.encoding,
        delimiter=dialect.delimiter,
        header_row=dialect.header_row,
        preamble=dialect.preamble,
        spaced=dialect.spaced,
        width=dialect.width,
        headers=tuple(name[:_HEADER] for name in found.header) if found.header is not None else None,
        fields=tuple(fields.get(column.index, "ignore") for column in found.columns),
    )


def _records(head: bytes, size: int, found: FirstLook) -> int:
    """How many there are, or where only a part of the file was looked at, how many there seem to be."""
    reader = RowReader(found.dialect, found.encoding)
    part = head[:HEAD]
    rows = len(reader.feed(part)) + len(reader.finish())
    return rows if size <= HEAD else round(rows * size / len(part))
