"""One card of a file: where it stands, what is in it, or why it cannot be read."""

import re
from typing import Final

import msgspec

from providers.files.vcard.lines import count_lines

CARD_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a card."""
LINES_LIMIT: Final = 2000
"""Lines of a card, once unfolded."""

SHOWN: Final = 1000
_LINE: Final = re.compile(rb"[^\r\n]+")


class Card(msgspec.Struct, gc=False):
    """One card: its number among the records (1 is the first), the byte where it begins and the one behind it.

    `raw` is all of it in the file's encoding (in UTF-8 where that is UTF-16), `body` the same without the cards in it.
    `failure` is why it cannot be read, and begins with `too_long`; `raw` is then its first line, cut. A `group` is no
    record and has the number of the record before. Reading can go on at `next` and `number`, with equal cards.
    """

    number: int
    offset: int
    next: int
    raw: bytes
    body: bytes
    group: bool = False
    failure: str | None = None

    @property
    def first_line(self) -> str:
        """What stands behind BEGIN, cut."""
        return first_line(self.raw)


def first_line(card: bytes | bytearray) -> str:
    """The line behind a card's BEGIN, cut; BEGIN itself where there is no other."""
    lines = [found[0] for _, found in zip(range(2), _LINE.finditer(card), strict=False)]
    return lines[-1][:SHOWN].decode("utf-8", "replace").strip() if lines else ""


def has_too_many_lines(card: bytes) -> bool:
    """Whether the card has more lines than LINES_LIMIT."""
    return card.count(b"\n") + card.count(b"\r") > LINES_LIMIT and count_lines(card) > LINES_LIMIT
