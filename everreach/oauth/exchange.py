"""From a code to an import under way: the exchange, the sealing, the step to `fetching`; and what goes otherwise.

A person waits for a few seconds at most. A grant that comes later than that serves the job's retry, and one that serves
nobody is revoked where the provider has a way to.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from everreach.errors import CallbackError, DatabaseAwayError, ProviderError, VaultError
from everreach.jobs.job import RUNNING, Job, Status
from everreach.oauth.owned_tasks import OwnedTasks
from everreach.oauth.provider_tokens import sealed
from everreach.security.oauth_state import State
from everreach.security.vault import Vault
from providers.oauth import Grant, OAuthFlow
from storage.consents import EXCHANGE_SECONDS
from storage.jobs import JobStore

NOT_CONNECTED: Final = "The account could not be connected. Please start the import again."
RUNS: Final = RUNNING | {Status.COMPLETED}
"""A job with one of these made something of its consent."""

_AGAIN_SECONDS: Final = 0.5
_NO_CONTACTS_SCOPE: Final = "Access to the contacts was not given. Please import again and leave the contacts ticked."
_log = logging.getLogger(__name__)


class Exchange:
    """Exchanges the codes of jobs whose state was spent. `go` sets a job going once its tokens are stored."""

    def __init__(self, jobs: JobStore, vault: Vault, tasks: OwnedTasks, go: Callable[[Job], None]) -> None:
        self._jobs = jobs
        self._vault = vault
        self._tasks = tasks
        self._go = go

    async def run(self, flow: OAuthFlow, job: Job, state: State, code: str, seconds: float) -> None:
        """Exchange the code, within so many seconds, and set the import going.

        Raises CallbackError: the job has failed then, or had ended before; DatabaseError.
        """
        grant = await self._grant(flow, job, code, seconds)
        if not flow.allows_contacts(grant):
            try:
                await self._jobs.refuse(job, _NO_CONTACTS_SCOPE)
            finally:
                self._throw_away(flow, job, grant)
            raise CallbackError("contacts_scope_missing")
        consented = await self._consent(job, state, grant)
        if consented is None:
            # The person cancelled or was erased, or the exchange took too long, while we were away at the provider.
            self._throw_away(flow, job, grant)
            raise CallbackError("import_ended")
        self._go(consented)

    async def _grant(self, flow: OAuthFlow, job: Job, code: str, seconds: float) -> Grant:
        try:
            exchanging = self._tasks.start(flow.exchange(code, self._verifier(job)), "exchange")
            await asyncio.wait({exchanging}, timeout=seconds)
            if exchanging.done():
                return exchanging.result()
        except (ProviderError, VaultError):
            await self._jobs.refuse(job, NOT_CONNECTED)
            raise CallbackError("token_exchange_failed") from None
        _log.warning("the exchange takes too long, and the person is not kept waiting")
        try:
            await self._jobs.refuse(job, f"{flow.title} took too long to answer. Please try again.")
        finally:
            self._tasks.start(self._keep(flow, job, exchanging), "late exchange")
        raise CallbackError("token_exchange_failed")

    async def _consent(self, job: Job, state: State, grant: Grant) -> Job | None:
        """Store the tokens and take the step to `fetching`, as soon as the database lets us; None where the job ended.

        Where a statement's answer was lost, the next one matches nothing although the job runs: so that is looked at.
        """
        loop, tokens = asyncio.get_running_loop(), sealed(self._vault, job, grant)
        until = loop.time() + EXCHANGE_SECONDS
        while True:
            try:
                if consented := await self._jobs.consent(job, tokens):
                    return consented
                present = await self._jobs.consented(state, job.provider)
                return present if present and present.status in RUNS else None
            except DatabaseAwayError:
                if loop.time() > until:
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _keep(self, flow: OAuthFlow, job: Job, exchanging: asyncio.Task[Grant]) -> None:
        """Keep what comes after the person was sent on: the job has failed, and its retry needs no new consent then."""
        try:
            grant = await exchanging
        except ProviderError:
            return  # The task told it.
        if flow.allows_contacts(grant) and await self._jobs.keep(job, sealed(self._vault, job, grant)):
            _log.info("the tokens came late, and are kept for a retry")
        else:
            await self._revoke(flow, job, grant)

    def _throw_away(self, flow: OAuthFlow, job: Job, grant: Grant) -> None:
        self._tasks.start(self._revoke(flow, job, grant), "revocation")

    async def _revoke(self, flow: OAuthFlow, job: Job, grant: Grant) -> None:
        """End a grant that serves nobody, unless the person has another one of this provider.

        To revoke one token ends all that the account gave us, also that of an import under way:
        https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke.
        """
        if await self._jobs.grants_beside(job):
            _log.info("a grant stays at the provider: to revoke it might end another import of this person's")
        elif await flow.revoke(grant.refresh_token or grant.access_token):
            _log.info("a grant that serves nobody was revoked")

    def _verifier(self, job: Job) -> str:
        kept = job.pkce_verifier or ""
        return self._vault.open(kept, job_id=job.id, user_id=job.user_id, field="pkce_verifier")
