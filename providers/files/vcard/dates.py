"""The day of a birthday, as programs write it.

https://www.rfc-editor.org/rfc/rfc6350#section-4.3.
"""

import re
from typing import Final

from everreach.contacts.contact import Birthday
from everreach.contacts.dates import birthday

_DATE: Final = re.compile(r"(?:([0-9]{4})|-)-?([0-9]{1,2})-?([0-9]{1,2})(?:[T ].*)?", re.DOTALL)


def day_of(value: str, omitted_year: str = "") -> Birthday | None:
    """The birthday; without its year where that is the one that stands for none. None for what is no day."""
    found = _DATE.fullmatch(value.strip())
    if not found:
        return None
    year = None if found[1] in {None, omitted_year.strip()} else int(found[1])
    return birthday(year, int(found[2]), int(found[3]))
