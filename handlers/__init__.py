"""The HTTP edge: the whole API on one screen."""

import re
from typing import Any, Final

from tornado.web import RequestHandler

from everreach.observability.metrics import bind_routes
from handlers.base import BaseHandler, NotFoundHandler
from handlers.callback import CallbackHandler
from handlers.console import ConsoleHandler
from handlers.docs import DocsHandler, DocumentHandler
from handlers.health import HealthHandler, LiveHandler, ReadyHandler
from handlers.jobs import CancelHandler, ContactsHandler, ListHandler, RetryHandler
from handlers.live.sse import EventsHandler
from handlers.live.websocket import StreamHandler
from handlers.metrics import MetricsHandler
from handlers.services import Services
from handlers.start import StartHandler
from handlers.status import StatusHandler
from handlers.uploads import BeginHandler, UploadHandler

BASE: Final = "/api/v1/contacts/import"

ROUTES: Final[tuple[tuple[str, type[BaseHandler]], ...]] = (
    # Routes are tried in this order, and nearly every request asks for a status.
    (BASE + "/status/{id}", StatusHandler),
    (BASE + "/health", HealthHandler),
    (BASE + "/list", ListHandler),
    (BASE + "/status/{id}/ws", StreamHandler),
    (BASE + "/status/{id}/events", EventsHandler),
    (BASE + "/jobs/{id}/cancel", CancelHandler),
    (BASE + "/jobs/{id}/retry", RetryHandler),
    (BASE + "/jobs/{id}/contacts", ContactsHandler),
    (BASE + "/jobs/{id}/begin", BeginHandler),
    (BASE + "/uploads", UploadHandler),
    (BASE + "/{provider}/start", StartHandler),
    (BASE + "/{provider}/callback", CallbackHandler),
    ("/livez", LiveHandler),
    ("/readyz", ReadyHandler),
    ("/metrics", MetricsHandler),
    ("/api/v1/openapi.json", DocumentHandler),
    ("/docs", DocsHandler),
)
CONSOLE: Final[tuple[tuple[str, type[BaseHandler]], ...]] = (
    ("/console", ConsoleHandler),
    ("/console/{file}", ConsoleHandler),
)
"""What is there only where EVERREACH_CONSOLE is on."""
bind_routes([NotFoundHandler.route(), *(handler.route() for _, handler in ROUTES + CONSOLE)])


def routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The table for Tornado's application: each {part} of a path is whatever stands there."""
    table = ROUTES + CONSOLE if services.config.everreach_console else ROUTES
    return [(re.sub(r"\{\w+\}", "([^/]+)", path), handler, {"services": services}) for path, handler in table]
