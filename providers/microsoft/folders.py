"""A walk through the contact folders of a mailbox, one request at a time, that another process can go on with.

https://learn.microsoft.com/graph/api/contactfolder-list-childfolders
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from everreach.errors import BrokenListingError
from providers.lenient_json import Answer
from providers.microsoft.links import resolved

DEPTH_LIMIT: Final = 20
"""Folders within each other."""

WAITING_LIMIT: Final = 20
"""Folders of one level that the walk keeps in mind; the others are listed again when their turn comes."""


class Folder(msgspec.Struct):
    """Of a folder only its id is asked for."""

    id: str | None = None


class Folders(Answer):
    """The folders right below one."""

    vital = frozenset({"value", "next_link"})

    value: list[Folder | None] | None = None
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")

    @property
    def sound(self) -> bool:
        """A list without its items is none."""
        return super().sound and self.value is not None

    @property
    def ids(self) -> list[str]:
        """The folders' ids."""
        return [folder.id for folder in self.value or () if folder and folder.id]


class Level(msgspec.Struct, array_like=True, frozen=True):
    """The folders below `parent`: `waiting` is to be read, then what the page at `url` lists from `place` on ("": no
    more). The first level is that below no folder; its `parent` is the default one, as soon as that is known.
    """

    parent: str
    url: str
    place: int = 0
    waiting: Sequence[str] = ()

    def listing(self, folders: Folders, above: Sequence["Level"]) -> "Level":
        """The level once its page has been listed; a folder that holds itself is read once."""
        ids, known = folders.ids, {level.parent for level in (*above, self)[1:]}
        waiting = [id_ for id_ in ids[self.place : self.place + WAITING_LIMIT] if id_ not in known]
        if len(ids) > self.place + WAITING_LIMIT:
            return Level(self.parent, self.url, self.place + WAITING_LIMIT, waiting)
        link = resolved(folders.next_link, self.url, empty=not ids)
        if link == self.url:
            raise BrokenListingError("The provider's listing of folders points to itself and was stopped.")
        return Level(self.parent, link or "", 0, waiting)


def deepened(levels: Sequence[Level]) -> Sequence[Level]:
    """The levels without those that are done. Raises BrokenListingError where they would go down for ever."""
    while levels and not levels[-1].waiting and not levels[-1].url:
        levels = levels[:-1]
    if len(levels) > DEPTH_LIMIT:
        raise BrokenListingError("The provider's folders go down too deep and were not read to their end.")
    return levels
