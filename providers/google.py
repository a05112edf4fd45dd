"""Google People: constants, one request for a page, one parser.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from everreach.config import Config
from everreach.contact import Address, Contact, Entries, Entry, Labelled, Organization, Page
from everreach.errors import ListingExpiredError, ProviderError, ThrottledError
from providers.base import PAGE_SIZE, Account, Grant, Provider, Total
from providers.http import Http, Reply
from providers.shape import address, contact, entry, joined, labelled, organization
from providers.tolerant import detail

_FIELDS: Final = "names,nicknames,emailAddresses,phoneNumbers,addresses,organizations,metadata"
_CONTACTS: Final = "https://www.googleapis.com/auth/contacts"
_QUOTA_REASONS: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})


class _Source(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None


class _PersonMetadata(msgspec.Struct, gc=False):
    sources: list[_Source | None] | None = None


class _Metadata(msgspec.Struct, gc=False):
    primary: bool | None = None


class _Field(msgspec.Struct, gc=False, omit_defaults=True):
    metadata: _Metadata | None = None
    type: str | None = None

    @property
    def primary(self) -> bool:
        return self.metadata is not None and self.metadata.primary is True


F = TypeVar("F", bound=_Field)


class _Name(_Field, gc=False, omit_defaults=True, rename="camel"):
    display_name: str | None = None
    unstructured_name: str | None = None
    given_name: str | None = None
    family_name: str | None = None


class _Value(_Field, gc=False, omit_defaults=True, rename="camel"):
    value: str | None = None
    canonical_form: str | None = None


class _Address(_Field, gc=False, omit_defaults=True, rename="camel"):
    formatted_value: str | None = None
    street_address: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class _Organization(_Field, gc=False, omit_defaults=True):
    name: str | None = None
    title: str | None = None
    department: str | None = None


class _Person(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    resource_name: str | None = None
    etag: str | None = None
    metadata: _PersonMetadata | None = None
    names: list[_Name | None] | None = None
    nicknames: list[_Value | None] | None = None
    email_addresses: list[_Value | None] | None = None
    phone_numbers: list[_Value | None] | None = None
    addresses: list[_Address | None] | None = None
    organizations: list[_Organization | None] | None = None


class _Connections(msgspec.Struct, rename="camel"):
    connections: list[msgspec.Raw] | None = None
    next_page_token: str | None = None
    total_items: Total | None = None


class _UserInfo(msgspec.Struct):
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
        info = await self._read(access_token, self._userinfo_url, _UserInfo, home=self._userinfo_url)
        return Account(info.id, info.email)

    async def page(self, access_token: str, position: str | None) -> Page:
        """A page of connections; `position` is Google's page token."""
        query = {"personFields": _FIELDS, "pageSize": str(PAGE_SIZE), **({"pageToken": position} if position else {})}
        url = f"{self._people_url}/v1/people/me/connections?{urlencode(query, safe=',')}"
        listing = await self._read(access_token, url, _Connections, home=self._people_url)
        entries = Entries(listing.connections or (), partial(_entry, position))
        return Page(entries, listing.next_page_token or None, listing.total_items)

    def _refusal(self, reply: Reply) -> ProviderError:
        if reply.status == 400:
            # The lifetime of a page token is undocumented; a dead one is a 400 like any malformed request.
            return ListingExpiredError()
        if reply.status == 403:
            return _forbidden(detail(reply.body, _ErrorBody).error or _Error(), reply)
        return super()._refusal(reply)


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


def _entry(position: str | None, place: int, sent: msgspec.Raw) -> Entry:
    person = detail(sent, _Person)
    id_ = _contact_id(person) or person.resource_name
    return entry(id_, person.etag, _contact(person), sent, f"{position}:{place}")


def _contact_id(person: _Person) -> str | None:
    """The id of the contact itself: a resource name changes with the links of the person."""
    for source in (person.metadata and person.metadata.sources) or ():
        if source and source.type == "CONTACT" and source.id:
            return source.id
    return None


def _contact(person: _Person) -> Contact:
    return contact(
        names=_names(person),
        emails=[labelled(item.value, item.type, item.primary) for item in person.email_addresses or () if item],
        phones=[_phone(item) for item in person.phone_numbers or () if item],
        addresses=[_address(item) for item in person.addresses or () if item],
        organizations=[_organization(item) for item in person.organizations or () if item],
    )


def _names(person: _Person) -> Iterator[str | None]:
    """What a person may be called, the best first; only as many are looked for as are needed."""
    name = _primary(person.names) or _Name()
    yield name.display_name
    yield name.unstructured_name
    yield joined(name.given_name, name.family_name)
    yield (_primary(person.nicknames) or _Value()).value


def _primary(items: Sequence[F | None] | None) -> F | None:
    # A person merged from several sources has several names, and their order says nothing.
    first = None
    for item in items or ():
        if item and item.primary:
            return item
        first = first or item
    return first


def _phone(item: _Value) -> Labelled | None:
    return labelled(item.canonical_form or item.value, item.type, item.primary)


def _address(item: _Address) -> Address:
    return address(
        item.type,
        formatted=item.formatted_value,
        street=item.street_address,
        city=item.city,
        region=item.region,
        postal_code=item.postal_code,
        country=item.country,
    )


def _organization(item: _Organization) -> Organization:
    return organization(item.type, name=item.name, title=item.title, department=item.department)
