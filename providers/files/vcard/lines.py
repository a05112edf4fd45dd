"""The lines of a card, unfolded while they are bytes: a line may be folded inside a character.

https://www.rfc-editor.org/rfc/rfc6350#section-3.2 for folds. vCard 2.1 breaks a quoted-printable value behind an equals
sign instead, and a base64 value wherever it likes.
"""

import re
from typing import Final

# All are bounded, or never try again what they passed over: no bytes make them slow.
_HEAD: Final = rb"^(?=[^\n:]{0,512}:)[^\n:]*"
_QUOTED_PRINTABLE: Final = re.compile(
    _HEAD + rb"QUOTED-PRINTABLE[^\n:]*:(?:[^\n]*+(?<==)\n|[^\n]*?=[ \t]++\n)++[^\n]*+", re.IGNORECASE | re.MULTILINE
)
_SOFT_BREAK: Final = re.compile(rb"=[ \t]*+\n")
_INDENTED_BREAK: Final = re.compile(rb"=[ \t]*+\n[ \t]?")
_INSIDE_A_CHARACTER: Final = re.compile(rb"=[ \t]*+\n[ \t]=[89AB][0-9A-F]", re.IGNORECASE)
_BASE64: Final = re.compile(
    rb"(" + _HEAD + rb"[;=](?:BASE64|B)(?![^;:\n])[^\n:]*:[^\n]*+)(?:\n[a-z0-9+/]++=*+[ \t]*+(?=\n|\Z))++",
    re.IGNORECASE | re.MULTILINE,
)
_LINE_END: Final = re.compile(rb"\r\n?")
_END: Final = b"END:VCARD"


def unfolded(card: bytes) -> bytes:
    """The properties of a card, one a line, lines ending with a line feed; without the line that ends the card."""
    text = card
    if b"\r" in text:
        # A carriage return that was doubled is still one line end.
        text = text.replace(b"\r\n", b"\n")
        if b"\r" in text:
            text = _LINE_END.sub(b"\n", text)
    text = text.rstrip()
    if text[-len(_END) :].upper() == _END:
        text = text[: -len(_END)]
    if b"=\n" in text or b"= " in text or b"=\t" in text:
        text = _QUOTED_PRINTABLE.sub(_without_soft_breaks, text)
    return text.replace(b"\n ", b"").replace(b"\n\t", b"")


def count_lines(card: bytes) -> int:
    """How many lines a card has once it is unfolded, blank ones aside."""
    return sum(map(bool, _BASE64.sub(rb"\1", unfolded(card)).split(b"\n")))


def _without_soft_breaks(found: re.Match[bytes]) -> bytes:
    """The value in one line. A blank that begins a line is text, unless lines are indented even inside a character."""
    indented = _INSIDE_A_CHARACTER.search(found[0])
    return (_INDENTED_BREAK if indented else _SOFT_BREAK).sub(b"", found[0])
