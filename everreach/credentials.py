"""A job's tokens: sealed for the database, opened for a call, refreshed once for all who use them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from everreach.errors import ReconnectError, TokenRejectedError
from everreach.job import Job, Lease
from everreach.metrics import of_provider
from everreach.vault import Vault
from providers.base import Grant, Provider
from storage.leases import LeaseStore

EXPIRY_MARGIN: Final = timedelta(seconds=60)
"""How long before its end an access token is no longer used: a page may take that long."""

T = TypeVar("T")


def sealed(vault: Vault, job: Job, grant: Grant) -> dict[str, Any]:
    """The grant as the job's fields. A grant without a refresh token leaves the stored one alone."""
    fields: dict[str, Any] = {"token_expires_at": grant.expires_at}
    for name, token in (("access_token", grant.access_token), ("refresh_token", grant.refresh_token)):
        if token:
            fields[name] = vault.seal(token, job_id=job.id, user_id=job.user_id, field=name)
    return fields


class Credentials:
    """The tokens of one leased job."""

    def __init__(self, lease: Lease, provider: Provider, vault: Vault, leases: LeaseStore) -> None:
        self._lease = lease
        self._provider = provider
        self._vault = vault
        self._leases = leases
        self._refreshing = asyncio.Lock()

    async def use(self, call: Callable[[str], Awaitable[T]]) -> T:
        """Make a call with the access token, and once more with a new one where the provider rejects it."""
        token = await self._current()
        try:
            return await call(token)
        except TokenRejectedError:
            return await call(await self._replace(token))

    async def _current(self) -> str:
        expires = self._lease.job.token_expires_at
        token = self._open("access_token")
        if token is None or (expires and expires - EXPIRY_MARGIN < datetime.now(UTC) and self._lease.job.refresh_token):
            return await self._replace(token)
        return token

    async def _replace(self, rejected: str | None) -> str:
        async with self._refreshing:
            current = self._open("access_token")
            if current is not None and current != rejected:
                return current
            refresh_token = self._open("refresh_token")
            if refresh_token is None:
                raise ReconnectError
            grant = await self._provider.refresh(refresh_token)
            of_provider(self._provider.name).refreshes.inc()
            # A rotated refresh token must not be lost: it is stored before the new access is used.
            await self._leases.store_tokens(self._lease, sealed(self._vault, self._lease.job, grant))
            return grant.access_token

    def _open(self, field: str) -> str | None:
        job = self._lease.job
        value: str | None = getattr(job, field)
        return self._vault.open(value, job_id=job.id, user_id=job.user_id, field=field) if value else None
