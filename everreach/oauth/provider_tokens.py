"""A job's tokens: sealed for the database, opened for a call, refreshed once for all who use them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self, TypeVar

from everreach.errors import DatabaseAwayError, ReconnectError, TokenRejectedError
from everreach.jobs.job import Job, Lease
from everreach.observability.metrics import of_provider
from everreach.security.vault import Vault
from providers.oauth import Grant, OAuthFlow
from storage.leases import LeaseStore

EXPIRY_MARGIN: Final = timedelta(seconds=60)
"""How long before its end an access token is no longer used: a page may take that long."""

FINISHING_SECONDS: Final = 60.0
"""How long a refresh is waited for when its turn is over, and how long a database that is away to take its tokens."""

_PAUSE_SECONDS: Final = 0.5

T = TypeVar("T")


def sealed(vault: Vault, job: Job, grant: Grant) -> dict[str, Any]:
    """The grant as the job's fields. A grant without a refresh token leaves the stored one alone."""
    fields: dict[str, Any] = {"token_expires_at": grant.expires_at}
    for name, token in (("access_token", grant.access_token), ("refresh_token", grant.refresh_token)):
        if token:
            fields[name] = vault.seal(token, job_id=job.id, user_id=job.user_id, field=name)
    return fields


class ProviderTokens:
    """The tokens of one leased job. Use as an async context manager: a refresh that was begun is finished.

    With its answer the provider may have ended the refresh token that the job has. So whoever waits for a refresh may
    be called off, but not the refresh, and the lease is kept until the new tokens are stored.
    """

    def __init__(self, lease: Lease, flow: OAuthFlow, vault: Vault, leases: LeaseStore) -> None:
        self._lease = lease
        self._flow = flow
        self._vault = vault
        self._leases = leases
        self._refreshing: asyncio.Task[str] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if refreshing := self._refreshing:
            try:
                await asyncio.wait({refreshing}, timeout=FINISHING_SECONDS)
            finally:
                refreshing.cancel()

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
        if self._refreshing is None or self._refreshing.done():
            current = self._open("access_token")
            if current is not None and current != rejected:
                return current
            self._refreshing = asyncio.create_task(self._refresh(), name="refresh")
            self._refreshing.add_done_callback(self._refreshed)
        return await asyncio.shield(self._refreshing)

    def _refreshed(self, _: asyncio.Task[str]) -> None:
        # Its error went through here and must not be held here: see Turn.during.
        self._refreshing = None

    async def _refresh(self) -> str:
        refresh_token = self._open("refresh_token")
        if refresh_token is None:
            raise ReconnectError
        grant = await self._flow.refresh(refresh_token)
        of_provider(self._flow.name).refreshes.inc()
        # A rotated refresh token must not be lost: it is stored before the new access is used.
        await self._store(sealed(self._vault, self._lease.job, grant))
        return grant.access_token

    async def _store(self, tokens: dict[str, Any]) -> None:
        """Store them as soon as the database answers, for a while; nobody else has them."""
        given_up = time.monotonic() + FINISHING_SECONDS
        while True:
            try:
                await self._leases.store_tokens(self._lease, tokens)
            except DatabaseAwayError:
                if time.monotonic() > given_up:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311
            else:
                return

    def _open(self, field: str) -> str | None:
        job = self._lease.job
        value: str | None = getattr(job, field)
        return self._vault.open(value, job_id=job.id, user_id=job.user_id, field=field) if value else None
