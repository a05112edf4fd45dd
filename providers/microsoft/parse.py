"""A contact as Graph gives one, into an entry.

https://learn.microsoft.com/graph/api/resources/contact
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from everreach.contacts.contact import Address, Birthday
from everreach.contacts.dates import birthday
from everreach.contacts.page import Entry
from providers.lenient_json import detail
from providers.shape import Sent, address, entry, joined, name_in_parts, organization

_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T|$)")


class _Email(msgspec.Struct, gc=False, omit_defaults=True):
    name: str | None = None
    address: str | None = None


class _Address(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country_or_region: str | None = None


class _Contact(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    id: str | None = None
    etag: str | None = msgspec.field(default=None, name="@odata.etag")
    display_name: str | None = None
    title: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    surname: str | None = None
    generation: str | None = None
    nick_name: str | None = None
    file_as: str | None = None
    email_addresses: list[_Email | None] | None = None
    mobile_phone: str | None = None
    home_phones: list[str | None] | None = None
    business_phones: list[str | None] | None = None
    home_address: _Address | None = None
    business_address: _Address | None = None
    other_address: _Address | None = None
    company_name: str | None = None
    job_title: str | None = None
    department: str | None = None
    birthday: str | None = None
    personal_notes: str | None = None
    business_home_page: str | None = None
    categories: list[str | None] | None = None


def entry_of(position: str, place: int, sent: msgspec.Raw) -> Entry:
    """The entry for one of `value`: the `place`-th of the page at `position`."""
    item = detail(sent, _Contact)
    return entry(
        item.id,
        item.etag,
        sent,
        (position, place),
        names=_names(item),
        # Where Exchange's own name stands in place of an address, that is often in the name.
        emails=[(email.address, email.name, None) for email in item.email_addresses or () if email],
        phones=_phones(item),
        addresses=_addresses(item),
        organizations=[organization("work", name=item.company_name, title=item.job_title, department=item.department)],
        name=name_in_parts(
            prefix=item.title,
            given=item.given_name,
            middle=item.middle_name,
            family=item.surname,
            suffix=item.generation,
            nickname=item.nick_name,
        ),
        birthday=_birthday(item.birthday) if item.birthday else None,
        notes=item.personal_notes,
        urls=(item.business_home_page,) if item.business_home_page else (),
        labels=item.categories or (),
    )


def _names(item: _Contact) -> Iterator[str | None]:
    yield item.display_name
    yield joined(item.title, item.given_name, item.middle_name, item.surname, item.generation)
    yield item.nick_name
    yield item.file_as


def _birthday(sent: str) -> Birthday | None:
    """The day of a moment in UTC, https://learn.microsoft.com/graph/api/resources/contact#properties."""
    day = _DAY.match(sent)
    return birthday(int(day[1]), int(day[2]), int(day[3])) if day else None


def _phones(item: _Contact) -> list[Sent]:
    return [
        *([(item.mobile_phone, None, "mobile")] if item.mobile_phone else ()),
        *([(number, None, "home") for number in item.home_phones] if item.home_phones else ()),
        *([(number, None, "work") for number in item.business_phones] if item.business_phones else ()),
    ]


def _addresses(item: _Contact) -> list[Address | None]:
    kinds = (("home", item.home_address), ("work", item.business_address), ("other", item.other_address))
    return [
        address(
            kind,
            street=sent.street,
            city=sent.city,
            region=sent.state,
            postal_code=sent.postal_code,
            country=sent.country_or_region,
        )
        for kind, sent in kinds
        if sent and (sent.street or sent.city or sent.state or sent.postal_code or sent.country_or_region)
    ]
