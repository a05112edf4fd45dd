"""What every provider yields: pages of entries, each a contact or the reason why there is none.

Contacts are plain dictionaries in the very shape that is stored, so that a page goes from the provider's bytes to the
database's without being copied in between.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NotRequired, TypedDict, overload

import msgspec

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


class Contact(TypedDict):
    """A contact as stored. `email` is its key: the primary address in its normal form, None without one.

    `phone` is the primary's E.164; its value where that is not certain, or where there is an extension.
    """

    display_name: str | None
    email: str | None
    phone: str | None
    emails: list[Labelled]
    phones: list[Phone]
    addresses: list[Address]
    organizations: list[Organization]


class Entry(msgspec.Struct, gc=False):
    """One contact that a provider sent.

    `id` is the provider's stable id, `raw` the entry as received (for the ledger, where no contact keeps it), and
    `contact` is None where the entry could not be read, `error` then saying why. `unaddressed` says why a contact
    without a key has none.
    """

    id: str
    etag: str | None
    contact: Contact | None
    raw: object
    error: str | None = None
    unaddressed: Unaddressed = "no_email"


class Entries(Sequence[Entry]):
    """The entries of a page, each shaped from what was `sent` whenever it is taken: `shape` gets its place, too.

    So the contacts of a page, which are thousands of small objects, never stand in memory together.
    """

    def __init__(self, sent: Sequence[msgspec.Raw], shape: Callable[[int, msgspec.Raw], Entry]) -> None:
        self._sent = sent
        self._shape = shape

    def __len__(self) -> int:
        return len(self._sent)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        places = range(len(self._sent))[place]
        if isinstance(places, int):
            return self._shape(places, self._sent[places])
        return [self[each] for each in places]

    def __iter__(self) -> Iterator[Entry]:
        return map(self._shape, range(len(self._sent)), self._sent)


class Page(msgspec.Struct, gc=False):
    """One page of a listing: its entries, the next page's address (None at the end), the total where it is known."""

    entries: Sequence[Entry]
    next: str | None
    total: int | None = None
