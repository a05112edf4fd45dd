"""Birthdays as programs write them into a cell."""

import re
from datetime import date
from typing import Final, NotRequired, TypedDict


class Birthday(TypedDict):
    """A day of the year, and the year where it is known."""

    year: NotRequired[int]
    month: int
    day: int


_ISO: Final = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[t ].*)?")
_NO_YEAR: Final = re.compile(r"--(\d\d)-?(\d\d)")
_NUMBERS: Final = re.compile(r"(\d{1,2})([-/. ])\s?(\d{1,2})\2\s?(\d{4}|\d\d)(?: .*)?")
_WORDS: Final = re.compile(r"(?:(\d{1,2})\.? ([a-z]{3})[a-z]*\.?|([a-z]{3})[a-z]*\.? (\d{1,2})),? (\d{4})")
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_LEAP: Final = 2000


def birthday_of(value: str) -> Birthday | None:
    """The birthday in a cell; None for none (`0.0.00`), and for what is no day of a year.

    Dots part day, month and year, a slash month, day and year where both can be; no year has two digits.
    """
    shown = value.strip().lower()
    if found := _NO_YEAR.fullmatch(shown):
        return _day(None, int(found[1]), int(found[2]))
    if found := _ISO.fullmatch(shown):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if found := _NUMBERS.fullmatch(shown):
        first, second = int(found[1]), int(found[3])
        month, day = (first, second) if found[2] == "/" and first <= 12 else (second, first)
        return _day(int(found[4]) if len(found[4]) == 4 else None, month, day)
    if (found := _WORDS.fullmatch(shown)) and (found[2] or found[3]) in _MONTHS:
        return _day(int(found[5]), _MONTHS.index(found[2] or found[3]) + 1, int(found[1] or found[4]))
    return None


def _day(year: int | None, month: int, day: int) -> Birthday | None:
    # Outlook and Apple write a year that nobody was born in where they know none.
    known = year if year and year not in {1604, 1804, 4501} and year >= 1800 else None
    try:
        date(known or _LEAP, month, day)
    except ValueError:
        return None
    return {"year": known, "month": month, "day": day} if known else {"month": month, "day": day}
