"""What a contact that is there lacks of one that came: filled in, and nothing overwritten. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from everreach.contacts.emails import email_key
from everreach.contacts.phones import read_phones

ITEMS_LIMIT: Final = 100
"""Items of each list that a contact has at the most, those of its own included."""

_SINGLE: Final = ("display_name", "phone", "birthday", "notes")

Identity = Callable[[Any], object]


def filled(there: Mapping[str, Any], came: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `there` that change, with their new values; nothing where nothing is missing.

    `there` may be the app's own, of any shape: a field that is no list where one is expected stays as it is.
    """
    changed = {field: came[field] for field in _SINGLE if came.get(field) and _lacks(there, field)}
    if name := _name(there.get("name"), came.get("name")):
        changed["name"] = name
    for field, identity in _LISTS.items():
        if added := _added(there.get(field), came.get(field) or (), identity):
            changed[field] = added
    return changed


def _lacks(there: Mapping[str, Any], field: str) -> bool:
    return there.get(field) in {None, ""} if isinstance(there.get(field), str | None) else False


def _name(there: Any, came: Mapping[str, str] | None) -> dict[str, str] | None:
    """The parts that were there, and those that were missing."""
    if not came or not isinstance(there, Mapping | None):
        return None
    parts = {**came, **(there or {})}
    return parts if parts != (there or {}) else None


def _added(there: Any, came: Sequence[Any], identity: Identity) -> list[Any] | None:
    """The items that were there, and behind them those that were missing; None where none was."""
    if not came or not isinstance(there, list | None):
        return None
    kept = list(there or ())
    known = {identity(item) for item in kept}
    for item in came:
        if len(kept) < ITEMS_LIMIT and identity(item) not in known:
            known.add(identity(item))
            kept.append(_beside(item) if kept else item)
    return kept if len(kept) > len(there or ()) else None


def _beside(item: Any) -> Any:
    """The item as one that is not the primary, since there is another."""
    return {**item, "primary": False} if isinstance(item, Mapping) and "primary" in item else item


def _text_of(item: Any, field: str) -> str:
    value = item.get(field) if isinstance(item, Mapping) else item
    return value if isinstance(value, str) else ""


def _email(item: Any) -> object:
    value = _text_of(item, "value")
    return email_key(value) or value


def _phone(item: Any) -> object:
    canonical = _text_of(item, "e164") if isinstance(item, Mapping) else ""
    numbers = read_phones(_text_of(item, "value"), canonical or None)
    return tuple(identity for *_, identity in numbers)


def _address(item: Any) -> object:
    parts = item.items() if isinstance(item, Mapping) else [("", item)]
    return tuple(sorted((name, str(value)) for name, value in parts if name != "type"))


def _organization(item: Any) -> object:
    return _text_of(item, "name"), _text_of(item, "title")


def _whole(item: Any) -> object:
    return str(item)


_LISTS: Final[dict[str, Identity]] = {
    "emails": _email,
    "phones": _phone,
    "addresses": _address,
    "organizations": _organization,
    "urls": _whole,
    "labels": _whole,
}
