"""Start: a new job, and where its person gives consent."""

import uuid

from everreach.errors import InvalidProviderError, NotConfiguredError
from everreach.oauth_state import challenge, new_state, new_verifier
from handlers.base import BaseHandler
from providers.base import Provider


class StartHandler(BaseHandler):
    """Makes a job that waits for consent."""

    async def post(self, name: str) -> None:
        """{"job_id", "authorization_url", "provider"}."""
        user_id = (await self.caller()).user_id
        provider = self._provider(name)
        await self.services.limits.hit(self.services.config.start_rate, "start", user_id)
        job_id, verifier = str(uuid.uuid4()), new_verifier()
        text, state = new_state(job_id, user_id)
        vault, ttl = self.services.vault, self.services.config.oauth_state_ttl_seconds
        kept = vault.seal(verifier, job_id=job_id, user_id=user_id, field="pkce_verifier")
        await self.services.jobs.create(state, name, kept, ttl)
        url = provider.authorization_url(text, challenge(verifier))
        self.write_json({"job_id": job_id, "authorization_url": url, "provider": name})

    def _provider(self, name: str) -> Provider:
        provider = self.services.providers.get(name)
        if provider is None:
            raise InvalidProviderError
        if not provider.configured:
            settings = f"{name.upper()}_CLIENT_ID and {name.upper()}_CLIENT_SECRET"
            message = f"{provider.title} OAuth not configured. Please set {settings}."
            raise NotConfiguredError(message, provider.setup_url)
        return provider
