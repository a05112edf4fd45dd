"""What kind of an e-mail, phone or address it is: by its types, or by a label of Apple's."""

import re
from collections.abc import Set as AbstractSet
from typing import Final

_PLACES: Final = {"HOME": "home", "WORK": "work"}
_FIRST: Final = {
    "PAGER": "pager",
    "CELL": "mobile",
    "MOBILE": "mobile",
    "IPHONE": "mobile",
    "MAIN": "main",
    **_PLACES,
    "CAR": "car",
    "OTHER": "other",
}
# How a thing is reached, or written, says nothing about whose it is.
_SILENT: Final = frozenset(
    re.findall(
        r"\S+",
        "INTERNET X400 VOICE PREF MSG TEXT TEXTPHONE VIDEO BBS MODEM ISDN PCS DOM INTL POSTAL PARCEL 8BIT 7BIT "
        "URI UNKNOWN",
    )
)
_BUILT_IN: Final = re.compile(r"_\$!<(.*)>!\$_\s*")
_SPELLED: Final = {"homefax": "homeFax", "workfax": "workFax", "otherfax": "otherFax", "homepage": "homePage"}


def kind_of(types: AbstractSet[str]) -> str | None:
    """The kind that types in capitals come to; None where they say none."""
    if "FAX" in types:
        return next((f"{place}Fax" for name, place in _PLACES.items() if name in types), "otherFax")
    for name, kind in _FIRST.items():
        if name in types:
            return kind
    own = sorted(types - _SILENT)
    return own[0].removeprefix("X-").lower() if own else None


def kind_of_label(label: str) -> str:
    """The kind that a label says: Apple's own ones stand in brackets."""
    found = _BUILT_IN.fullmatch(label.strip())
    if not found:
        return label.strip()
    kind = found[1].lower()
    return _SPELLED.get(kind, kind)
