"""What a page of any provider may be: how many contacts, how long a position, how large a contact."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from everreach.contacts.page import Entries, Entry
from everreach.errors import TransientError

PAGE_SIZES: Final = (1000, 100, 10)
"""Contacts asked for at once: the most that Google and Graph give, and what is tried where that fails."""

ITEM_LIMIT: Final = 256 * 1024
"""Bytes of one contact as received; a larger one fails."""

POSITION_LIMIT: Final = 64 * 1024
"""Characters of a place in a listing."""

Total = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""How many contacts a provider says there are; what no number can be is left aside."""


class Smaller(NamedTuple):
    """Where a listing goes on in smaller pages; `anew` says that this is its beginning."""

    position: str
    anew: bool


def listed(sent: Sequence[msgspec.Raw], shape: Callable[[int, msgspec.Raw], Entry]) -> Entries[msgspec.Raw]:
    """The entries of a page; one that is too large fails by itself, and is not read for that."""
    if max(map(len, sent), default=0) <= ITEM_LIMIT:
        return Entries(sent, shape)
    return Entries(sent, lambda place, one: _too_large(one) if len(one) > ITEM_LIMIT else shape(place, one))


def bounded(position: str) -> str:
    """The position. Raises TransientError for one that is too long to be one."""
    if len(position) > POSITION_LIMIT:
        raise TransientError
    return position


def unread(id_: str, why: str) -> Entry:
    """The entry for a contact of which nothing is known but that it is there."""
    return Entry(f"unread-{hashlib.sha256(id_.encode()).hexdigest()[:24]}", None, None, None, why)


def _too_large(sent: msgspec.Raw) -> Entry:
    return unread(hashlib.sha256(sent).hexdigest(), "The provider sent a contact that is too large to be one.")
