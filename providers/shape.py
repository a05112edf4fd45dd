"""From a provider's fields to the shape of a contact: what is blank is dropped, the primary comes first."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, cast

from everreach.contact import Address, Contact, Entry, Labelled, Organization, email_key

TEXT_LIMIT: Final = 1000
"""Characters kept of any one text; a longer one is cut."""

ITEMS_LIMIT: Final = 100
"""E-mails, phones, addresses and organizations kept of one contact: as many as Google's listing gives."""


def entry(id_: str | None, etag: str | None, made: Contact, raw: object, place: str) -> Entry:
    """The entry for a contact; one without an id fails, and is known by its `place` in the listing instead."""
    if not id_ or len(id_) > TEXT_LIMIT:
        known_by = f"unidentified-{hashlib.sha256(place.encode()).hexdigest()[:24]}"
        return Entry(known_by, None, None, raw, "The provider sent something that is no contact: it has no id.")
    return Entry(id_, _text(etag), made, raw)


def contact(
    *,
    names: Iterable[str | None],
    emails: Iterable[Labelled | None],
    phones: Iterable[Labelled | None],
    addresses: Sequence[Address],
    organizations: Sequence[Organization],
) -> Contact:
    """The contact. Its name is the first of `names` that is not blank, else its organization, e-mail or phone."""
    key, addressable = _addressable(emails)
    numbers = _primary_first([phone for phone in phones if phone])
    firms = [item for item in organizations if len(item) > 1][:ITEMS_LIMIT] if organizations else []
    phone = numbers[0]["value"] if numbers else None
    return {
        "display_name": _first(names)
        or _first([firm.get("name") for firm in firms])
        or (addressable[0]["value"] if addressable else phone),
        "email": key,
        "phone": phone,
        "emails": addressable,
        "phones": numbers,
        "addresses": [item for item in addresses if len(item) > 1][:ITEMS_LIMIT] if addresses else [],
        "organizations": firms,
    }


def labelled(value: str | None, type_: str | None, primary: bool) -> Labelled | None:
    """An e-mail address or a phone number, None where it is blank."""
    text = _text(value)
    return {"value": text, "type": _text(type_), "primary": primary} if text else None


def address(type_: str | None, **parts: str | None) -> Address:
    """A postal address of the parts that are not blank."""
    return cast("Address", _parts(type_, parts))


def organization(type_: str | None, **parts: str | None) -> Organization:
    """An organization of the parts that are not blank."""
    return cast("Organization", _parts(type_, parts))


def joined(*parts: str | None) -> str:
    """The parts that there are, with a space between."""
    return " ".join(part for part in parts if part)


def _parts(type_: str | None, parts: dict[str, str | None]) -> dict[str, str | None]:
    kept = {"type": _text(type_)}
    for name, part in parts.items():
        if part and (text := part.strip()[:TEXT_LIMIT]):
            kept[name] = text
    return kept


def _addressable(emails: Iterable[Labelled | None]) -> tuple[str | None, list[Labelled]]:
    """The key, and the e-mails that are addresses, each once: Google keeps twins that differ in case only."""
    unique: dict[str, Labelled] = {}
    for email in emails:
        if email and (key := email_key(email["value"])):
            twin = unique.setdefault(key, email)
            twin["primary"] = twin["primary"] or email["primary"]
    ordered = _primary_first(list(unique.values()))
    for key, email in unique.items():
        if email is ordered[0]:
            return key, ordered
    return None, ordered


def _primary_first(items: list[Labelled]) -> list[Labelled]:
    """The same with the one marked primary in front; without a mark the first becomes the primary."""
    if not items:
        return items
    if len(items) == 1:
        items[0]["primary"] = True
        return items
    chosen = next((item for item in items if item["primary"]), items[0])
    chosen["primary"] = True
    return [chosen, *(item for item in items if item is not chosen)][:ITEMS_LIMIT]


def _first(texts: Iterable[str | None]) -> str | None:
    for candidate in texts:
        if candidate and (text := _text(candidate)):
            return text
    return None


def _text(value: str | None) -> str | None:
    return (value.strip()[:TEXT_LIMIT] or None) if value else None
