"""The day of a birthday, as programs write it.

https://www.rfc-editor.org/rfc/rfc6350#section-4.3 and, for a day without its year, Apple's year 1604.
"""

import re
from datetime import date
from typing import Final

_DATE: Final = re.compile(r"(?:([0-9]{4})|-)-?([0-9]{1,2})-?([0-9]{1,2})(?:[T ].*)?", re.DOTALL)
_NO_YEARS: Final = frozenset({"", "0000", "1604"})
_LEAP_YEAR: Final = 2000


def day_of(value: str, omitted_year: str = "") -> dict[str, int] | None:
    """Year, month and day, the year only where it is known; None for what is no day."""
    found = _DATE.fullmatch(value.strip())
    if not found:
        return None
    year = "" if found[1] == omitted_year.strip() else found[1] or ""
    month, day = int(found[2]), int(found[3])
    known = {} if year in _NO_YEARS else {"year": int(year)}
    try:
        date(known.get("year", _LEAP_YEAR), month, day)
    except ValueError:
        return None
    return {**known, "month": month, "day": day}
