"""What becomes of a job that an error stopped: it waits for its source, its page is tried again, or it fails."""

import logging
from collections.abc import Mapping
from typing import Final

from everreach.engine.reconciliation import Reconciliation
from everreach.errors import (
    BrokenListingError,
    OversizeError,
    ProviderError,
    ReconnectError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnrenderedError,
    VaultError,
)
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Lease
from everreach.observability.metrics import of_provider
from providers.source import ContactSource
from storage.leases import LeaseStore

TRY_AGAIN_SECONDS: Final = (1.0, 8.0, 45.0)
"""How long after a failed try a page is tried again."""

_ANEW: Final = Cursor(again=True)
_UNREADABLE_TOKENS: Final = "The stored access can no longer be opened. Please reconnect your account."
_log = logging.getLogger(__name__)


class Setbacks:
    """Ends the turn of a job by what stopped it. After that no worker has the job any more."""

    def __init__(
        self, leases: LeaseStore, reconciliation: Reconciliation, sources: Mapping[str, ContactSource]
    ) -> None:
        self._leases = leases
        self._reconciliation = reconciliation
        self._sources = sources

    async def take(self, lease: Lease, error: ProviderError | VaultError) -> None:
        """Hand the job back until its source may be willing, or fail it. Raises LeaseLostError where it is not ours."""
        match error:
            case ThrottledError():
                await self._wait_out(lease, error)
            case TransientError():
                await self._try_again(lease, error)
            case VaultError():
                await self._fail(lease, _UNREADABLE_TOKENS, keep_tokens=False)
            case ReconnectError() | TokenRejectedError():
                await self._fail(lease, error.message, keep_tokens=False)
            case BrokenListingError():
                await self._fail(lease, error.message, cursor=_ANEW)
            case ProviderError():
                await self._fail(lease, error.message)

    async def _wait_out(self, lease: Lease, error: ThrottledError) -> None:
        """Hand the job back until the provider is willing again; no worker sleeps for it."""
        if not await self._leases.wait_out(lease, error.retry_after):
            await self._fail(lease, error.message)

    async def _try_again(self, lease: Lease, error: TransientError) -> None:
        """Hand the job back until its page is tried again, in a smaller one where no more tries are left at this size.

        A page that is too large to be read is that at each try.
        """
        job, source = lease.job, self._sources[lease.job.provider]
        seconds, cursor = TRY_AGAIN_SECONDS[0], None
        if job.tries < len(TRY_AGAIN_SECONDS) and not isinstance(error, OversizeError):
            seconds = TRY_AGAIN_SECONDS[job.tries]
        elif isinstance(error, UnrenderedError) and (smaller := source.smaller(job.cursor.position)):
            cursor = job.cursor.smaller(smaller.position, anew=smaller.anew)
        else:
            # With full pages again, should the job be retried: what was the matter may be over by then.
            await self._fail(lease, error.message, cursor=_ANEW if job.cursor.shrunk else None)
            return
        await self._leases.postpone(lease, seconds, cursor)
        of_provider(job.provider).retries.inc()

    async def _fail(
        self, lease: Lease, message: str, *, keep_tokens: bool = True, cursor: Cursor | None = None
    ) -> None:
        # Rows written for a job that somebody else holds by now would be counted by nobody.
        lease.check()
        counts = await self._reconciliation.counts(lease.job)
        await self._leases.fail(lease, message, counts, keep_tokens=keep_tokens, cursor=cursor)
        _log.warning("the import failed: %s", message)
