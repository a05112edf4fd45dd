"""The HTTP edge: the whole API on one screen."""

from typing import Any, Final

from tornado.web import RequestHandler

from everreach.metrics import bind_routes
from handlers.base import BaseHandler, NotFoundHandler
from handlers.callback import CallbackHandler
from handlers.console import ConsoleHandler
from handlers.events import EventsHandler
from handlers.health import HealthHandler, LiveHandler, ReadyHandler
from handlers.jobs import CancelHandler, ContactsHandler, ListHandler, RetryHandler
from handlers.metrics import MetricsHandler
from handlers.services import Services
from handlers.start import StartHandler
from handlers.status import StatusHandler
from handlers.stream import StreamHandler

BASE: Final = "/api/v1/contacts/import"

ROUTES: Final[tuple[tuple[str, type[BaseHandler]], ...]] = (
    # Routes are tried in this order, and nearly every request asks for a status.
    (rf"{BASE}/status/([^/]+)", StatusHandler),
    (rf"{BASE}/health", HealthHandler),
    (rf"{BASE}/list", ListHandler),
    (rf"{BASE}/status/([^/]+)/ws", StreamHandler),
    (rf"{BASE}/status/([^/]+)/events", EventsHandler),
    (rf"{BASE}/jobs/([^/]+)/cancel", CancelHandler),
    (rf"{BASE}/jobs/([^/]+)/retry", RetryHandler),
    (rf"{BASE}/jobs/([^/]+)/contacts", ContactsHandler),
    (rf"{BASE}/([^/]+)/start", StartHandler),
    (rf"{BASE}/([^/]+)/callback", CallbackHandler),
    (r"/livez", LiveHandler),
    (r"/readyz", ReadyHandler),
    (r"/metrics", MetricsHandler),
)
CONSOLE: Final[tuple[tuple[str, type[BaseHandler]], ...]] = (
    (r"/console", ConsoleHandler),
    (r"/console/([^/]+)", ConsoleHandler),
)
"""What is there only where EVERREACH_CONSOLE is on."""
bind_routes([NotFoundHandler.route(), *(handler.route() for _, handler in ROUTES + CONSOLE)])


def routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The table for Tornado's application."""
    table = ROUTES + CONSOLE if services.config.everreach_console else ROUTES
    return [(path, handler, {"services": services}) for path, handler in table]
