"""A contact as Graph gives one, into an entry.

https://learn.microsoft.com/graph/api/resources/contact
"""

import msgspec

from everreach.contact import Address, Contact, Entry
from providers.shape import address, contact, entry, joined, labelled, organization
from providers.tolerant import detail


class _Email(msgspec.Struct, gc=False, omit_defaults=True):
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
    given_name: str | None = None
    surname: str | None = None
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


def entry_of(position: str, place: int, sent: msgspec.Raw) -> Entry:
    """The entry for one of `value`: the `place`-th of the page at `position`."""
    item = detail(sent, _Contact)
    return entry(item.id, item.etag, _contact(item), sent, f"{position}:{place}")


def _contact(item: _Contact) -> Contact:
    numbers = [
        *[(item.mobile_phone, "mobile")],
        *((number, "home") for number in item.home_phones or ()),
        *((number, "work") for number in item.business_phones or ()),
    ]
    return contact(
        names=(item.display_name, joined(item.given_name, item.surname), item.nick_name, item.file_as),
        emails=[labelled(email.address, None, False) for email in item.email_addresses or () if email],
        phones=[labelled(number, type_, False) for number, type_ in numbers],
        addresses=list(_addresses(item)),
        organizations=[organization("work", name=item.company_name, title=item.job_title, department=item.department)],
    )


def _addresses(item: _Contact) -> list[Address]:
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
        if sent
    ]
