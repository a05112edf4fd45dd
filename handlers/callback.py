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
from handlers.operation import Answer, Tag, operation
from handlers.params import PathPart, Sent
from handlers.services import Services
from providers.base import Grant, Provider

_DENIALS: Final = frozenset({"access_denied", "consent_required"})
_CODE_LIMIT: Final = 4096
_NOT_CONNECTED: Final = "The account could not be connected. Please start the import again."
_NO_CONTACTS_SCOPE: Final = "Access to the contacts was not given. Please import again and leave the contacts ticked."
_LINK: Final = "`everreach://import-callback/{provider}?job_id={id}&status=success`, or an error's word."
_PROVIDER: Final = PathPart("provider", "Who sends the person back.", "google")
_STATE: Final = Sent("state", "What `start` put into the consent page's address.", "eyJqb2JfaWQiOiI0MDQ4")
_CODE: Final = Sent("code", "What the provider gave for the consent.", "4/0AVMBsJj")
_ERROR: Final = Sent("error", "Why there is no consent, in the provider's words.", "access_denied")
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

    @operation(
        "callback",
        Tag.CONSENT,
        anyone=True,
        takes=(_PROVIDER, _STATE, _CODE, _ERROR),
        answers=(Answer(302, "To the app, whatever arrives.", headers={"Location": _LINK}),),
        errors=None,
    )
    async def get(self, name: str, state: str | None, code: str | None, error: str | None) -> None:
        """Where a provider sends people back

        For browsers, held by `state` and not by a token. Whatever arrives, the answer is a redirect to the app:
        `everreach://import-callback/{provider}?job_id={id}&status=success` once the import is on its way, else
        `…&status=error&message={word}`.

        The words: `access_denied` (the person said no), `contacts_scope_missing` (the person unticked the contacts),
        `expired_state` and `invalid_state` (the consent came too late, twice, or not from us),
        `token_exchange_failed`, `provider_error`, `missing_code`, `invalid_provider`, `import_ended` (cancelled
        meanwhile) and `server_error`. Where no job can be told, `job_id` is empty; a provider that we do not know is
        written `unknown`.
        """
        try:
            known = parse_state(state or "")
            self._job_id = known.job_id
            about_job(known.job_id)
            self.services.runner.spawn(await self._consented(name, known, code, error))
        except CallbackError as failure:
            self._to_app(name, failure.code)
        else:
            self._to_app(name)

    # Some set-ups of a provider send the answer as a form.
    post = get

    def options(self, *_: str) -> None:
        """Nobody preflights a link: this is one more way to come here by mistake."""
        self._to_app(self._name(), "invalid_state")

    # Who only looks ahead spends nothing.
    head = options

    def write_error(self, status_code: int, **_: Any) -> None:
        """Even what nobody foresaw, or what was refused before it got here, ends in the app."""
        self._to_app(self._name(), "server_error")

    async def _consented(self, name: str, state: State, code: str | None, error: str | None) -> Job:
        provider = self.services.providers.get(name)
        if provider is None or not provider.configured:
            raise CallbackError("invalid_provider")
        await self._check_error(provider, state, error)
        present = self._check_code(code)
        job = await self._check_state(provider, state)
        return await self._exchange(provider, job, present)

    async def _check_error(self, provider: Provider, state: State, error: str | None) -> None:
        """The first gate: the provider says that there is no consent."""
        if error is None:
            return
        if error in _DENIALS:
            if await self.services.jobs.deny(state, provider.name) is None:
                raise await self._unserviceable(provider, state)
            raise CallbackError("access_denied")
        job = await self._check_state(provider, state)
        await self.services.jobs.refuse(job, _NOT_CONNECTED)
        raise CallbackError("provider_error")

    def _check_code(self, code: str | None) -> str:
        """The second gate: there is something to exchange."""
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

    def _name(self) -> str:
        """The provider's name as it stands in the path; Tornado may not have looked at that yet."""
        return self.request.path.split("/")[-2]

    def _to_app(self, name: str, code: str | None = None) -> None:
        outcome = {"status": "error", "message": code} if code else {"status": "success"}
        known = name if name in self.services.providers else "unknown"
        self.redirect(f"everreach://import-callback/{known}?{urlencode({'job_id': self._job_id, **outcome})}")
