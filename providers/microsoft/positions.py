"""Where a listing of several folders begins, goes on, and is tried in smaller pages. Asks nobody.

https://learn.microsoft.com/graph/api/user-list-contacts
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from providers import paging
from providers.lenient_json import detail
from providers.microsoft import links
from providers.microsoft.folders import WAITING_LIMIT, Level, deepened
from providers.microsoft.replies import Listing, Placed, Position
from providers.paging import Smaller

_SELECT: Final = (
    "$select=id,parentFolderId,displayName,title,givenName,middleName,surname,generation,nickName,fileAs,emailAddresses,"
    "mobilePhone,homePhones,businessPhones,homeAddress,businessAddress,otherAddress,companyName,jobTitle,department,"
    "birthday,personalNotes,businessHomePage,categories"
)


class Positions:
    """The positions in one mailbox; `me` is the address of its owner."""

    def __init__(self, me: str) -> None:
        self._me = me

    def beginning(self, size: int | None = None) -> Position:
        """The first page of the default folder."""
        return Position(_contacts_url(self._me, size), levels=[self.folders_below("")])

    def after(self, listing: Listing, where: Position) -> str | None:
        """The position after this page. A short or empty page is no end: only a missing link is."""
        where = _placed(where, listing)
        if link := links.resolved(listing.next_link, where.url, empty=not listing.value):
            return moved(where, links.grown(link, (*paging.PAGE_SIZES, 1))).encoded()
        if where.folders:
            following, *folders = where.folders
            return Position(_contacts_url(self.folder(following)), folders).encoded()
        return self.onward(where.levels)

    def onward(self, levels: Sequence[Level]) -> str | None:
        """The position of the walk's next step: a folder that waits, else a listing of more of them."""
        levels = deepened(levels)
        if not levels:
            return None
        *above, level = levels
        if not level.waiting:
            return Position("", levels=levels).encoded()
        following, *waiting = level.waiting
        levels = [*above, Level(level.parent, level.url, level.place, waiting), self.folders_below(following)]
        # The default folder is read by now, but not what is below it.
        url = "" if following == levels[0].parent else _contacts_url(self.folder(following))
        return Position(url, levels=levels).encoded()

    def smaller(self, position: str | None) -> Smaller | None:
        """The same place in a smaller page, down to one contact, which is then passed over.

        Where a token says what the place is, the listing begins again.
        """
        where = msgspec.json.decode(position, type=Position) if position else self.beginning()
        if not where.url:
            return None
        by_token = links.place(where.url) is None
        size = links.below(links.size(where.url), paging.PAGE_SIZES if by_token else (*paging.PAGE_SIZES, 1))
        if by_token:
            return Smaller(self.beginning(size).encoded(), anew=True) if size else None
        if size:
            return Smaller(moved(where, links.sized(where.url, size)).encoded(), anew=False)
        return None if where.past else Smaller(msgspec.structs.replace(where, past=True).encoded(), anew=False)

    def folder(self, folder_id: str) -> str:
        """The address of a folder."""
        return f"{self._me}/contactFolders/{quote(folder_id, safe='')}"

    def folders_below(self, parent: str) -> Level:
        """The listing of the folders right below one; "" stands for the mailbox itself."""
        url = f"{self.folder(parent)}/childFolders" if parent else f"{self._me}/contactFolders"
        return Level(parent, f"{url}?$top={WAITING_LIMIT}&$select=id")


def moved(where: Position, url: str) -> Position:
    """The position at another page of the same folder."""
    return msgspec.structs.replace(where, url=url, past=False)


def default_folder(listing: Listing) -> str:
    """The folder that these contacts are in; "" where none is there to tell."""
    parents = (detail(sent, Placed).parent_folder_id for sent in (listing.value or ())[:1])
    return next((parent for parent in parents if parent), "")


def _contacts_url(parent: str, size: int | None = None) -> str:
    return f"{parent}/contacts?$top={size or paging.PAGE_SIZES[0]}&{_SELECT}"


def _placed(where: Position, listing: Listing) -> Position:
    """The reference lists the default folder among the others, real answers do not: the walk has to know it."""
    if not where.levels or where.levels[0].parent or len(where.levels) > 1:
        return where
    root = Level(default_folder(listing), *msgspec.structs.astuple(where.levels[0])[1:])
    return msgspec.structs.replace(where, levels=[root])
