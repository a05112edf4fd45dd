"""Phone numbers as they are typed, and what can be said for certain of which number that is.

A number is certain (`e164`) only where the provider derived it: no country's rules are known here. Numbers in the
common spelling take a short way.
"""

import re
from itertools import pairwise
from typing import Final
from unicodedata import decimal
from urllib.parse import unquote

from everreach.contacts.texts import INVISIBLE, text

_E164: Final = re.compile(r"\+[1-9][0-9]{3,14}")
_PLAIN: Final = re.compile(r"\+?[0-9 ().-]{1,30}")
_SIGNS: Final = dict.fromkeys(map(ord, " ().-"))
_LONGEST_READ: Final = 1000

_URI: Final = re.compile(r"(?:\s*(?:tel|callto):/{0,2})+", re.IGNORECASE)  # https://www.rfc-editor.org/rfc/rfc3966
_CONTEXT: Final = re.compile(r";phone-context=([^;]*)", re.IGNORECASE)
_SPELLED: Final[dict[int, int | str]] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63], "-"),
    **dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " "),
}
_JOINT: Final = re.compile(
    r"(\s*[\r\n\v\f\x85\u2028\u2029|/]\s*|\s*;(?!ext=)\s*|,\s+|\s+(?:&|or|and|oder|und|ou|et|o|y|e)\s+)", re.IGNORECASE
)
_EXTENSION: Final = re.compile(
    r"(?:;ext=|\bext(?:ension|n)?\b|(?<![a-z])x|#|[,;]+|(?<=[0-9])[pw]+)[\s:.]*([0-9]+)#?", re.IGNORECASE
)
_DIALLED: Final = re.compile(rf"(\+[0-9\s().\-/]+)(?:{_EXTENSION.pattern})?", re.IGNORECASE)
_LAST: Final = re.compile(rf"{_EXTENSION.pattern}\s*\Z", re.IGNORECASE)
_TAIL: Final = 5
"""Digits at the end of a canonical form by which the number is found again in what was typed."""


Number = tuple[str, str | None, str]
"""One number of a field: as it is shown, in E.164 where that is certain, and its identity.

The identity is equal for two spellings of one number with one extension: the digits behind their `+`, the extension
behind a semicolon; else it is what is shown.
"""


def read_phones(sent: str, canonical: str | None = None) -> list[Number]:
    """The numbers in a field, none where it is blank. `canonical` is what the provider made of it, in E.164."""
    shown = sent.strip()
    if _PLAIN.fullmatch(shown):
        number = shown.translate(_SIGNS) if shown[0] == "+" else shown
        if canonical is None:
            return [(shown, None, number)]
        alike = number == canonical if shown[0] == "+" else shown[-4:] == canonical[-4:]
        if alike and _E164.fullmatch(canonical):
            return [(shown, canonical, canonical)]
    return _read(sent[:_LONGEST_READ], INVISIBLE.sub("", canonical or "").strip())


def _read(sent: str, canonical: str) -> list[Number]:
    certain = canonical if _E164.fullmatch(canonical) else None
    values = _typed(sent) or _typed(canonical[:_LONGEST_READ])
    known = [
        certain if certain and (len(values) == 1 or _after(certain, value) is not None) else None for value in values
    ]
    return [(value, e164, _identity(value, e164)) for value, e164 in zip(values, known, strict=True)]


def _typed(field: str) -> list[str]:
    """The numbers of a field as they are shown, each read until there is nothing more to open or to split."""
    values = [value for value in map(text, _split(_opened(field))) if value]
    return values if values == [field] else [deeper for value in values for deeper in _typed(value)]


def _opened(sent: str) -> str:
    """The field without what nobody sees, in plain signs, and without the wrapping of a URI."""
    seen = INVISIBLE.sub("", sent).translate(_SPELLED)
    opened = _URI.match(seen)
    if not opened:
        return seen
    number = _URI.sub("", INVISIBLE.sub("", unquote(seen[opened.end() :])))
    context = _CONTEXT.search(number)
    prefix = f"{context[1]}-" if context and context[1].startswith("+") and not number.startswith("+") else ""
    return prefix + _CONTEXT.sub("", number)


def _split(opened: str) -> list[str]:
    """The numbers of a list. Where a part may be something else (an area code, an extension) it is no list."""
    parts = _JOINT.split(opened.strip())
    pieces, joints = [part for part in parts[::2] if part.strip()], parts[1::2]
    tight = ";" in joints  # Also what a phone waits at before it dials on.
    alike = all(two.lstrip()[:1] in "+0(" or len(_digits(one)) == len(_digits(two)) for one, two in pairwise(pieces))
    whole = all(map(_is_whole, pieces)) and (alike or not tight)
    return pieces if whole else [opened]


def _is_whole(piece: str) -> bool:
    """Whether that is a number which can be dialled by itself, its extension aside."""
    number = _EXTENSION.sub("", _in_ascii(piece)).lstrip()
    international = number.startswith(("+", "00"))
    return len(_digits(number)) >= (9 if international else 7) and not {"#", "*"} & set(number)


def _identity(value: str, e164: str | None) -> str:
    """See Number. Without a canonical form two spellings have to agree in every digit behind their `+`."""
    if e164:
        after, explicit = _after(e164, value), _LAST.search(_in_ascii(value))
        extension = after if after is not None else explicit and explicit[1]
        return f"{e164};{extension}" if extension else e164
    dialled = _DIALLED.fullmatch(_in_ascii(value))
    if not dialled:
        return value
    return f"+{_digits(dialled[1])};{dialled[2]}" if dialled[2] else f"+{_digits(dialled[1])}"


def _after(e164: str, value: str) -> str | None:
    """The digits that follow the number in `value`: its extension; None where the number is not in there."""
    digits = _digits(value)
    for length in range(len(e164) - 1, _TAIL - 1, -1):
        place = digits.find(e164[-length:])
        if place >= 0:
            return digits[place + length :]
    return None


def _in_ascii(value: str) -> str:
    """The same with every script's digits in ours."""
    if value.isascii():
        return value
    return "".join(sign if (digit := decimal(sign, None)) is None else str(digit) for sign in value)


def _digits(value: str) -> str:
    return "".join(filter(str.isdecimal, _in_ascii(value)))
