"""Birthdays as programs write them into a cell."""

import re
from typing import Final

from everreach.contacts.contact import Birthday
from everreach.contacts.dates import birthday

_ISO: Final = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[t ].*)?")
_NO_YEAR: Final = re.compile(r"--(\d\d)-?(\d\d)")
_NUMBERS: Final = re.compile(r"(\d{1,2})([-/. ])\s?(\d{1,2})\2\s?(\d{4}|\d\d)(?: .*)?")
_WORDS: Final = re.compile(r"(?:(\d{1,2})\.? ([a-z]{3})[a-z]*\.?|([a-z]{3})[a-z]*\.? (\d{1,2})),? (\d{4})")
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def birthday_of(value: str) -> Birthday | None:
    """The birthday in a cell; None for none (`0.0.00`), and for what is no day of a year.

    Dots part day, month and year, a slash month, day and year where both can be; no year has two digits.
    """
    shown = value.strip().lower()
    if found := _NO_YEAR.fullmatch(shown):
        return birthday(None, int(found[1]), int(found[2]))
    if found := _ISO.fullmatch(shown):
        return birthday(int(found[1]), int(found[2]), int(found[3]))
    if found := _NUMBERS.fullmatch(shown):
        first, second = int(found[1]), int(found[3])
        month, day = (first, second) if found[2] == "/" and first <= 12 else (second, first)
        return birthday(int(found[4]) if len(found[4]) == 4 else None, month, day)
    if (found := _WORDS.fullmatch(shown)) and (found[2] or found[3]) in _MONTHS:
        return birthday(int(found[5]), _MONTHS.index(found[2] or found[3]) + 1, int(found[1] or found[4]))
    return None
