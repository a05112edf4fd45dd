"""How an Outlook mailbox files its contacts: a default folder, a folder below it, and one below that.

https://learn.microsoft.com/graph/api/user-list-contactfolders
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b

import msgspec

from providers.sandbox.book import Book, seed

SMALL = 20
"""Books with fewer contacts have all of them in the default folder."""


class Folder(msgspec.Struct, frozen=True):
    """Contacts `start` to `stop` of the book; every `list_every`-th slot is a distribution list (0: none)."""

    id: str
    name: str
    parent: str
    start: int
    stop: int
    list_every: int = 0

    @property
    def slots(self) -> int:
        """Contacts and distribution lists together; this is what `$count` says and what `$skip` counts."""
        contacts = self.stop - self.start
        return contacts if self.list_every < 2 else contacts + contacts // (self.list_every - 1)

    def contacts(self, start: int, stop: int) -> tuple[int, int]:
        """The numbers in the book of the contacts that sit in these slots."""
        lists_before, lists_within = (at // self.list_every if self.list_every > 1 else 0 for at in (start, stop))
        return self.start + start - lists_before, self.start + stop - lists_within

    def back_to_contact(self, stop: int) -> int:
        """How many slots before `stop` the last contact sits; a distribution list may be in between."""
        return 2 if self.list_every > 1 and stop % self.list_every == 0 else 1


@lru_cache(maxsize=1024)
def _mailbox(account: str) -> str:
    return urlsafe_b64encode(blake2b(seed(account), digest_size=63).digest()).decode()


def item_id(account: str, number: int, *, immutable: bool) -> str:
    """A contact's id, long and case-sensitive; the two kinds have nothing in common.

    https://learn.microsoft.com/graph/outlook-immutable-id
    """
    tail = urlsafe_b64encode(blake2b(number.to_bytes(8, "big"), key=seed(account), digest_size=15).digest()).decode()
    return f"{'AAkALgAA' if immutable else 'AAMkAG'}{_mailbox(account)}{tail}{number:x}AA="


def folder_id(account: str, number: int) -> str:
    """A folder's id, the same with and without immutable ids."""
    return f"AAMkAG{_mailbox(account)}AuAAAA{number}AAA="


def folders(book: Book, list_every: int, empty_folders: int = 1) -> tuple[Folder, ...]:
    """The default folder first, then those below it; `empty_folders` hold nothing."""
    below = round(book.size * book.shares.child_folders) if book.size >= SMALL else 0
    deep = below // 2
    root, child, grandchild = (folder_id(book.account, number) for number in range(3))
    first, second = book.size - below, book.size - deep
    return (
        Folder(root, "Contacts", folder_id(book.account, 9), 0, first, list_every),
        Folder(child, "Family", root, first, second),
        Folder(grandchild, "Family abroad", child, second, book.size),
        *(
            Folder(folder_id(book.account, number), f"Empty {number - 9}", root, book.size, book.size)
            for number in range(10, 10 + empty_folders)
        ),
    )
