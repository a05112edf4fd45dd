"""A contact, as a plain dictionary in the very shape that is stored.

So a page goes from the provider's bytes to the database's without being copied in between.
"""

from typing import Literal, NotRequired, TypedDict

Unaddressed = Literal["no_email", "unusable_email"]
"""Why a contact has no key: it has no e-mail, or none that is an address."""


class Labelled(TypedDict):
    """An e-mail address or a phone number: `value`, its `type` in the provider's words, whether it is the primary."""

    value: str
    type: str | None
    primary: bool


class Phone(Labelled):
    """A phone number as typed, and in E.164 where that is certain."""

    e164: NotRequired[str]


class Address(TypedDict):
    """A postal address; only the parts that the provider sent."""

    type: str | None
    formatted: NotRequired[str]
    street: NotRequired[str]
    city: NotRequired[str]
    region: NotRequired[str]
    postal_code: NotRequired[str]
    country: NotRequired[str]


class Organization(TypedDict):
    """Where somebody works; only the parts that the provider sent."""

    type: str | None
    name: NotRequired[str]
    title: NotRequired[str]
    department: NotRequired[str]


class Name(TypedDict, total=False):
    """A name in its parts; only those that there are."""

    prefix: str
    given: str
    middle: str
    family: str
    suffix: str
    nickname: str


class Birthday(TypedDict):
    """A day, and its year where that is known."""

    year: NotRequired[int]
    month: int
    day: int


class Contact(TypedDict):
    """A contact as stored. `email` is its key: the primary address in its normal form, None without one.

    `phone` is the primary's E.164; its value where that is not certain, or where there is an extension. What may be
    absent is there only where there is something to say.
    """

    display_name: str | None
    email: str | None
    phone: str | None
    emails: list[Labelled]
    phones: list[Phone]
    addresses: list[Address]
    organizations: list[Organization]
    name: NotRequired[Name]
    birthday: NotRequired[Birthday]
    notes: NotRequired[str]
    urls: NotRequired[list[str]]
    labels: NotRequired[list[str]]
