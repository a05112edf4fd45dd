"""What is told of each request once it is answered: a number, the end of its span, and a line without query string."""

import logging

from everreach import tracing
from everreach.metrics import of_route
from handlers.base import BaseHandler

_log = logging.getLogger(__name__)


def answered(handler: BaseHandler) -> None:
    """Tornado calls this when an answer is complete; for a websocket when it is open."""
    status, seconds, route = handler.get_status(), handler.request.request_time(), handler.route()
    of_route(route).answered(status, seconds, held=handler.held)
    tracing.end(handler.span, route, status)
    if not handler.frequent or status >= 400:
        _log.info("%s %s %d %.1fms", _known(handler.request.method), route, status, 1000 * seconds)


def _known(method: str | None) -> str | None:
    # What else stands there may be any text of any length.
    return method if method in BaseHandler.SUPPORTED_METHODS else "?"
