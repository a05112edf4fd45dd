"""A person as the People API gives one, into an entry.

https://developers.google.com/people/api/rest/v1/people#Person
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from everreach.contact import Address, Contact, Entry, Labelled, Organization
from providers.shape import address, contact, entry, joined, labelled, organization
from providers.tolerant import detail


class _Source(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None


class _PersonMetadata(msgspec.Struct, gc=False):
    sources: list[_Source | None] | None = None


class _Metadata(msgspec.Struct, gc=False):
    primary: bool | None = None


class _Field(msgspec.Struct, gc=False, omit_defaults=True):
    metadata: _Metadata | None = None
    type: str | None = None

    @property
    def primary(self) -> bool:
        return self.metadata is not None and self.metadata.primary is True


F = TypeVar("F", bound=_Field)


class _Name(_Field, gc=False, omit_defaults=True, rename="camel"):
    display_name: str | None = None
    unstructured_name: str | None = None
    given_name: str | None = None
    family_name: str | None = None


class _Value(_Field, gc=False, omit_defaults=True, rename="camel"):
    value: str | None = None
    canonical_form: str | None = None


class _Address(_Field, gc=False, omit_defaults=True, rename="camel"):
    formatted_value: str | None = None
    street_address: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class _Organization(_Field, gc=False, omit_defaults=True):
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
    id_ = _contact_id(person) or person.resource_name
    return entry(id_, person.etag, _contact(person), sent, f"{position}:{place}")


def _contact_id(person: _Person) -> str | None:
    """The id of the contact itself: a resource name changes with the links of the person."""
    for source in (person.metadata and person.metadata.sources) or ():
        if source and source.type == "CONTACT" and source.id:
            return source.id
    return None


def _contact(person: _Person) -> Contact:
    return contact(
        names=_names(person),
        emails=[labelled(item.value, item.type, item.primary) for item in person.email_addresses or () if item],
        phones=[_phone(item) for item in person.phone_numbers or () if item],
        addresses=[_address(item) for item in person.addresses or () if item],
        organizations=[_organization(item) for item in person.organizations or () if item],
    )


def _names(person: _Person) -> Iterator[str | None]:
    """What a person may be called, the best first; only as many are looked for as are needed."""
    name = _primary(person.names) or _Name()
    yield name.display_name
    yield name.unstructured_name
    yield joined(name.given_name, name.family_name)
    yield (_primary(person.nicknames) or _Value()).value


def _primary(items: Sequence[F | None] | None) -> F | None:
    # A person merged from several sources has several names, and their order says nothing.
    first = None
    for item in items or ():
        if item and item.primary:
            return item
        first = first or item
    return first


def _phone(item: _Value) -> Labelled | None:
    return labelled(item.canonical_form or item.value, item.type, item.primary)


def _address(item: _Address) -> Address:
    return address(
        item.type,
        formatted=item.formatted_value,
        street=item.street_address,
        city=item.city,
        region=item.region,
        postal_code=item.postal_code,
        country=item.country,
    )


def _organization(item: _Organization) -> Organization:
    return organization(item.type, name=item.name, title=item.title, department=item.department)
