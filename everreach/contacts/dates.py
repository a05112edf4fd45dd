"""Birthdays: with a year or without, and never a day that there is not."""

from datetime import date
from typing import Final

from everreach.contacts.contact import Birthday

UNKNOWN_YEARS: Final = frozenset({None, 0, 1604})
"""What stands for a year that nobody knows: Google's 0, and the leap year that Apple and Outlook write."""

_LEAP_YEAR: Final = 2000


def birthday(year: int | None, month: int | None, day: int | None) -> Birthday | None:
    """The birthday; None where a month or a day is missing, or there is no such day."""
    known = None if year in UNKNOWN_YEARS else year
    if not month or not day:
        return None
    try:
        date(known or _LEAP_YEAR, month, day)
    except (ValueError, OverflowError):
        return None
    return {"year": known, "month": month, "day": day} if known else {"month": month, "day": day}
