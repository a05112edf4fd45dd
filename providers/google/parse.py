"""A person as the People API gives one, into an entry.

https://developers.google.com/people/api/rest/v1/people#Person
"""

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from everreach.contacts.contact import Address, Organization
from everreach.contacts.page import Entry
from providers.lenient_json import detail
from providers.shape import address, entry, joined, organization


class _Source(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None


class _PersonMetadata(msgspec.Struct, gc=False):
    sources: list[_Source | None] | None = None


class _Origin(msgspec.Struct, gc=False):
    type: str | None = None


class _Metadata(msgspec.Struct, gc=False):
    primary: bool | None = None
    source: _Origin | None = None


_UNSAID: Final = _Metadata()


class _Sourced(msgspec.Struct, gc=False, omit_defaults=True):
    """A field that several sources may fill."""

    metadata: _Metadata | None = None


S = TypeVar("S", bound=_Sourced)


class _Name(_Sourced, gc=False, omit_defaults=True, rename="camel"):
    display_name: str | None = None
    unstructured_name: str | None = None
    honorific_prefix: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    family_name: str | None = None
    honorific_suffix: str | None = None


class _Value(_Sourced, gc=False, omit_defaults=True, rename="camel"):
    type: str | None = None
    value: str | None = None
    canonical_form: str | None = None


class _Address(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    type: str | None = None
    formatted_value: str | None = None
    street_address: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class _Organization(msgspec.Struct, gc=False, omit_defaults=True):
    type: str | None = None
    name: str | None = None
    title: str | None = None
    department: str | None = None


class _Person(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    resource_name: str | None = None
    etag: str | None = None
    metadata: _PersonMetadata | None = None
    names: list[_Name | None] | None = None
    nicknames: list[_Value | None] | None = None
    email_addresses: list[_Value | None] | None = None
    phone_numbers: list[_Value | None] | None = None
    addresses: list[_Address | None] | None = None
    organizations: list[_Organization | None] | None = None


def entry_of(position: str | None, place: int, sent: msgspec.Raw) -> Entry:
    """The entry for one of `connections`: the `place`-th of the page at `position`."""
    person = detail(sent, _Person)
    return entry(
        _contact_id(person) or person.resource_name,
        person.etag,
        sent,
        (position, place),
        names=_names(person),
        emails=[(item.value, None, item.type) for item in _own_first(person.email_addresses)],
        phones=[(item.value, item.canonical_form, item.type) for item in _own_first(person.phone_numbers)],
        addresses=[_address(item) for item in person.addresses if item] if person.addresses else (),
        organizations=[_organization(item) for item in person.organizations if item] if person.organizations else (),
    )


def _contact_id(person: _Person) -> str | None:
    """The id of the contact itself: a resource name changes with the links of the person."""
    for source in (person.metadata and person.metadata.sources) or ():
        if source and source.type == "CONTACT" and source.id:
            return source.id
    return None


def _names(person: _Person) -> Iterator[str | None]:
    """What a person may be called, the best first; only as many are looked for as are needed."""
    for name in _own_first(person.names):
        yield name.display_name
        yield name.unstructured_name
        yield joined(name.honorific_prefix, name.given_name, name.middle_name, name.family_name, name.honorific_suffix)
    for nickname in _own_first(person.nicknames):
        yield nickname.value


def _own_first(items: list[S | None] | None) -> list[S]:
    """What the person typed into the contact, then what a linked profile says; of each the primary first.

    A person merged from several sources has names of each, and their order says nothing.
    """
    if not items:
        return []
    present = list(filter(None, items))
    return sorted(present, key=_rank) if len(present) > 1 else present


def _rank(item: _Sourced) -> tuple[bool, bool]:
    said = item.metadata or _UNSAID
    return not (said.source and said.source.type == "CONTACT"), said.primary is not True


def _address(item: _Address) -> Address | None:
    return address(
        item.type,
        formatted=item.formatted_value,
        street=item.street_address,
        city=item.city,
        region=item.region,
        postal_code=item.postal_code,
        country=item.country,
    )


def _organization(item: _Organization) -> Organization | None:
    return organization(item.type, name=item.name, title=item.title, department=item.department)
