"""Callback: three gates, then exchange, spend, go. Whatever arrives, the answer is a redirect to the app."""

import logging
from typing import Any, Final
from urllib.parse import urlencode

from everreach.credentials import sealed
from everreach.errors import CallbackError, ProviderError, VaultError
from everreach.job import Job
from everreach.logs import about_job
from everreach.oauth_state import State, parse_state
from handlers.base import BaseHandler
from handlers.services import Services
from providers.base import Grant, Provider

_DENIALS: Final = frozenset({"access_denied", "consent_required"})
_CODE_LIMIT: Final = 4096
_NOT_CONNECTED: Final = "The account could not be connected. Please start the import again."
_NO_CONTACTS_SCOPE: Final = "Access to the contacts was not given. Please import again and leave the contacts ticked."
_log = logging.getLogger(__name__)


class CallbackHandler(BaseHandler):
    """Where a provider sends people back. Held by `state`, not by a token."""

    def initialize(self, services: Services) -> None:
        """No job is told yet."""
        super().initialize(services)
        self._job_id = ""

    def set_default_headers(self) -> None:
        """The address holds a code, which must not travel on to another site."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")

    async def get(self, name: str) -> None:
        """302 to the app, with `status=success` once the import is on its way."""
        try:
            state = parse_state(self._sent("state") or "")
            self._job_id = state.job_id
            about_job(state.job_id)
            self.services.runner.spawn(await self._consented(name, state))
        except CallbackError as error:
            self._to_app(name, error.code)
        else:
            self._to_app(name)

    async def post(self, name: str) -> None:
        """Some set-ups of a provider send the answer as a form."""
        await self.get(name)

    def options(self, *_: str) -> None:
        """Nobody preflights a link: this is one more way to come here by mistake."""
        self._to_app(self._name(), "invalid_state")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Even what nobody foresaw, or what was refused before it got here, ends in the app."""
        self._to_app(self._name(), "server_error")

    async def _consented(self, name: str, state: State) -> Job:
        provider = self.services.providers.get(name)
        if provider is None or not provider.configured:
            raise CallbackError("invalid_provider")
        await self._check_error(provider, state)
        code = self._check_code()
        job = await self._check_state(provider, state)
        return await self._exchange(provider, job, code)

    async def _check_error(self, provider: Provider, state: State) -> None:
        """The first gate: the provider says that there is no consent."""
        error = self._sent("error")
        if error is None:
            return
        if error in _DENIALS:
            if await self.services.jobs.deny(state, provider.name) is None:
                raise await self._unserviceable(provider, state)
            raise CallbackError("access_denied")
        job = await self._check_state(provider, state)
        await self.services.jobs.refuse(job, _NOT_CONNECTED)
        raise CallbackError("provider_error")

    def _check_code(self) -> str:
        """The second gate: there is something to exchange."""
        code = self._sent("code")
        if not code or len(code) > _CODE_LIMIT:
            raise CallbackError("missing_code")
        return code

    async def _check_state(self, provider: Provider, state: State) -> Job:
        """The third gate: the state serves, and from here on serves nobody else."""
        job = await self.services.jobs.spend(state, provider.name)
        if job is None:
            raise await self._unserviceable(provider, state)
        return job

    async def _unserviceable(self, provider: Provider, state: State) -> CallbackError:
        late = await self.services.jobs.expired(state, provider.name)
        return CallbackError("expired_state" if late else "invalid_state")

    async def _exchange(self, provider: Provider, job: Job, code: str) -> Job:
        try:
            grant = await provider.exchange(code, self._verifier(job))
        except (ProviderError, VaultError) as error:
            _log.warning("the exchange failed: %s", type(error).__name__)
            await self.services.jobs.refuse(job, _NOT_CONNECTED)
            raise CallbackError("token_exchange_failed") from None
        if not provider.allows_contacts(grant):
            await self.services.jobs.refuse(job, _NO_CONTACTS_SCOPE)
            raise CallbackError("contacts_scope_missing")
        return await self._go(job, grant)

    async def _go(self, job: Job, grant: Grant) -> Job:
        consented = await self.services.jobs.consent(job, sealed(self.services.vault, job, grant))
        if consented is None:
            # The person cancelled, or the exchange took too long, while we were away at the provider.
            raise CallbackError("import_ended")
        return consented

    def _verifier(self, job: Job) -> str:
        kept = job.pkce_verifier or ""
        return self.services.vault.open(kept, job_id=job.id, user_id=job.user_id, field="pkce_verifier")

    def _sent(self, name: str) -> str | None:
        """A parameter that came exactly once and is text."""
        values = [*self.request.query_arguments.get(name, ()), *self.request.body_arguments.get(name, ())]
        try:
            return values[0].decode() if len(values) == 1 else None
        except UnicodeDecodeError:
            return None

    def _name(self) -> str:
        """The provider's name as it stands in the path; Tornado may not have looked at that yet."""
        return self.request.path.split("/")[-2]

    def _to_app(self, name: str, code: str | None = None) -> None:
        outcome = {"status": "error", "message": code} if code else {"status": "success"}
        known = name if name in self.services.providers else "unknown"
        self.redirect(f"everreach://import-callback/{known}?{urlencode({'job_id': self._job_id, **outcome})}")
