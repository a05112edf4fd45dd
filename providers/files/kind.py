"""Whether a file is an address book at all, by what is in it: its name and its declared type are often wrong."""

import re
from typing import Final, Literal

from providers.files.encoding import codec_of

Kind = Literal["csv", "vcard"]

_HEAD: Final = 64 * 1024
_CARD: Final = re.compile(r"^[ \t]*(?:[\w-]+\.)?BEGIN[ \t]*:[ \t]*VCARD[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
# The first signs of what is no text, and of texts that are no address books.
_OTHERS: Final = (
    b"PK\x03\x04",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\xd0\xcf\x11\xe0",
    b"{\\rtf",
    b"SQLite ",
)
_MARKUP: Final = re.compile(r"\s*(?:<[!?a-z]|[{\[]\s*[\"{\[\]}])", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def kind_of(head: bytes, encoding: str) -> Kind | None:
    """What a file with these first bytes is; None for what is neither CSV nor vCard.

    A vCard may come behind a few lines of something else. Any other text is CSV, if only of one column.
    """
    codec = codec_of(encoding)
    if codec is None or head.startswith(_OTHERS):
        return None
    text = head[:_HEAD].decode(codec, "replace").removeprefix("\ufeff")
    if _CARD.search(text):
        return "vcard"
    return "csv" if text.strip() and _is_text(text) and not _MARKUP.match(text) else None


def _is_text(text: str) -> bool:
    """Whether at most one sign in fifty is none that a person writes."""
    strange = len(_CONTROL.findall(text)) + text.count("\ufffd") + text.count("\0")
    return 50 * strange <= len(text)
