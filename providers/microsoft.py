"""Microsoft Graph contacts: every folder's, page by page.

https://learn.microsoft.com/graph/api/user-list-contacts
"""

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from everreach.config import Config
from everreach.contact import Entries, Page
from everreach.errors import ListingExpiredError, ProviderError
from everreach.origins import serialized
from providers.base import PAGE_SIZE, Account, Grant, Provider, Total
from providers.http import Http, Reply
from providers.microsoft_contact import entry_of
from providers.tolerant import detail

_SELECT: Final = (
    "$select=id,parentFolderId,displayName,title,givenName,middleName,surname,generation,nickName,fileAs,emailAddresses,"
    "mobilePhone,homePhones,businessPhones,homeAddress,businessAddress,otherAddress,companyName,jobTitle,department"
)
_GRAPH: Final = "https://graph.microsoft.com"
# An id that does not change when its contact moves to another folder; it has to be asked for on every request.
_HEADERS: Final = {"Prefer": 'IdType="ImmutableId"'}
_FOLDER_LIMIT: Final = 1000
_TENANT: Final = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0")


class _Placed(msgspec.Struct, rename="camel"):
    parent_folder_id: str | None = None


class _Listing(msgspec.Struct):
    value: list[msgspec.Raw] | None = None
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    count: Total | None = msgspec.field(default=None, name="@odata.count")


class _Folder(msgspec.Struct):
    id: str | None = None


class _Folders(msgspec.Struct):
    value: list[_Folder | None] | None = None
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class _Me(msgspec.Struct, rename="camel"):
    id: str | None = None
    mail: str | None = None
    user_principal_name: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | None = None


class _Position(msgspec.Struct):
    """Where a listing of several folders goes on: the next page's URL, and the folders that come after this one."""

    url: str
    folders: Sequence[str] = ()


G = TypeVar("G", bound=msgspec.Struct)


class Microsoft(Provider):
    """Graph, for work, school and personal accounts alike."""

    name = "microsoft"
    title = "Microsoft"
    setup_url = "https://portal.azure.com/"
    scopes = (f"{_GRAPH}/Contacts.Read", f"{_GRAPH}/User.Read", "offline_access")
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
        me = await self._graph(access_token, f"{self._me}?$select=id,displayName,mail,userPrincipalName", _Me)
        return Account(me.id, me.mail or me.user_principal_name)

    async def page(self, access_token: str, position: str | None) -> Page:
        """A page of one folder's contacts. The first also finds all folders, and how many contacts they hold."""
        if position is None:
            return await self._first_page(access_token)
        where = msgspec.json.decode(position, type=_Position)
        listing = await self._listing(access_token, where.url)
        return Page(_entries(listing, position), self._after(listing, where.folders))

    async def _first_page(self, access_token: str) -> Page:
        listing = await self._listing(access_token, f"{_contacts_url(self._me)}&$count=true")
        # The reference lists the default folder among the others, real answers do not.
        default = {detail(sent, _Placed).parent_folder_id for sent in listing.value or ()}
        folders = [id_ async for id_ in self._folders(access_token) if id_ not in default]
        counts = [await self._count(access_token, id_) for id_ in folders]
        total = None if listing.count is None else listing.count + sum(counts)
        return Page(_entries(listing, ""), self._after(listing, folders), total)

    def _after(self, listing: _Listing, folders: Sequence[str]) -> str | None:
        """The position after this page. A short or empty page is no end: only a missing link is."""
        if listing.next_link:
            return msgspec.json.encode(_Position(listing.next_link, folders)).decode()
        if folders:
            return msgspec.json.encode(_Position(_contacts_url(self._folder(folders[0])), folders[1:])).decode()
        return None

    async def _folders(self, access_token: str) -> AsyncIterator[str]:
        """The ids of all folders beside the default one, however deep."""
        seen: set[str] = set()
        waiting, visited = [f"{self._me}/contactFolders?$top=100&$select=id"], set[str]()
        while waiting and len(visited) < _FOLDER_LIMIT:
            url = waiting.pop()
            if url in visited:
                continue
            visited.add(url)
            folders = await self._graph(access_token, url, _Folders)
            waiting += [folders.next_link] if folders.next_link else []
            for folder in folders.value or ():
                if folder and folder.id and folder.id not in seen:
                    seen.add(folder.id)
                    waiting.append(f"{self._folder(folder.id)}/childFolders?$top=100&$select=id")
                    yield folder.id

    async def _count(self, access_token: str, folder_id: str) -> int:
        url = f"{self._folder(folder_id)}/contacts?$top=1&$select=id&$count=true"
        return (await self._graph(access_token, url, _Listing)).count or 0

    def _folder(self, folder_id: str) -> str:
        return f"{self._me}/contactFolders/{quote(folder_id, safe='')}"

    async def _listing(self, access_token: str, url: str) -> _Listing:
        return await self._graph(access_token, url, _Listing)

    async def _graph(self, access_token: str, url: str, type_: type[G]) -> G:
        return await self._read(access_token, url, type_, home=self._me, headers=_HEADERS)

    def _refusal(self, reply: Reply) -> ProviderError:
        code = (detail(reply.body, _ErrorBody).error or _Error()).code if reply.status in {400, 403, 404, 410} else None
        if code == "MailboxNotEnabledForRESTAPI":
            return ProviderError("This Microsoft account has no mailbox in the cloud, and so no contacts to import.")
        if reply.status in {400, 404, 410}:
            # A link that is too old, or into a folder that was deleted meanwhile.
            return ListingExpiredError()
        if reply.status == 403:
            return ProviderError("Microsoft refused to share the contacts of this account. Please reconnect it.")
        return super()._refusal(reply)


def _contacts_url(parent: str) -> str:
    return f"{parent}/contacts?$top={PAGE_SIZE}&{_SELECT}"


def _entries(listing: _Listing, position: str) -> Entries:
    return Entries(listing.value or (), partial(entry_of, position))
