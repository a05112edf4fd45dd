"""What every source yields: pages of entries, each a contact or the reason why there is none."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

import msgspec

from everreach.contacts.contact import Contact, Unaddressed

R = TypeVar("R")


class Entry(msgspec.Struct, gc=False):
    """One contact that a source sent.

    `id` is the source's stable id, `raw` the record as received (for the ledger, where no contact keeps it; whatever
    JSON can hold), and `contact` is None where the entry could not be read, `error` then saying why.
    `unaddressed` says why a contact without a key has none.
    """

    id: str
    etag: str | None
    contact: Contact | None
    raw: object
    error: str | None = None
    unaddressed: Unaddressed = "no_email"


class Entries(Sequence[Entry], Generic[R]):
    """The entries of a page, each shaped from what was `sent` whenever it is taken: `shape` gets its place, too.

    So the contacts of a page, which are thousands of small objects, never stand in memory together.
    """

    def __init__(self, sent: Sequence[R], shape: Callable[[int, R], Entry]) -> None:
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
    """One page of a listing: its entries, where it goes on (None at the end), the total where it is known.

    `next` is the source's own word for a place: an address at a provider, a byte and a number in a file.
    """

    entries: Sequence[Entry]
    next: str | None
    total: int | None = None
