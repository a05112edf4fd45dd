"""The source of a provider with an API: what is read with a person's access token, whoever holds that."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from everreach.contacts.page import Page
from providers.account import Account
from providers.paging import Smaller


class Listing(Protocol):
    """The pages of one account."""

    async def page(self, access_token: str, position: str | None) -> Page:
        """One page; see ApiSource.page."""


class ApiSource(ABC):
    """The contacts that a provider's API lists for an access token."""

    counts_more: ClassVar[bool] = False
    """Whether the number of contacts that it announces includes what is none."""

    @abstractmethod
    async def account(self, access_token: str) -> Account:
        """Whose address book it is."""

    @abstractmethod
    async def page(self, access_token: str, position: str | None) -> Page:
        """One page of contacts; `position` is what the page before gave as `next`, None for the first.

        Raises ListingExpiredError where the provider no longer knows the position, and ProviderError.
        """

    def listing(self) -> Listing:
        """The listing of one account, for a source that has to keep something in mind from page to page."""
        return self

    def smaller(self, position: str | None) -> Smaller | None:
        """Where to go on where the page at `position` cannot be had as it is; None where there is nothing to try."""
        return None
