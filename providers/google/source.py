"""The contacts of a Google account: one request for a page, and one for the names of its groups.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from everreach.contacts.page import Page
from everreach.errors import ProviderError, ThrottledError, TokenRejectedError, TransientError
from providers import paging
from providers.account import Account
from providers.api import Api
from providers.api_source import ApiSource
from providers.calls import Calls
from providers.google.groups import PATH, ContactGroups, GroupNames
from providers.google.parse import entry_of
from providers.google.replies import Connections, UserInfo, refusal
from providers.google.settings import GoogleSettings
from providers.paging import Smaller, bounded, listed

_FIELDS: Final = (
    "names,nicknames,emailAddresses,phoneNumbers,addresses,organizations,"
    "birthdays,biographies,urls,memberships,metadata"
)


class GoogleSource(ApiSource):
    """The connections of an account; its other contacts are no part of the address book."""

    def __init__(self, calls: Calls, settings: GoogleSettings) -> None:
        self._people = Api(calls, settings.people_url, refusal)
        self._userinfo = Api(calls, settings.userinfo_url, refusal)

    async def account(self, access_token: str) -> Account:
        """The id that stays, and the e-mail address that may change."""
        info = await self._userinfo.read_again(access_token, self._userinfo.home, UserInfo)
        return Account.of(info.id, info.email)

    def listing(self) -> "GoogleListing":
        """The connections of one account, with the names of its groups."""
        return GoogleListing(self)

    async def page(self, access_token: str, position: str | None, groups: GroupNames | None = None) -> Page:
        """A page of connections; `position` is the size of the pages, a colon, and Google's page token."""
        groups = GroupNames() if groups is None else groups
        size, token = _place(position)
        query = {"personFields": _FIELDS, "pageSize": str(size), **({"pageToken": token} if token else {})}
        url = f"{self._people.home}/v1/people/me/connections?{urlencode(query, safe=',')}"
        listing = await self._people.read(access_token, url, Connections)
        connections = listing.connections or ()
        if groups.wanted(connections):
            groups.learn(await self._group_names(access_token))
        entries = listed(connections, partial(entry_of, groups, position))
        following = listing.next_page_token
        if not following or (following == token and not entries):
            return Page(entries, None, listing.total_items)
        return Page(entries, bounded(f"{size}:{following}"), listing.total_items)

    def smaller(self, position: str | None) -> Smaller | None:
        """A page token serves for pages of its own size only, so the listing begins again."""
        size, _ = _place(position)
        below = next((each for each in paging.PAGE_SIZES if each < size), None)
        return Smaller(f"{below}:", anew=True) if below else None

    async def _group_names(self, access_token: str) -> dict[str, str]:
        """The names of the account's groups; none where Google does not tell them, which is no reason to stop."""
        try:
            answer = await self._people.read_again(access_token, f"{self._people.home}{PATH}", ContactGroups)
        except (TransientError, ThrottledError, TokenRejectedError):
            raise
        except ProviderError:
            return {}
        return answer.names()


class GoogleListing:
    """The connections of one account, which learns the names of its groups once."""

    def __init__(self, google: GoogleSource) -> None:
        self._google = google
        self._groups = GroupNames()

    async def page(self, access_token: str, position: str | None) -> Page:
        """See GoogleSource.page."""
        return await self._google.page(access_token, position, self._groups)


def _place(position: str | None) -> tuple[int, str]:
    """The size of the pages, and the page token; "" at the beginning."""
    size, colon, token = (position or "").partition(":")
    if colon and size.isascii() and size.isdigit():
        return int(size), token
    # An earlier version kept the token alone.
    return paging.PAGE_SIZES[0], position or ""
