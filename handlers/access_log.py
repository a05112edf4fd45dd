"""What is told of each request once it is answered: a number, the end of its span, and a line without query string."""

import logging
from typing import Final

from everreach.observability import throttled_log, tracing
from everreach.observability.metrics import of_route
from handlers.base import BaseHandler

_REFUSALS: Final = 5
"""Lines in a second of those whom one address refuses with one status. All are counted."""

_log = logging.getLogger(__name__)


def answered(handler: BaseHandler) -> None:
    """Tornado calls this when an answer is complete; for a websocket when it is open."""
    status, seconds, route = handler.get_status(), handler.request.request_time(), handler.route()
    of_route(route).answered(status, seconds, held=handler.held)
    tracing.end(handler.span, route, status)
    refused = status >= 400 or handler.unsolicited
    if throttled_log.due(f"{route} {status}", _REFUSALS) if refused else not handler.frequent:
        _log.info("%s %s %d %.1fms", _known(handler.request.method), route, status, 1000 * seconds)


def _known(method: str | None) -> str | None:
    # What else stands there may be any text of any length.
    return method if method in BaseHandler.SUPPORTED_METHODS else "?"
