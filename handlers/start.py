"""Start: a new job, and where its person gives consent."""

import uuid
from typing import NamedTuple

from everreach.errors import InvalidProviderError, NotConfiguredError
from everreach.logs import about_job
from everreach.oauth_state import State, challenge, new_state, new_verifier
from handlers.base import BaseHandler
from providers.base import Provider


class Consent(NamedTuple):
    """One question to a person: what the job keeps of its state, the sealed PKCE verifier, and the page's address."""

    state: State
    verifier: str
    url: str


class ConsentHandler(BaseHandler):
    """Whatever sends a person to a provider's consent page."""

    def provider(self, name: str) -> Provider:
        """The provider. Raises InvalidProviderError, or NotConfiguredError with the page where that is mended."""
        provider = self.services.providers.get(name)
        if provider is None:
            raise InvalidProviderError
        if not provider.configured:
            settings = f"{name.upper()}_CLIENT_ID and {name.upper()}_CLIENT_SECRET"
            message = f"{provider.title} OAuth not configured. Please set {settings}."
            raise NotConfiguredError(message, provider.setup_url)
        return provider

    def new_consent(self, job_id: str, user_id: str, provider: Provider) -> Consent:
        """What a job needs to ask for one consent."""
        verifier = new_verifier()
        text, state = new_state(job_id, user_id)
        sealed = self.services.vault.seal(verifier, job_id=job_id, user_id=user_id, field="pkce_verifier")
        return Consent(state, sealed, provider.authorization_url(text, challenge(verifier)))


class StartHandler(ConsentHandler):
    """Makes a job that waits for consent."""

    async def post(self, name: str) -> None:
        """{"job_id", "authorization_url", "provider"}."""
        user_id = (await self.caller()).user_id
        provider = self.provider(name)
        config = self.services.config
        await self.services.limits.hit(config.start_rate, "start", user_id)
        job_id = str(uuid.uuid4())
        about_job(job_id)
        consent = self.new_consent(job_id, user_id, provider)
        await self.services.jobs.create(consent.state, name, consent.verifier, config.oauth_state_ttl_seconds)
        self.write_json({"job_id": job_id, "authorization_url": consent.url, "provider": name})
