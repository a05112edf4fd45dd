"""Microsoft Graph contacts: every folder's, page by page.

https://learn.microsoft.com/graph/api/user-list-contacts
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from everreach.config import Config
from everreach.contacts.page import Entries, Page
from everreach.errors import ListingExpiredError, ProviderError, UnrenderedError
from everreach.net.http import Http, Reply
from everreach.net.origins import serialized
from providers import paging
from providers.base import Account, Provider
from providers.lenient_json import Answer, detail
from providers.microsoft import links
from providers.microsoft.folders import WAITING_LIMIT, Folders, Level, deepened
from providers.microsoft.parse import entry_of
from providers.microsoft.replies import Error, ErrorBody, Listing, Me, Placed, Position
from providers.oauth import Grant
from providers.paging import Smaller, listed, unread

_SELECT: Final = (
    "$select=id,parentFolderId,displayName,title,givenName,middleName,surname,generation,nickName,fileAs,emailAddresses,"
    "mobilePhone,homePhones,businessPhones,homeAddress,businessAddress,otherAddress,companyName,jobTitle,department,"
    "birthday,personalNotes,businessHomePage,categories"
)
_GRAPH: Final = "https://graph.microsoft.com"
# An id that does not change when its contact moves to another folder; it has to be asked for on every request.
_HEADERS: Final = {"Prefer": 'IdType="ImmutableId"'}
_SURVEYED: Final = 20  # Folders that are looked for, and counted, before the first page is written.
_SURVEY_SECONDS: Final = 5.0  # And for how long, each of the two.
_TENANT: Final = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0")


G = TypeVar("G", bound=Answer)


class Microsoft(Provider):
    """Graph, for work, school and personal accounts alike."""

    name = "microsoft"
    title = "Microsoft"
    setup_url = "https://portal.azure.com/"
    scopes = (f"{_GRAPH}/Contacts.Read", f"{_GRAPH}/User.Read", "offline_access")
    # Distribution lists, which are not listed.
    counts_more = True
    authorize_extras = {"response_mode": "query"}

    def __init__(self, config: Config, http: Http) -> None:
        client = config.oauth_client(self.name)
        super().__init__(client, config.microsoft_authorize_url, config.microsoft_token_url, http)
        self._me = f"{config.microsoft_graph_url}/v1.0/me"

    def is_issuer(self, text: str) -> bool:
        """Each tenant has an issuer of its own, https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer."""
        own = serialized(self._authorize_url) or ""
        return text.startswith(own) and _TENANT.fullmatch(text.removeprefix(own)) is not None

    def allows_contacts(self, grant: Grant) -> bool:
        """Microsoft names scopes with or without their resource, and in any case."""
        names = {scope.rsplit("/", 1)[-1].lower() for scope in grant.scopes or ()}
        return grant.scopes is None or bool(names & {"contacts.read", "contacts.readwrite"})

    async def account(self, access_token: str) -> Account:
        """Many accounts have no mail; all have a principal name."""
        url = f"{self._me}?$select=id,displayName,mail,userPrincipalName"
        me = await self._read_again(access_token, url, Me, home=self._me, headers=_HEADERS)
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
        listing = await self._graph(access_token, where.url, Listing)
        return Page(_entries(listing, position), self._after(listing, where))

    def smaller(self, position: str | None) -> Smaller | None:
        """The same place in a smaller page, down to one contact, which is then passed over.

        Where a token says what the place is, the listing begins again.
        """
        where = msgspec.json.decode(position, type=Position) if position else self._beginning(paging.PAGE_SIZES[0])
        if not where.url:
            return None
        by_token = links.place(where.url) is None
        size = links.below(links.size(where.url), paging.PAGE_SIZES if by_token else (*paging.PAGE_SIZES, 1))
        if by_token:
            return Smaller(self._beginning(size).encoded(), anew=True) if size else None
        if size:
            return Smaller(_moved(where, links.sized(where.url, size)).encoded(), anew=False)
        return None if where.past else Smaller(msgspec.structs.replace(where, past=True).encoded(), anew=False)

    def _beginning(self, size: int) -> Position:
        return Position(_contacts_url(self._me, size), levels=[self._level("", self._me, "contactFolders")])

    async def _first_page(self, access_token: str) -> Page:
        where = self._beginning(paging.PAGE_SIZES[0])
        listing = await self._graph(access_token, f"{where.url}&$count=true", Listing)
        folders = await self._survey(access_token, _parent(listing))
        if folders is None:
            return Page(_entries(listing, ""), self._after(listing, where), listing.count)
        total = None if listing.count is None else listing.count + await self._held(access_token, folders)
        return Page(_entries(listing, ""), self._after(listing, Position(where.url, folders)), total)

    async def _past(self, access_token: str, where: Position, position: str) -> Page:
        """A page of one contact that could not be had several times: if the next one can be, it fails by itself."""
        try:
            listing = await self._graph(access_token, where.url, Listing)
            return Page(_entries(listing, position), self._after(listing, where))
        except UnrenderedError:
            beyond = _moved(where, links.behind(where.url))
            listing = await self._graph(access_token, beyond.url, Listing)
            lost = unread(where.url, "The provider cannot read this contact.")
            return Page([lost, *_entries(listing, position)], self._after(listing, beyond))

    async def _walked(self, access_token: str, levels: Sequence[Level]) -> Page:
        *above, level = levels
        folders = await self._graph(access_token, level.url, Folders)
        return Page((), self._onward([*above, level.listing(folders, above)]))

    def _after(self, listing: Listing, where: Position) -> str | None:
        """The position after this page. A short or empty page is no end: only a missing link is."""
        where = _placed(where, listing)
        if link := links.resolved(listing.next_link, where.url, empty=not listing.value):
            return _moved(where, links.grown(link, (*paging.PAGE_SIZES, 1))).encoded()
        if where.folders:
            following, *folders = where.folders
            return Position(_contacts_url(self._folder(following)), folders).encoded()
        return self._onward(where.levels)

    def _onward(self, levels: Sequence[Level]) -> str | None:
        """The position of the walk's next step: a folder that waits, else a listing of more of them."""
        levels = deepened(levels)
        if not levels:
            return None
        *above, level = levels
        if not level.waiting:
            return Position("", levels=levels).encoded()
        following, *waiting = level.waiting
        below = self._level(following, self._folder(following), "childFolders")
        levels = [*above, Level(level.parent, level.url, level.place, waiting), below]
        # The default folder is read by now, but not what is below it.
        url = "" if following == levels[0].parent else _contacts_url(self._folder(following))
        return Position(url, levels=levels).encoded()

    async def _survey(self, access_token: str, default: str) -> Sequence[str] | None:
        """The ids of all folders beside the default one, however deep. None where there are many, or where they cannot
        be had at once: the walk finds them, too.
        """
        found: dict[str, None] = {}
        waiting, visited = [self._level("", self._me, "contactFolders").url], set[str]()
        try:
            async with asyncio.timeout(_SURVEY_SECONDS):
                while waiting:
                    url = waiting.pop()
                    if url in visited:
                        continue
                    visited.add(url)
                    folders = await self._graph(access_token, url, Folders)
                    if link := links.resolved(folders.next_link, url, empty=not folders.value):
                        waiting.append(link)
                    new = [id_ for id_ in folders.ids if id_ not in found]
                    found.update(dict.fromkeys(new))
                    if len(found) > _SURVEYED:
                        return None
                    waiting += [self._level(id_, self._folder(id_), "childFolders").url for id_ in new]
        except (ProviderError, TimeoutError):
            return None
        return [id_ for id_ in found if id_ != default]

    async def _held(self, access_token: str, folders: Sequence[str]) -> int:
        """How many contacts these folders hold: an estimate, of which no failure matters."""
        total = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_SURVEY_SECONDS):
                for folder in map(self._folder, folders):
                    with suppress(ProviderError):
                        url = f"{folder}/contacts?$top=1&$select=id&$count=true"
                        total += (await self._graph(access_token, url, Listing)).count or 0
        return total

    def _folder(self, folder_id: str) -> str:
        return f"{self._me}/contactFolders/{quote(folder_id, safe='')}"

    def _level(self, parent: str, url: str, name: str) -> Level:
        return Level(parent, f"{url}/{name}?$top={WAITING_LIMIT}&$select=id")

    async def _graph(self, access_token: str, url: str, type_: type[G]) -> G:
        return await self._read(access_token, url, type_, home=self._me, headers=_HEADERS)

    def _refusal(self, reply: Reply) -> ProviderError:
        code = (detail(reply.body, ErrorBody).error or Error()).code if reply.status in {400, 403, 404, 410} else None
        if code == "MailboxNotEnabledForRESTAPI":
            return ProviderError("This Microsoft account has no mailbox in the cloud, and so no contacts to import.")
        if reply.status in {400, 404, 410}:
            # A link that is too old, or into a folder that was deleted meanwhile.
            return ListingExpiredError()
        if reply.status == 403:
            return ProviderError("Microsoft refused to share the contacts of this account. Please reconnect it.")
        return super()._refusal(reply)


def _contacts_url(parent: str, size: int = 0) -> str:
    return f"{parent}/contacts?$top={size or paging.PAGE_SIZES[0]}&{_SELECT}"


def _moved(where: Position, url: str) -> Position:
    return msgspec.structs.replace(where, url=url, past=False)


def _parent(listing: Listing) -> str:
    """The folder that these contacts are in; "" where none is there to tell."""
    parents = (detail(sent, Placed).parent_folder_id for sent in (listing.value or ())[:1])
    return next((parent for parent in parents if parent), "")


def _placed(where: Position, listing: Listing) -> Position:
    """The reference lists the default folder among the others, real answers do not: the walk has to know it."""
    if not where.levels or where.levels[0].parent or len(where.levels) > 1:
        return where
    root = Level(_parent(listing), *msgspec.structs.astuple(where.levels[0])[1:])
    return msgspec.structs.replace(where, levels=[root])


def _entries(listing: Listing, position: str) -> Entries[msgspec.Raw]:
    return listed(listing.value or (), partial(entry_of, position))
