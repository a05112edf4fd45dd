"""A provider's address book as a job reads it: with the tokens that its person granted."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from everreach.contacts.page import Page
from everreach.jobs.job import Lease
from everreach.oauth.provider_tokens import ProviderTokens
from everreach.security.vault import Vault
from providers.account import Account
from providers.api_source import ApiSource
from providers.paging import Smaller
from providers.provider import Connected
from storage.leases import LeaseStore


class GrantedReading:
    """A provider's pages for one leased job."""

    def __init__(self, source: ApiSource, tokens: ProviderTokens) -> None:
        self._source = source
        self._listing = source.listing()
        self._tokens = tokens

    async def account(self) -> Account:
        """Whose address book it is."""
        return await self._tokens.use(self._source.account)

    async def page(self, position: str | None) -> Page:
        """One page; see ApiSource.page."""
        return await self._tokens.use(lambda token: self._listing.page(token, position))


class GrantedSource:
    """One provider, for all jobs that have its grant."""

    def __init__(self, provider: Connected, vault: Vault, leases: LeaseStore) -> None:
        self._provider = provider
        self._vault = vault
        self._leases = leases
        self.title = provider.title
        self.counts_more = provider.source.counts_more

    @asynccontextmanager
    async def open(self, lease: Lease) -> AsyncIterator[GrantedReading]:
        """Open it with the job's tokens. A refresh that was begun is finished before it is closed."""
        async with ProviderTokens(lease, self._provider.flow, self._vault, self._leases) as tokens:
            yield GrantedReading(self._provider.source, tokens)

    def smaller(self, position: str | None) -> Smaller | None:
        """See ApiSource.smaller."""
        return self._provider.source.smaller(position)


def granted_sources(providers: Mapping[str, Connected], vault: Vault, leases: LeaseStore) -> dict[str, GrantedSource]:
    """A source for each provider, by its name."""
    return {name: GrantedSource(provider, vault, leases) for name, provider in providers.items()}
