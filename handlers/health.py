"""Is the service configured, alive, ready? None of these needs a token."""

from typing import Final

from everreach.errors import DatabaseError, UnavailableError
from everreach.observability.metrics import LOOP_HEARTBEAT
from handlers.base import BaseHandler
from handlers.bodies import Alive, HealthReport, ProviderReport, Ready
from handlers.operation import Answer, Tag, operation
from providers.oauth import OAuthFlow

STUCK_SECONDS: Final = 15.0
"""An event loop that has not woken up for so long will not do so any more."""


class HealthHandler(BaseHandler):
    """Which providers are configured. Answers with the database down, too."""

    cacheable = True

    @operation("getHealth", Tag.SERVICE, anyone=True, answers=(Answer(200, "What is configured.", HealthReport),))
    async def get(self) -> None:
        """Which providers are configured

        Always 200, even while the database is away.
        """
        reports = {name: _report(flow) for name, flow in self.services.flows.items()}
        ready = [name for name, flow in self.services.flows.items() if flow.configured]
        if len(ready) == len(reports):
            report = HealthReport(status="healthy", providers=reports, message="All providers are configured.")
        elif ready:
            message = f"Configured: {', '.join(ready)}. The others cannot be used yet."
            report = HealthReport(status="partial", providers=reports, message=message)
        else:
            report = HealthReport(status="unhealthy", providers=reports, message="No provider is configured.")
        self.write_json(report)


def _report(flow: OAuthFlow) -> ProviderReport:
    return ProviderReport(
        configured=flow.configured,
        client_id_set=bool(flow.settings.client_id),
        client_secret_set=bool(flow.settings.client_secret),
        redirect_uri=flow.redirect_uri,
        setup_url=flow.setup_url,
    )


class LiveHandler(BaseHandler):
    """The process answers, and does what it is there for."""

    @operation(
        "getLivez",
        Tag.SERVICE,
        anyone=True,
        answers=(Answer(200, "It does.", Alive),),
        errors=(UnavailableError,),
    )
    async def get(self) -> None:
        """Whether the process does what it is there for

        For whoever restarts processes. 503 where only a restart helps: nobody looks for jobs any more, or an event loop
        is stuck.
        """
        if not self.services.runner.alive:
            raise UnavailableError("Nobody looks for imports any more. Please restart this server.")
        # One that is stuck takes no requests, so that another worker on this port has to tell. This one is not.
        LOOP_HEARTBEAT.give()
        if LOOP_HEARTBEAT.age() > STUCK_SECONDS:
            raise UnavailableError("A worker is stuck. Please restart this server.")
        self.write_json(Alive(status="alive"))


class ReadyHandler(BaseHandler):
    """The process takes work, and its database answers."""

    @operation(
        "getReadyz",
        Tag.SERVICE,
        anyone=True,
        answers=(Answer(200, "It does.", Ready),),
        errors=(UnavailableError,),
    )
    async def get(self) -> None:
        """Whether the process takes work

        For a load balancer: 503 while the database is away, before the start is complete, while nobody can be
        recognised because no key of Supabase's could be had yet, and from the moment that the process is told to stop.
        """
        try:
            await self.services.ping()
        except DatabaseError:
            raise UnavailableError from None
        if self.services.runner.stopping:
            raise UnavailableError("This server is about to stop.")
        if not self.services.runner.started:
            raise UnavailableError("This server has not started yet.")
        await self.services.authenticator.ready()
        self.write_json(Ready(status="ready"))
