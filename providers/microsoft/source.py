"""The contacts of a Microsoft account: every folder's, page by page.

https://learn.microsoft.com/graph/api/user-list-contacts
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from everreach.contacts.page import Entries, Page
from everreach.errors import UnrenderedError
from providers.account import Account
from providers.api import Api
from providers.api_source import ApiSource
from providers.calls import Calls
from providers.microsoft import links
from providers.microsoft.folders import Folders, Level
from providers.microsoft.parse import entry_of
from providers.microsoft.positions import Positions, default_folder, moved
from providers.microsoft.replies import Listing, Me, Position, refusal
from providers.microsoft.settings import MicrosoftSettings
from providers.microsoft.survey import Survey
from providers.paging import Smaller, listed, unread

# An id that does not change when its contact moves to another folder; it has to be asked for on every request.
_HEADERS: Final = {"Prefer": 'IdType="ImmutableId"'}


class MicrosoftSource(ApiSource):
    """The contacts of a mailbox, its default folder first."""

    # Distribution lists, which are not listed.
    counts_more = True

    def __init__(self, calls: Calls, settings: MicrosoftSettings) -> None:
        self._graph = Api(calls, f"{settings.graph_url}/v1.0/me", refusal, _HEADERS)
        self._positions = Positions(self._graph.home)

    async def account(self, access_token: str) -> Account:
        """Whose mailbox it is: many accounts have no mail, all have a principal name."""
        url = f"{self._graph.home}?$select=id,displayName,mail,userPrincipalName"
        me = await self._graph.read_again(access_token, url, Me)
        return Account.of(me.id, me.mail or me.user_principal_name)

    async def page(self, access_token: str, position: str | None) -> Page:
        """A page of one folder's contacts, or an empty one on the way to the next folder.

        The first finds all folders and how many contacts they hold, where there are only a few.
        """
        if position is None:
            return await self._first_page(access_token)
        where = msgspec.json.decode(position, type=Position)
        if not where.url:
            return await self._walked(access_token, where.levels)
        if where.past:
            return await self._past(access_token, where, position)
        listing = await self._graph.read(access_token, where.url, Listing)
        return Page(_entries(listing, position), self._positions.after(listing, where))

    def smaller(self, position: str | None) -> Smaller | None:
        """The same place in a smaller page; see Positions.smaller."""
        return self._positions.smaller(position)

    async def _first_page(self, access_token: str) -> Page:
        where = self._positions.beginning()
        listing = await self._graph.read(access_token, f"{where.url}&$count=true", Listing)
        survey = Survey(self._graph, self._positions, access_token)
        folders = await survey.folders(default_folder(listing))
        if folders is None:
            return Page(_entries(listing, ""), self._positions.after(listing, where), listing.count)
        total = None if listing.count is None else listing.count + await survey.held(folders)
        return Page(_entries(listing, ""), self._positions.after(listing, Position(where.url, folders)), total)

    async def _past(self, access_token: str, where: Position, position: str) -> Page:
        """A page of one contact that could not be had several times: if the next one can be, it fails by itself."""
        try:
            listing = await self._graph.read(access_token, where.url, Listing)
            return Page(_entries(listing, position), self._positions.after(listing, where))
        except UnrenderedError:
            beyond = moved(where, links.behind(where.url))
            listing = await self._graph.read(access_token, beyond.url, Listing)
            lost = unread(where.url, "The provider cannot read this contact.")
            return Page([lost, *_entries(listing, position)], self._positions.after(listing, beyond))

    async def _walked(self, access_token: str, levels: Sequence[Level]) -> Page:
        *above, level = levels
        folders = await self._graph.read(access_token, level.url, Folders)
        return Page((), self._positions.onward([*above, level.listing(folders, above)]))


def _entries(listing: Listing, position: str) -> Entries[msgspec.Raw]:
    return listed(listing.value or (), partial(entry_of, position))
