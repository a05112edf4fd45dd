"""Google People: constants, one request for a page, and one for the names of its groups; parse.py has the parser.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from functools import partial
from typing import Final
from urllib.parse import urlencode

import msgspec

from everreach.config import Config
from everreach.contacts.page import Page
from everreach.errors import ListingExpiredError, ProviderError, ThrottledError, TokenRejectedError, TransientError
from everreach.net.http import Http, Reply
from providers import paging
from providers.base import Account, Provider
from providers.google.groups import PATH, ContactGroups, GroupNames
from providers.google.parse import entry_of
from providers.lenient_json import Answer, detail
from providers.oauth import Grant
from providers.paging import Smaller, Total, bounded, listed

_FIELDS: Final = (
    "names,nicknames,emailAddresses,phoneNumbers,addresses,organizations,"
    "birthdays,biographies,urls,memberships,metadata"
)
_CONTACTS: Final = "https://www.googleapis.com/auth/contacts"
_QUOTA_REASONS: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})


class _Connections(Answer, rename="camel"):
    vital = frozenset({"connections", "next_page_token"})

    connections: list[msgspec.Raw] | None = None
    next_page_token: str | None = None
    total_items: Total | None = None


class _UserInfo(Answer):
    id: str | None = None
    email: str | None = None


class _Reason(msgspec.Struct):
    reason: str | None = None


class _Error(msgspec.Struct):
    status: str | None = None
    errors: list[_Reason | None] | None = None
    details: list[_Reason | None] | None = None

    def reasons(self) -> set[str | None]:
        return {item.reason for item in [*(self.errors or ()), *(self.details or ())] if item}


class _ErrorBody(msgspec.Struct):
    error: _Error | None = None


class Google(Provider):
    """People API, with offline access so that a long import outlives its first access token."""

    name = "google"
    title = "Google"
    setup_url = "https://console.cloud.google.com/"
    scopes = (f"{_CONTACTS}.readonly", "https://www.googleapis.com/auth/userinfo.email")
    # Without prompt=consent a returning person's grant comes without a refresh token.
    authorize_extras = {"access_type": "offline", "prompt": "consent"}

    def __init__(self, config: Config, http: Http) -> None:
        client, revoke_url = config.oauth_client(self.name), config.google_revoke_url
        super().__init__(client, config.google_authorize_url, config.google_token_url, http, revoke_url)
        self._people_url = config.google_people_url
        self._userinfo_url = config.google_userinfo_url

    def allows_contacts(self, grant: Grant) -> bool:
        """Google's scope list is reordered and may hold more than was asked for."""
        return grant.scopes is None or bool(grant.scopes & {_CONTACTS, f"{_CONTACTS}.readonly"})

    async def account(self, access_token: str) -> Account:
        """The id that stays, and the e-mail address that may change."""
        info = await self._read_again(access_token, self._userinfo_url, _UserInfo, home=self._userinfo_url)
        return Account.of(info.id, info.email)

    def listing(self) -> "GoogleListing":
        """The connections of one account, with the names of its groups."""
        return GoogleListing(self)

    async def page(self, access_token: str, position: str | None, groups: GroupNames | None = None) -> Page:
        """A page of connections; `position` is the size of the pages, a colon, and Google's page token."""
        groups = GroupNames() if groups is None else groups
        size, token = _place(position)
        query = {"personFields": _FIELDS, "pageSize": str(size), **({"pageToken": token} if token else {})}
        url = f"{self._people_url}/v1/people/me/connections?{urlencode(query, safe=',')}"
        listing = await self._read(access_token, url, _Connections, home=self._people_url)
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
            answer = await self._read_again(
                access_token, f"{self._people_url}{PATH}", ContactGroups, home=self._people_url
            )
        except (TransientError, ThrottledError, TokenRejectedError):
            raise
        except ProviderError:
            return {}
        return answer.names()

    def _refusal(self, reply: Reply) -> ProviderError:
        if reply.status == 400:
            # The lifetime of a page token is undocumented; a dead one is a 400 like any malformed request.
            return ListingExpiredError()
        if reply.status == 403:
            return _forbidden(detail(reply.body, _ErrorBody).error or _Error(), reply)
        return super()._refusal(reply)


class GoogleListing:
    """The connections of one account, which learns the names of its groups once."""

    def __init__(self, google: Google) -> None:
        self._google = google
        self._groups = GroupNames()

    async def page(self, access_token: str, position: str | None) -> Page:
        """See Google.page."""
        return await self._google.page(access_token, position, self._groups)


def _place(position: str | None) -> tuple[int, str]:
    """The size of the pages, and the page token; "" at the beginning."""
    size, colon, token = (position or "").partition(":")
    if colon and size.isascii() and size.isdigit():
        return int(size), token
    # An earlier version kept the token alone.
    return paging.PAGE_SIZES[0], position or ""


def _forbidden(error: _Error, reply: Reply) -> ProviderError:
    reasons = error.reasons()
    # Older gateways say 403 where a newer one says 429.
    if reasons & _QUOTA_REASONS or error.status == "RESOURCE_EXHAUSTED":
        return ThrottledError(reply.retry_after)
    if "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in reasons:
        return ProviderError("Google was not allowed to share the contacts. Please import again and tick contacts.")
    if "SERVICE_DISABLED" in reasons:
        return ProviderError("The People API is not enabled for this application. Please tell its operator.")
    return ProviderError("Google refused to share the contacts of this account.")
