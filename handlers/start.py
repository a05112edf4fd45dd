"""Start: a new job, and where its person gives consent."""

import uuid
from typing import Final, NamedTuple

from everreach.errors import InvalidProviderError, NotConfiguredError, TooManyRequestsError, UnavailableError
from everreach.logs import about_job
from everreach.oauth_state import State, challenge, new_state, new_verifier
from everreach.tokens import Caller
from handlers.base import BaseHandler
from handlers.bodies import Started
from handlers.operation import Answer, Tag, operation
from handlers.params import PathPart
from providers import REGISTRY
from providers.base import Provider

_PROVIDER: Final = PathPart("provider", "Whose contacts to import.", "google", [kind.name for kind in REGISTRY])


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
            raise InvalidProviderError(self.services.providers)
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

    @operation(
        "startImport",
        Tag.CONSENT,
        takes=(_PROVIDER,),
        answers=(Answer(200, "The job waits for consent.", Started),),
        errors=(InvalidProviderError, NotConfiguredError, TooManyRequestsError, UnavailableError),
    )
    async def post(self, name: str, caller: Caller) -> None:
        """Start an import

        Makes a job that waits for consent, and says where to give it. Open `authorization_url` in the system browser:
        Google refuses to sign people in inside a web view. The address serves once and for ten minutes.

        Five in any hour for each person.
        """
        user_id, config = caller.user_id, self.services.config
        provider = self.provider(name)
        await self.services.limits.hit(config.start_rate, "start", user_id)
        job_id = str(uuid.uuid4())
        about_job(job_id)
        consent = self.new_consent(job_id, user_id, provider)
        await self.services.jobs.create(consent.state, name, consent.verifier, config.oauth_state_ttl_seconds)
        self.write_json(Started(job_id=job_id, authorization_url=consent.url, provider=name))
