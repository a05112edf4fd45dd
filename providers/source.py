"""What the engine reads from, whatever it is: a provider's listing, a file, an address book behind a password."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from everreach.contacts.page import Page
from everreach.jobs.job import Lease
from providers.account import Account
from providers.paging import Smaller


class Reading(Protocol):
    """A source that is open for one leased job."""

    async def account(self) -> Account:
        """Whose address book it is."""

    async def page(self, position: str | None) -> Page:
        """One page; `position` is what the page before gave as `next`, None for the first.

        Raises ListingExpiredError where the source no longer knows the position, and ProviderError.
        """


class ContactSource(Protocol):
    """Where the contacts of some jobs come from: those with its name as their `provider`."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    @property
    def counts_more(self) -> bool:
        """Whether the number of contacts that it announces includes what is none."""

    def open(self, lease: Lease) -> AbstractAsyncContextManager[Reading]:
        """Open it for a job. Raises ProviderError where it cannot be read any more."""

    def smaller(self, position: str | None) -> Smaller | None:
        """Where to go on where the page at `position` cannot be had as it is; None where there is nothing to try."""
