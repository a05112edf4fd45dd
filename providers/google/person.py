"""What is read of a person: the fields of the People API that the import asks for.

https://developers.google.com/people/api/rest/v1/people#Person
"""

from typing import Final

import msgspec


class Source(msgspec.Struct, gc=False):
    """One of the places that a person was merged from."""

    type: str | None = None
    id: str | None = None


class PersonMetadata(msgspec.Struct, gc=False):
    """What Google says of the person as a whole."""

    sources: list[Source | None] | None = None


class Origin(msgspec.Struct, gc=False):
    """The kind of source that a value comes from."""

    type: str | None = None


class Metadata(msgspec.Struct, gc=False):
    """What Google says of a value: whether it is the primary, and its source."""

    primary: bool | None = None
    source: Origin | None = None


NOTHING: Final = msgspec.Raw(b"null")
UNSAID: Final = Metadata()


class Sourced(msgspec.Struct, gc=False, omit_defaults=True):
    """A field that several sources may fill."""

    metadata: Metadata | None = None


class Name(Sourced, gc=False, omit_defaults=True, rename="camel"):
    """A name; somebody merged from several sources has several."""

    display_name: str | None = None
    unstructured_name: str | None = None
    honorific_prefix: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    family_name: str | None = None
    honorific_suffix: str | None = None


class Value(Sourced, gc=False, omit_defaults=True, rename="camel"):
    """An e-mail address, a phone number, a nickname or an address on the web."""

    type: str | None = None
    value: str | None = None
    canonical_form: str | None = None


class Address(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """A postal address."""

    type: str | None = None
    formatted_value: str | None = None
    street_address: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Organization(msgspec.Struct, gc=False, omit_defaults=True):
    """Where somebody works."""

    type: str | None = None
    name: str | None = None
    title: str | None = None
    department: str | None = None


class Date(msgspec.Struct, gc=False):
    """A day; 0 or nothing where a part is unknown."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


class Birthday(Sourced, gc=False, omit_defaults=True):
    """A birthday, of which a source may have but a text."""

    date: Date | None = None


class Biography(Sourced, gc=False, omit_defaults=True, rename="camel"):
    """What was written about the person."""

    value: str | None = None
    content_type: str | None = None


class Group(msgspec.Struct, gc=False, rename="camel"):
    """A contact group, by its resource name."""

    contact_group_resource_name: str | None = None


class Membership(msgspec.Struct, gc=False, rename="camel"):
    """One group that the contact is in."""

    contact_group_membership: Group | None = None


class Memberships(msgspec.Struct, gc=False):
    """The groups that the contact is in."""

    memberships: list[Membership | None] | None = None


class Person(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """One of `connections`."""

    resource_name: str | None = None
    etag: str | None = None
    metadata: PersonMetadata | None = None
    names: list[Name | None] | None = None
    nicknames: list[Value | None] | None = None
    email_addresses: list[Value | None] | None = None
    phone_numbers: list[Value | None] | None = None
    addresses: list[Address | None] | None = None
    organizations: list[Organization | None] | None = None
    birthdays: list[Birthday | None] | None = None
    biographies: list[Biography | None] | None = None
    urls: list[Value | None] | None = None
    memberships: msgspec.Raw = NOTHING
