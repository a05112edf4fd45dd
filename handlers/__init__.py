"""The HTTP edge: the whole API on one screen."""

from typing import Any, Final

from tornado.web import RequestHandler

from handlers.base import BaseHandler
from handlers.callback import CallbackHandler
from handlers.health import HealthHandler, LiveHandler, ReadyHandler
from handlers.jobs import CancelHandler, ContactsHandler, ListHandler, RetryHandler, StatusHandler
from handlers.services import Services
from handlers.start import StartHandler

BASE: Final = "/api/v1/contacts/import"

ROUTES: Final[tuple[tuple[str, type[BaseHandler]], ...]] = (
    (rf"{BASE}/health", HealthHandler),
    (rf"{BASE}/list", ListHandler),
    (rf"{BASE}/status/([^/]+)", StatusHandler),
    (rf"{BASE}/jobs/([^/]+)/cancel", CancelHandler),
    (rf"{BASE}/jobs/([^/]+)/retry", RetryHandler),
    (rf"{BASE}/jobs/([^/]+)/contacts", ContactsHandler),
    (rf"{BASE}/([^/]+)/start", StartHandler),
    (rf"{BASE}/([^/]+)/callback", CallbackHandler),
    (r"/livez", LiveHandler),
    (r"/readyz", ReadyHandler),
)


def routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The table for Tornado's application."""
    return [(path, handler, {"services": services}) for path, handler in ROUTES]
