"""Microsoft Graph: the person, the contact folders, and the contacts.

https://learn.microsoft.com/graph/api/user-list-contacts
https://learn.microsoft.com/graph/api/contactfolder-list-childfolders
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from providers.sandbox.book import Book
from providers.sandbox.endpoint import Endpoint
from providers.sandbox.faults import Spot, Where
from providers.sandbox.listing import Shaping, Turn, onward, page_number, poisoned, span, tampered
from providers.sandbox.microsoft import errors as errors_module
from providers.sandbox.microsoft.contacts import PROPERTIES, contact, profile
from providers.sandbox.microsoft.folders import Folder, folders
from providers.sandbox.oauth.grants import Grant
from providers.sandbox.oauth.scopes import covers_contacts, short
from providers.sandbox.people import person

_MOST = 1000
_HOP = "$skiptoken"


class GraphEndpoint(Endpoint):
    """What all addresses share."""

    provider = "microsoft"
    refusals = errors_module.FAULTS

    def caller(self) -> Grant:
        """The grant behind the bearer token; refuses with 401."""
        grant = self.grant()
        if grant is None:
            raise errors_module.unauthenticated(sent=bool(self.bearer()))
        return grant

    def book(self, grant: Grant) -> Book:
        """The caller's contacts."""
        return self.sandbox.book(grant.account, grant.size)

    def folder(self, book: Book, name: str) -> Folder:
        """By id, or the default one by its well-known name `contacts`; refuses with 404."""
        for folder in folders(book, self.sandbox.list_every, self.sandbox.empty_folders):
            if name == folder.id or (name.lower(), folder.name) == ("contacts", "Contacts"):
                return folder
        raise errors_module.unknown_folder()

    def select(self) -> tuple[str, ...]:
        """The properties that `$select` names, in its order."""
        return tuple(name.strip() for name in self.query("$select").split(",") if name.strip())

    def whole(self, name: str, default: int, most: int) -> int:
        """A query option that is a whole number up to `most`; refuses with 400."""
        text = self.query(name) or str(default)
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) > most:
            raise errors_module.invalid(f"The limit of '{most}' for {name} has been exceeded, or it is no number.")
        return int(text)

    def link(self, turn: Turn) -> str:
        """The URL of another place in this listing: whole, at the origin that was asked, percent-encoded."""
        arguments = {name: values[-1].decode(errors="replace") for name, values in self.request.query_arguments.items()}
        arguments.pop(_HOP, None)
        arguments["$skip"] = str(turn.start)
        if turn.repeated:
            arguments[_HOP] = "empty"
        return f"{self.request.protocol}://{self.request.host}{self.request.path}?{urlencode(arguments)}"


class Me(GraphEndpoint):
    """`GET /v1.0/me`; personal accounts have no `mail`."""

    route = "userinfo"

    async def get(self) -> None:
        """Who the person is."""
        grant = self.caller()
        await self.face(Spot(self.provider, "userinfo", grant.account))
        if not any(short(scope).startswith("user.read") for scope in grant.scopes):
            raise errors_module.scope_missing()
        whole = profile(grant.account)
        chosen = self.select() or tuple(whole)
        context = f"{self.request.protocol}://{self.request.host}/microsoft/v1.0/$metadata#users/$entity"
        self.answer({"@odata.context": context} | {name: whole[name] for name in chosen if name in whole})


class Page(NamedTuple):
    """One request for a page, read from its URL."""

    grant: Grant
    turn: Turn
    top: int


class Listing(GraphEndpoint):
    """What all lists share: `$top`, `$skip`, `$count`, and the link to the next page."""

    where: Where = "page"

    async def get(self, folder: str = "contacts") -> None:
        """One page; counted as in flight from the first check to the last byte handed over."""
        with self.sandbox.stats.page_request():
            grant = self.caller()
            turn = Turn(self.whole("$skip", 0, 999_999_999), bool(self.query(_HOP)))
            page = Page(grant, turn, max(1, self.whole("$top", 10, _MOST)))
            number = page_number(turn, page.top) if self.request.path.endswith("/me/contacts") else None
            where: Where = "count" if self.query("$count") and self.query("$select") == "id" else self.where
            shaping = await self.face(Spot(self.provider, where, grant.account, number, turn.repeated))
            await self.lag()
            if not covers_contacts(grant.scopes):
                raise errors_module.scope_missing()
            self.answer(self.body(page, self.folder(self.book(grant), folder), shaping))

    def body(self, page: Page, folder: Folder, shaping: Shaping) -> dict[str, object]:
        """The body."""
        raise NotImplementedError

    def envelope(self, page: Page, total: int, value: object, shaping: Shaping, back: int = 1) -> dict[str, object]:
        """Graph's wrapping of a list of `total` slots; `back` is how far behind the end its last contact is."""
        base = f"{self.request.protocol}://{self.request.host}/microsoft/v1.0"
        body: dict[str, object] = {"@odata.context": f"{base}/$metadata#users('me')/{self.route}"}
        if self.query("$count").lower() == "true":
            body["@odata.count"] = total
        following = onward(page.turn, page.top, total, shaping, back)
        if "foreign_next_link" in shaping:
            body["@odata.nextLink"] = "http://evil.example/v1.0/me/contacts?%24skip=10"
        elif following:
            link = self.link(following)
            # https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html#sec_RelativeURLs
            relative = "relative_link" in shaping
            body["@odata.nextLink"] = link.partition(self.request.host)[2] if relative else link
        return body | {"value": value}


class Folders(Listing):
    """`GET /v1.0/me/contactFolders` and `…/{id}/childFolders`: the children of one folder, never the folder itself."""

    route = "folders"
    where = "folders"

    def body(self, page: Page, folder: Folder, shaping: Shaping) -> dict[str, object]:
        """Folders by their id, name and parent."""
        everyone = folders(self.book(page.grant), self.sandbox.list_every, self.sandbox.empty_folders)
        below = [
            {"id": child.id, "parentFolderId": child.parent, "displayName": child.name}
            for child in everyone
            if child.parent == folder.id
        ]
        return self.envelope(page, len(below), below[page.turn.start : page.turn.start + page.top], shaping)


class Contacts(Listing):
    """`GET /v1.0/me/contacts` and `…/contactFolders/{id}/contacts`: one folder's contacts, without those below it."""

    route = "page"

    def body(self, page: Page, folder: Folder, shaping: Shaping) -> dict[str, object]:
        """Contacts; distribution lists take up slots, so a page may be short."""
        if poisoned(page.turn, page.top, shaping):
            raise errors_module.FAULTS["http_500"](shaping["poison"])
        start, stop = folder.contacts(*span(page.turn, page.top, folder.slots, shaping))
        if "endless" not in shaping:
            stop = min(stop, folder.stop)
        entries = self.sandbox.pages.get(*self._entries(page.grant, folder.id, start, stop))
        self.sandbox.stats.pages[page.grant.account] += 1
        back = folder.back_to_contact(min(page.turn.start + page.top, folder.slots))
        return self.envelope(page, folder.slots, msgspec.Raw(tampered(entries, shaping)), shaping, back)

    def _entries(self, grant: Grant, folder: str, start: int, stop: int) -> tuple[object, Callable[[], bytes]]:
        book, select, immutable = self.book(grant), self._properties(), self._immutable()

        def build() -> bytes:
            persons = (person(book, index) for index in range(start, stop))
            entries = [contact(one, book.account, folder, select, immutable=immutable) for one in persons]
            return msgspec.json.encode(entries)

        return ("microsoft", book, folder, start, stop, select, immutable), build

    def _properties(self) -> tuple[str, ...]:
        for name in self.select():
            if name not in PROPERTIES:
                raise errors_module.unknown_property(name)
        return self.select()

    def _immutable(self) -> bool:
        asked = any(re.search('IdType="ImmutableId"', text, re.I) for text in self.request.headers.get_list("Prefer"))
        if asked:
            self.set_header("Preference-Applied", 'IdType="ImmutableId"')
        return asked
