"""Google's userinfo and the People API's list of connections.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b

import msgspec

from providers.sandbox.book import seed
from providers.sandbox.endpoint import Endpoint
from providers.sandbox.faults import Spot
from providers.sandbox.google import errors
from providers.sandbox.google.people import FIELDS, connection, contact_groups
from providers.sandbox.listing import Shaping, Turn, onward, page_number, poisoned, span, tampered
from providers.sandbox.oauth.grants import Grant
from providers.sandbox.oauth.scopes import GOOGLE, covers_contacts
from providers.sandbox.people import person

_MOST = 1000
_UNBOUND = {"pageToken", "fields", "alt", "prettyPrint", "quotaUser", "key", "access_token", "$.xgafv"}
"""Parameters that may change from page to page."""


class GoogleEndpoint(Endpoint):
    """What both addresses share."""

    provider = "google"
    refusals = errors.FAULTS

    def caller(self) -> Grant:
        """The grant behind the bearer token; refuses with 401."""
        grant = self.grant()
        if grant is None:
            raise errors.unauthenticated(sent=bool(self.bearer()))
        return grant


class Userinfo(GoogleEndpoint):
    """`GET`, in the shape of oauth2 v2; the name only with the profile scope."""

    route = "userinfo"

    async def get(self) -> None:
        """Who the person is."""
        grant = self.caller()
        await self.face(Spot(self.provider, "userinfo", grant.account))
        if f"{GOOGLE}userinfo.email" not in grant.scopes:
            raise errors.unauthenticated()
        number = int.from_bytes(seed(grant.account)[:8], "big")
        found: dict[str, object] = {"id": f"1{number:020}", "email": grant.account, "verified_email": True}
        if f"{GOOGLE}userinfo.profile" in grant.scopes:
            found["name"] = grant.account.partition("@")[0].replace(".", " ").title()
        self.answer(found | {"picture": "https://lh3.googleusercontent.example/a/default=s96-c"})


class Groups(GoogleEndpoint):
    """`GET`, the groups of the account."""

    route = "groups"

    async def get(self) -> None:
        """All of them on one page."""
        grant = self.caller()
        await self.face(Spot(self.provider, "groups", grant.account))
        if not covers_contacts(grant.scopes):
            raise errors.scope_missing()
        groups = contact_groups()
        self.answer({"contactGroups": groups, "totalItems": len(groups)})


class Connections(GoogleEndpoint):
    """`GET`, one page of contacts."""

    route = "page"

    async def get(self) -> None:
        """Counted as in flight from the first check to the last byte handed over."""
        with self.sandbox.stats.page_request():
            await self._page()

    async def _page(self) -> None:
        grant = self.caller()
        fields, size = self._fields(), self._size()
        turn = self._turn(grant)
        where = Spot(self.provider, "page", grant.account, page_number(turn, size), turn.repeated)
        shaping = await self.face(where)
        await self.lag()
        if not covers_contacts(grant.scopes):
            raise errors.scope_missing()
        self.sandbox.stats.pages[grant.account] += 1
        self.answer(self._body(grant, fields, size, turn, shaping))

    def _body(
        self, grant: Grant, fields: tuple[str, ...], size: int, turn: Turn, shaping: Shaping
    ) -> dict[str, object]:
        if poisoned(turn, size, shaping):
            raise errors.FAULTS["http_500"](shaping["poison"])
        start, stop = span(turn, size, grant.size, shaping)
        entries = tampered(self._entries(grant, fields, start, stop), shaping)
        following = onward(turn, size, grant.size, shaping)
        body: dict[str, object] = {} if entries == b"[]" else {"connections": msgspec.Raw(entries)}
        if following:
            body["nextPageToken"] = self._token(grant, following)
        return body | {"totalPeople": grant.size, "totalItems": grant.size}

    def _entries(self, grant: Grant, fields: tuple[str, ...], start: int, stop: int) -> bytes:
        book = self.sandbox.book(grant.account, grant.size)

        def build() -> bytes:
            return msgspec.json.encode([connection(person(book, index), fields) for index in range(start, stop)])

        return self.sandbox.pages.get(("google", book, start, stop, fields), build)

    def _fields(self) -> tuple[str, ...]:
        fields = tuple(sorted({field.strip() for field in self.query("personFields").split(",")} - {""}))
        if not fields:
            raise errors.invalid("personFields mask is required. Please specify one or more valid paths.")
        for field in fields:
            if field not in FIELDS:
                raise errors.invalid(f'Invalid personFields mask path: "{field}".')
        return fields

    def _size(self) -> int:
        text = self.query("pageSize") or "0"
        if not re.fullmatch("[0-9]{1,4}", text) or int(text) > _MOST:
            raise errors.invalid("Page size must be between 1 and 1000.")
        return int(text) or 100

    def _turn(self, grant: Grant) -> Turn:
        token = self.query("pageToken")
        if not token:
            return Turn(0)
        try:
            packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            turn = Turn(int.from_bytes(packed[:8], "big"), bool(packed[8]))
        except (Base64Error, IndexError, ValueError):
            raise errors.invalid("Request contains an invalid argument.") from None
        if not hmac.compare_digest(token, self._token(grant, turn)):
            raise errors.invalid("Request contains an invalid argument.")
        return turn

    def _token(self, grant: Grant, turn: Turn) -> str:
        bound = sorted((name, values) for name, values in self.request.query_arguments.items() if name not in _UNBOUND)
        place = turn.start.to_bytes(8, "big") + bytes([turn.repeated])
        seal = blake2b(repr((grant.id, bound, place)).encode(), key=self.sandbox.secret, digest_size=16).digest()
        return urlsafe_b64encode(place + seal).decode().rstrip("=")
