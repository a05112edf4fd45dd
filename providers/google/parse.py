"""A person as the People API gives one, into an entry.

https://developers.google.com/people/api/rest/v1/people#Person
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from everreach.contacts.contact import Address, Birthday, Name, Organization
from everreach.contacts.dates import birthday
from everreach.contacts.page import Entry
from providers.google import person as google
from providers.lenient_json import detail
from providers.shape import address, entry, joined, name_in_parts, organization

_TAG: Final = re.compile(r"<[^<>]*>")

S = TypeVar("S", bound=google.Sourced)


def entry_of(groups: Mapping[str, str], position: str | None, place: int, sent: msgspec.Raw) -> Entry:
    """The entry for one of `connections`: the `place`-th of the page at `position`.

    `groups` has the names of those contact groups whose members have them as labels, by their resource names.
    """
    person = detail(sent, google.Person)
    names, nicknames = _own_first(person.names), _own_first(person.nicknames)
    return entry(
        _contact_id(person) or person.resource_name,
        person.etag,
        sent,
        (position, place),
        names=_names(names, nicknames),
        emails=[(item.value, None, item.type) for item in _own_first(person.email_addresses)],
        phones=[(item.value, item.canonical_form, item.type) for item in _own_first(person.phone_numbers)],
        addresses=[_address(item) for item in person.addresses if item] if person.addresses else (),
        organizations=[_organization(item) for item in person.organizations if item] if person.organizations else (),
        name=_parts(names, nicknames),
        birthday=_birthday(person.birthdays) if person.birthdays else None,
        notes=_notes(person.biographies) if person.biographies else None,
        urls=[item.value for item in _own_first(person.urls)] if person.urls else (),
        labels=_labels(person.memberships, groups) if groups else (),
    )


def _contact_id(person: google.Person) -> str | None:
    """The id of the contact itself: a resource name changes with the links of the person."""
    for source in (person.metadata and person.metadata.sources) or ():
        if source and source.type == "CONTACT" and source.id:
            return source.id
    return None


def _names(names: Sequence[google.Name], nicknames: Sequence[google.Value]) -> Iterator[str | None]:
    """What a person may be called, the best first; only as many are looked for as are needed."""
    for name in names:
        yield name.display_name
        yield name.unstructured_name
        yield joined(name.honorific_prefix, name.given_name, name.middle_name, name.family_name, name.honorific_suffix)
    for nickname in nicknames:
        yield nickname.value


def _parts(names: Sequence[google.Name], nicknames: Sequence[google.Value]) -> Name | None:
    """The parts of the name that is shown."""
    called = nicknames[0].value if nicknames else None
    if not names:
        return name_in_parts(nickname=called) if called else None
    own = names[0]
    return name_in_parts(
        prefix=own.honorific_prefix,
        given=own.given_name,
        middle=own.middle_name,
        family=own.family_name,
        suffix=own.honorific_suffix,
        nickname=called,
    )


def _birthday(items: list[google.Birthday | None]) -> Birthday | None:
    days = (birthday(item.date.year, item.date.month, item.date.day) for item in _own_first(items) if item.date)
    return next(filter(None, days), None)


def _notes(items: list[google.Biography | None]) -> str | None:
    """What the person wrote; a public profile's description of itself is no note of theirs."""
    for item in _own_first(items):
        if item.value and not (item.metadata and item.metadata.source and item.metadata.source.type == "PROFILE"):
            return html.unescape(_TAG.sub(" ", item.value)) if item.content_type == "TEXT_HTML" else item.value
    return None


def _labels(memberships: msgspec.Raw, groups: Mapping[str, str]) -> list[str | None]:
    """The names of the groups; they are read only where an account has groups of its own."""
    inside = detail(b'{"memberships":%b}' % bytes(memberships), google.Memberships).memberships or ()
    found = (each.contact_group_membership for each in inside if each)
    return [groups.get(group.contact_group_resource_name or "") for group in found if group]


def _own_first(items: list[S | None] | None) -> list[S]:
    """What the person typed into the contact, then what a linked profile says; of each the primary first.

    A person merged from several sources has names of each, and their order says nothing.
    """
    if not items:
        return []
    present = list(filter(None, items))
    return sorted(present, key=_rank) if len(present) > 1 else present


def _rank(item: google.Sourced) -> tuple[bool, bool]:
    said = item.metadata or google.UNSAID
    return not (said.source and said.source.type == "CONTACT"), said.primary is not True


def _address(item: google.Address) -> Address | None:
    return address(
        item.type,
        formatted=item.formatted_value,
        street=item.street_address,
        city=item.city,
        region=item.region,
        postal_code=item.postal_code,
        country=item.country,
    )


def _organization(item: google.Organization) -> Organization | None:
    return organization(item.type, name=item.name, title=item.title, department=item.department)
