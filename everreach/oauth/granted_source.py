"""A provider's address book as a job reads it: with the tokens that its person granted."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from everreach.contacts.page import Page
from everreach.jobs.job import Lease
from everreach.oauth.provider_tokens import ProviderTokens
from everreach.security.vault import Vault
from providers.base import Account, Provider
from providers.paging import Smaller
from storage.leases import LeaseStore


class GrantedReading:
    """A provider's pages for one leased job."""

    def __init__(self, provider: Provider, tokens: ProviderTokens) -> None:
        self._provider = provider
        self._listing = provider.listing()
        self._tokens = tokens

    async def account(self) -> Account:
        """Whose address book it is."""
        return await self._tokens.use(self._provider.account)

    async def page(self, position: str | None) -> Page:
        """One page; see Provider.page."""
        return await self._tokens.use(lambda token: self._listing.page(token, position))


class GrantedSource:
    """One provider, for all jobs that have its grant."""

    def __init__(self, provider: Provider, vault: Vault, leases: LeaseStore) -> None:
        self._provider = provider
        self._vault = vault
        self._leases = leases
        self.title = provider.title
        self.counts_more = provider.counts_more

    @asynccontextmanager
    async def open(self, lease: Lease) -> AsyncIterator[GrantedReading]:
        """Open it with the job's tokens. A refresh that was begun is finished before it is closed."""
        async with ProviderTokens(lease, self._provider, self._vault, self._leases) as tokens:
            yield GrantedReading(self._provider, tokens)

    def smaller(self, position: str | None) -> Smaller | None:
        """See Provider.smaller."""
        return self._provider.smaller(position)


def granted_sources(providers: Mapping[str, Provider], vault: Vault, leases: LeaseStore) -> dict[str, GrantedSource]:
    """A source for each provider, by its name."""
    return {name: GrantedSource(provider, vault, leases) for name, provider in providers.items()}
