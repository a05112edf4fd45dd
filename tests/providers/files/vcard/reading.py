"""Reading cards in pieces of every size, and what they come to."""

from pathlib import Path
from typing import Any

import pytest

from everreach.contacts.page import Entry
from providers.files.vcard import cards as reader_module
from providers.files.vcard.card import Card
from providers.files.vcard.cards import BLOCK, CardReader
from providers.files.vcard.contact import entry_of
from providers.files.vcard.overview import Overview, Surveyor

WRITTEN = Path(__file__).parent / "written"


def cards(data: bytes, size: int | None = None, **begin: Any) -> list[Card]:
    """The cards of a file, at once or in pieces of that size, each of which is read at once."""
    reader = CardReader(**begin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "BLOCK", min(size or BLOCK, BLOCK))
        size = size or len(data) or 1
        found = [card for place in range(0, len(data), size) for card in reader.feed(data[place : place + size])]
    return found + reader.finish()


def whole_and_in_pieces(data: bytes) -> list[Card]:
    found = cards(data)
    assert cards(data, 7) == found
    assert cards(data, 1) == found
    return found


def overview(found: list[Card]) -> Overview:
    surveyor = Surveyor()
    surveyor.see(found)
    return surveyor.result()


def entries(data: bytes) -> list[Entry]:
    found = whole_and_in_pieces(data)
    known = overview(found)
    return [entry_of(card, known) for card in found if not card.group]


def said(data: bytes) -> list[dict[str, Any]]:
    """All that each card says, without what is not there."""
    found = whole_and_in_pieces(data)
    known = overview(found)
    made = []
    for card in (card for card in found if not card.group):
        entry = entry_of(card, known)
        assert entry.contact is not None, entry.error
        fields: dict[str, Any] = {**entry.contact}
        for name in ("emails", "phones"):
            fields[name] = [(item["value"], item["type"]) for item in fields[name]]
        made.append({name: value for name, value in fields.items() if value})
    return made


def crlf(text: str) -> bytes:
    return text.strip().replace("\n", "\r\n").encode() + b"\r\n"
