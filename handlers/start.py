"""Start: a new job, and where its person gives consent."""

import uuid
from typing import Final

from everreach.errors import InvalidProviderError, NotConfiguredError, TooManyRequestsError, UnavailableError
from everreach.observability.logs import about_job
from everreach.security.authenticator import Caller
from handlers.asked import Wishes
from handlers.base import BaseHandler
from handlers.bodies import Started
from handlers.operation import Answer, Tag, operation
from handlers.parameters import PathPart
from providers import WITH_FLOW
from providers.oauth import OAuthFlow

_PROVIDER: Final = PathPart("provider", "Whose contacts to import.", "google", [one.name for one in WITH_FLOW])


class ConsentHandler(BaseHandler):
    """Whatever sends a person to a provider's consent page."""

    def flow(self, name: str) -> OAuthFlow:
        """Find the flow. Raises InvalidProviderError, or NotConfiguredError with the page where that is mended."""
        flow = self.services.flows.get(name)
        if flow is None:
            raise InvalidProviderError(self.services.flows)
        if not flow.configured:
            settings = f"{flow.settings.named('client_id')} and {flow.settings.named('client_secret')}"
            raise NotConfiguredError(f"{flow.title} OAuth not configured. Please set {settings}.", flow.setup_url)
        return flow

    async def count_consent(self, user_id: str) -> None:
        """Count one consent that is asked for. Raises TooManyRequestsError."""
        await self.services.limits.hit(self.services.config.start_rate, "start", user_id)

    def web_app(self) -> str | None:
        """The origin of the web app that asks, to which its person comes back; None for the app on a phone."""
        return self.services.config.frontend_of(self.request.headers.get("Origin"))


class StartHandler(ConsentHandler):
    """Makes a job that waits for consent."""

    @operation(
        "startImport",
        Tag.CONSENT,
        takes=(_PROVIDER,),
        answers=(Answer(200, "The job waits for consent.", Started),),
        errors=(InvalidProviderError, NotConfiguredError, TooManyRequestsError, UnavailableError),
        body=Wishes,
    )
    async def post(self, name: str, caller: Caller, body: Wishes) -> None:
        """Start an import

        Makes a job that waits for consent, and says where to give it. Open `authorization_url` in the system browser:
        Google refuses to sign people in inside a web view. The address serves once and for ten minutes.

        Five in any hour for each person, together with retries that ask for a new consent.
        """
        flow, options = self.flow(name), body.over(self.services.config.import_options)
        await self.count_consent(caller.user_id)
        job_id = str(uuid.uuid4())
        about_job(job_id)
        url = await self.services.consents.begin(job_id, caller.user_id, flow, self.web_app(), options)
        self.write_json(Started(job_id=job_id, authorization_url=url, provider=name))
