"""Is the service configured, alive, ready? None of these needs a token."""

from typing import Any, Final

from everreach.errors import DatabaseError, UnavailableError
from everreach.metrics import LOOP_SIGN
from handlers.base import BaseHandler
from providers.base import Provider

STUCK_SECONDS: Final = 15.0
"""An event loop that has not woken up for so long will not do so any more."""


class HealthHandler(BaseHandler):
    """Which providers are configured. Answers with the database down, too."""

    cacheable = True

    def get(self) -> None:
        """Always 200."""
        reports = {name: self._report(provider) for name, provider in self.services.providers.items()}
        ready = [name for name, provider in self.services.providers.items() if provider.configured]
        if len(ready) == len(reports):
            status, message = "healthy", "All providers are configured."
        elif ready:
            status, message = "partial", f"Configured: {', '.join(ready)}. The others cannot be used yet."
        else:
            status, message = "unhealthy", "No provider is configured."
        self.write_json({"status": status, "providers": reports, "message": message})

    def _report(self, provider: Provider) -> dict[str, Any]:
        config, name = self.services.config, provider.name
        return {
            "configured": provider.configured,
            "client_id_set": bool(config.client_id(name)),
            "client_secret_set": bool(config.client_secret(name)),
            "redirect_uri": config.redirect_uri(name),
            "setup_url": provider.setup_url,
        }


class LiveHandler(BaseHandler):
    """The process answers, and does what it is there for."""

    def get(self) -> None:
        """200, or 503 where only a restart helps: nobody looks for jobs any more, or an event loop is stuck."""
        if not self.services.runner.alive:
            raise UnavailableError("Nobody looks for imports any more. Please restart this server.")
        # One that is stuck takes no requests, so that another worker on this port has to tell. This one is not.
        LOOP_SIGN.give()
        if LOOP_SIGN.age() > STUCK_SECONDS:
            raise UnavailableError("A worker is stuck. Please restart this server.")
        self.write_json({"status": "alive"})

    # Some load balancers probe without wanting a body.
    head = get


class ReadyHandler(BaseHandler):
    """The process takes work, and its database answers."""

    async def get(self) -> None:
        """200, or 503 while the database is away, before the start is complete, and once the process is to stop."""
        try:
            await self.services.ping()
        except DatabaseError:
            raise UnavailableError from None
        if self.services.runner.stopping:
            raise UnavailableError("This server is about to stop.")
        if not self.services.runner.started:
            raise UnavailableError("This server has not started yet.")
        self.write_json({"status": "ready"})

    head = get
