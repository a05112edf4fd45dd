"""Texts as they are shown: without what nobody can see, and without what bends the text around them.

Plain ASCII takes a short way, because nearly all texts of an import are nothing else.
"""

from typing import Final
from unicodedata import is_normalized, normalize

import regex

TEXT_LIMIT: Final = 1000
"""Characters kept of any one text; a longer one is cut."""

NOTES_LIMIT: Final = 32 * 1024
"""Characters kept of a person's notes."""

INVISIBLE: Final = regex.compile(r"(?V1)[[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\uFFFC]--\s]")
"""One character that nobody sees: control, format and ignorable ones, fillers, the blank of Braille; no white space."""

# A text keeps what shapes its letters and emoji (joiners, variation selectors, marks of direction), and a flag's tags.
_FLAG: Final = r"\U0001F3F4[\U000E0020-\U000E007E]+\U000E007F"
_NEVER: Final = r"\u00AD\u200B\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFC\p{Cs}\U000E0000-\U000E007F"
_REMOVED: Final = regex.compile(rf"({_FLAG})|[{_NEVER}]")
_BREAK: Final = regex.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROL: Final = regex.compile(r"(?: *[\p{Cc}\u2028\u2029])+ *")
_CONTROL_IN_LINES: Final = regex.compile(r"(?V1)(?: *[[\p{Cc}]--\n])+ *")
_VISIBLE: Final = regex.compile(rf"(?!{INVISIBLE.pattern})\S")
_GRAPHEME: Final = regex.compile(r"\X")

_SPACES: Final = "".join(map(chr, (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))))
_BLANKS: Final = f"{_SPACES}\u2028\u2029\u202f\u205f\u3000\u2800\u115f\u1160\u3164\uffa0"
_MARKS: Final = "\u061c\u200e\u200f"
_SHORTENED: Final = 4  # Normalising shortens a text to a quarter at most, and may be slow on a long one.


def text(value: str | None) -> str | None:
    """The text in its normal form, on one line; None where there is nothing to see in it."""
    if not value:
        return None
    if len(value) <= TEXT_LIMIT and value.isprintable():
        if value.isascii():
            return value.strip() or None
        if is_normalized("NFC", value):
            kept = value.strip(_BLANKS)
            # No letter is invisible but those that were stripped.
            return kept if kept[:1].isalnum() else _if_visible(kept)
    return _cleaned(value, _CONTROL, TEXT_LIMIT)


def lines(value: str | None, limit: int = TEXT_LIMIT) -> str | None:
    """The same for notes and addresses, which may have several lines."""
    if not value:
        return None
    if len(value) <= limit and value.replace("\n", "").isprintable():
        if value.isascii():
            return value.strip() or None
        if is_normalized("NFC", value):
            kept = value.strip(_BLANKS)
            return kept if kept[:1].isalnum() else _if_visible(kept)
    return _cleaned(value, _CONTROL_IN_LINES, limit)


def _cleaned(value: str, control: regex.Pattern[str], limit: int) -> str | None:
    kept = _REMOVED.sub(r"\1", _BREAK.sub("\n", _cut(value.strip(_BLANKS), _SHORTENED * limit)))
    kept = normalize("NFC", control.sub(" ", kept))
    return _if_visible(_cut(kept.lstrip(_BLANKS + _MARKS), limit).rstrip(_BLANKS))


def _if_visible(value: str) -> str | None:
    return value if _VISIBLE.search(value) else None


def _cut(value: str, limit: int) -> str:
    """The first characters, cut where a person would: no letter without its accent, no family without its child."""
    if len(value) <= limit:
        return value
    *_, last = _GRAPHEME.finditer(value[: limit + 1])
    # What a person sees as one character may be endless.
    return value[: last.start() or limit]
