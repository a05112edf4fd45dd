"""A vCard file that is read for one job, page by page."""

from typing import Any

import msgspec

from everreach.contacts.page import Entry
from everreach.jobs.options import Reading
from everreach.uploads.open_file import OpenFile, Piece
from providers.files.vcard.card import Card
from providers.files.vcard.cards import CardReader
from providers.files.vcard.charsets import WESTERN
from providers.files.vcard.contact import entry_of
from providers.files.vcard.overview import Overview


class OpenCards(OpenFile[Card]):
    """The cards of a file, with what all of them say together."""

    def __init__(self, reading: Reading, piece: Piece, overview: Overview) -> None:
        self._overview = overview
        self._encoding = reading.encoding
        # A property without a charset that is no UTF-8 is in the file's own encoding, where it has another.
        plain = reading.encoding.upper().startswith("UTF")
        self._fallback = WESTERN if plain else reading.encoding
        super().__init__(reading.size, piece)

    def reader(self, offset: int, number: int) -> CardReader:
        """A reader from the card behind the `number`-th record on, which begins at this byte."""
        return CardReader(offset, number, self._encoding if offset else None)

    def entry(self, record: Card) -> Entry:
        """The entry for a card."""
        return entry_of(record, self._overview, self._fallback)

    def records(self, read: list[Card]) -> list[Card]:
        """Those that are no groups."""
        return [card for card in read if not card.group]


def stored(overview: Overview) -> dict[str, Any]:
    """The overview as it stands beside its file. Names of members are no names of fields, so they stand in pairs."""
    repeated = None if overview.repeated is None else sorted(overview.repeated)
    return {"labels": list(overview.labels.items()), "repeated": repeated}


def restored(document: dict[str, Any]) -> Overview:
    """The overview that was stored; one of nothing where none was."""
    if not document:
        return Overview()
    return msgspec.convert({**document, "labels": dict(document["labels"])}, Overview)
