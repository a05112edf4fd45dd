"""The parts of a value: split where it is not escaped, and unescaped.

https://www.rfc-editor.org/rfc/rfc6350#section-3.4. A backslash before another sign is text, such as one of a path.
"""

import re
from collections.abc import Iterator
from typing import Final

_ESCAPED: Final = re.compile(r"\\([nN,;:\\])")
_BY_SEMICOLON: Final = re.compile(r"((?:[^\\;]|\\.|\\\Z)*+)(?:;|\Z)", re.DOTALL)
_BY_COMMA: Final = re.compile(r"((?:[^\\,]|\\.|\\\Z)*+)(?:,|\Z)", re.DOTALL)


def unescaped(value: str) -> str:
    """The text that is meant."""
    return _ESCAPED.sub(_meant, value) if "\\" in value else value


def parts(value: str) -> list[str]:
    """What semicolons separate, as in N and ADR, unescaped."""
    return [unescaped(part) for part in raw_parts(value)]


def raw_parts(value: str) -> list[str]:
    """What semicolons separate, still escaped."""
    return value.split(";") if "\\" not in value else list(_split(_BY_SEMICOLON, value))


def items(value: str) -> list[str]:
    """What commas separate, as in CATEGORIES, unescaped."""
    if "\\" not in value:
        return value.split(",")
    return [unescaped(item) for item in _split(_BY_COMMA, value)]


def _meant(found: re.Match[str]) -> str:
    return "\n" if found[1] in "nN" else found[1]


def _split(pattern: re.Pattern[str], value: str) -> Iterator[str]:
    place, length = 0, len(value)
    while found := pattern.match(value, place):
        yield found[1]
        if found.end(1) == length:
            return
        place = found.end()
