"""From a provider's fields to the shape of a contact: each in its normal form, no blanks, the primary first."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar, cast

from everreach.contacts.contact import Address, Birthday, Contact, Labelled, Name, Organization, Phone, Unaddressed
from everreach.contacts.emails import read_emails
from everreach.contacts.page import Entry
from everreach.contacts.phones import read_phones
from everreach.contacts.texts import NOTES_LIMIT, TEXT_LIMIT, lines, text

Sent = tuple[str | None, str | None, str | None]
"""An e-mail or a phone as received: what was typed, what the provider has beside it, its type.

Beside an e-mail is a text that may hold the address where the field does not, beside a phone its form in E.164.
"""

ITEMS_LIMIT: Final = 100
"""E-mails, phones, addresses and organizations kept of one contact: as many as Google's listing gives."""

_TYPES: Final = frozenset({None, "home", "work", "other", "mobile", "main"})
# What programs write where a person has no name. Null with a capital is a family's name.
_NO_NAMES: Final = frozenset({"undefined", "undefined undefined", "null", "null null", "(null)", "(null) (null)"})

Item = TypeVar("Item", bound=Labelled)


def entry(
    id_: str | None,
    etag: str | None,
    raw: object,
    place: tuple[object, int],
    *,
    names: Iterable[str | None],
    emails: Sequence[Sent],
    phones: Sequence[Sent],
    addresses: Sequence[Address | None],
    organizations: Sequence[Organization | None],
    name: Name | None = None,
    birthday: Birthday | None = None,
    notes: str | None = None,
    urls: Iterable[str | None] = (),
    labels: Iterable[str | None] = (),
) -> Entry:
    """The entry for a contact, which was received as `raw`.

    Its name is the first of `names` that is not blank, else its organization, e-mail or phone. The first of `emails`
    that is an address is the primary, and so is the first of `phones`. A contact without an id fails, and is known by
    its `place` in the listing instead: a position, and the number in the page there.
    """
    if not id_ or len(id_) > TEXT_LIMIT:
        known_by = f"unidentified-{hashlib.sha256('{}:{}'.format(*place).encode()).hexdigest()[:24]}"
        return Entry(known_by, None, None, raw, "The provider sent something that is no contact: it has no id.")
    key, addressable, unaddressed = _emails(emails)
    phone, numbers = _phones(phones)
    firms = list(filter(None, organizations))[:ITEMS_LIMIT] if organizations else []
    contact: Contact = {
        "display_name": _name(names)
        or _name(firm.get("name") for firm in firms)
        or (addressable[0]["value"] if addressable else phone),
        "email": key,
        "phone": phone,
        "emails": addressable,
        "phones": numbers,
        "addresses": list(filter(None, addresses))[:ITEMS_LIMIT] if addresses else [],
        "organizations": firms,
    }
    if name:
        contact["name"] = name
    if birthday:
        contact["birthday"] = birthday
    if notes and (kept := lines(notes, NOTES_LIMIT)):
        contact["notes"] = kept
    if urls and (pages := _texts(urls)):
        contact["urls"] = pages
    if labels and (words := _texts(labels)):
        contact["labels"] = words
    return Entry(id_, (etag and etag.strip()[:TEXT_LIMIT]) or None, contact, raw, None, unaddressed)


def address(type_: str | None, **parts: str | None) -> Address | None:
    """A postal address of the parts that are not blank; None without any."""
    made: Address | None = _parts(type_, parts, lines)
    return made


def organization(type_: str | None, **parts: str | None) -> Organization | None:
    """An organization of the parts that are not blank; None without any."""
    made: Organization | None = _parts(type_, parts, text)
    return made


def name_in_parts(
    *,
    prefix: str | None = None,
    given: str | None = None,
    middle: str | None = None,
    family: str | None = None,
    suffix: str | None = None,
    nickname: str | None = None,
) -> Name | None:
    """A name of the parts that are not blank; None without any."""
    kept: Name = {}
    # One by one, because every contact of an import has some of these.
    if prefix and (part := text(prefix)):
        kept["prefix"] = part
    if given and (part := text(given)):
        kept["given"] = part
    if middle and (part := text(middle)):
        kept["middle"] = part
    if family and (part := text(family)):
        kept["family"] = part
    if suffix and (part := text(suffix)):
        kept["suffix"] = part
    if nickname and (part := text(nickname)):
        kept["nickname"] = part
    return kept or None


def joined(*parts: str | None) -> str:
    """The parts of a name that there are, with a space between."""
    return " ".join(part for part in map(text, parts) if part and part not in _NO_NAMES)


def _parts(type_: str | None, parts: dict[str, str | None], clean: Callable[[str], str | None]) -> Any:
    kept = {"type": type_ if type_ in _TYPES else text(type_)}
    for name, part in parts.items():
        if part and (cleaned := clean(part)):
            kept[name] = cleaned
    return kept if len(kept) > 1 else None


def _texts(sent: Iterable[str | None]) -> list[str]:
    """Each that is not blank, once."""
    return list(dict.fromkeys(kept for each in sent if (kept := text(each))))[:ITEMS_LIMIT]


def _name(candidates: Iterable[str | None]) -> str | None:
    for candidate in candidates:
        if candidate and (name := text(candidate)) and name not in _NO_NAMES:
            return name
    return None


def _emails(sent: Sequence[Sent]) -> tuple[str | None, list[Labelled], Unaddressed]:
    """The key, the e-mails that are addresses, and what to say where there is none."""
    found: list[tuple[str, Labelled]] = []
    for value, beside, type_ in sent:
        for shown, key in (value and read_emails(value)) or (beside and read_emails(beside)) or ():
            kind = type_ if type_ in _TYPES else text(type_)
            found.append((key, {"value": shown, "type": kind, "primary": not found}))
    if found:
        return found[0][0], [found[0][1]] if len(found) == 1 else _once(found), "no_email"
    return None, [], "unusable_email" if any(text(value) for value, *_ in sent) else "no_email"


def _phones(sent: Sequence[Sent]) -> tuple[str | None, list[Phone]]:
    """The primary's number, and the phones."""
    found: list[tuple[str, Phone]] = []
    for value, canonical, type_ in sent:
        if value or canonical:
            for shown, e164, identity in read_phones(value or "", canonical):
                phone: Phone = {"value": shown, "type": type_ if type_ in _TYPES else text(type_), "primary": not found}
                if e164:
                    phone["e164"] = e164
                found.append((identity, phone))
    if not found:
        return None, []
    numbers = [found[0][1]] if len(found) == 1 else _once(found)
    # With an extension the identity is longer.
    return found[0][0] if numbers[0].get("e164") == found[0][0] else numbers[0]["value"], numbers


def _once(found: list[tuple[str, Item]]) -> list[Item]:
    """Each item once: Google keeps e-mails that differ in case only. A twin adds what the first does not know."""
    unique: dict[str, Item] = {}
    for key, item in found:
        first = unique.setdefault(key, item)
        if first is not item:
            unique[key] = cast("Item", {**item, **{name: value for name, value in first.items() if value}})
    return list(unique.values())[:ITEMS_LIMIT]
