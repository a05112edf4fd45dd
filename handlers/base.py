"""What every handler shares: JSON out, errors as bodies, headers, CORS, limits on what comes in."""

import logging
from collections.abc import Awaitable
from http import HTTPStatus
from random import getrandbits
from types import TracebackType
from typing import Any, ClassVar, Final

import msgspec
from tornado.web import HTTPError, RequestHandler

from everreach.errors import ApiError, DatabaseAwayError, UnavailableError
from everreach.observability import tracing
from everreach.observability.logs import about_request, describe
from everreach.security.authenticator import Caller
from handlers.bodies import ErrorBody, error_body
from handlers.incoming import IncomingHandler
from handlers.services import Services

_log = logging.getLogger(__name__)
_ASKED_WITH: Final = "Authorization, Content-Encoding, Content-Type, If-None-Match, Last-Event-ID"
_MESSAGES: Final = {
    400: "The request's body cannot be read.",
    404: "There is nothing at this address.",
    405: "This method is not allowed here.",
}


class BaseHandler(IncomingHandler):
    """Answers in JSON, whatever happens, and never says what the server is made of."""

    cacheable: ClassVar[bool] = False
    unsolicited = False
    """Whether it was sent away as nobody's, although its status is no refusal."""
    frequent: ClassVar[bool] = False
    """Whether there are so many that the log holds only those that went wrong."""
    held = False
    """Whether the answer waited for what is followed: how long it took says nothing of us."""
    services: Services

    def __init_subclass__(cls) -> None:
        """HEAD is answered wherever GET is, unless a handler has its own way: Tornado leaves the body out."""
        super().__init_subclass__()
        if "get" in vars(cls) and "head" not in vars(cls):
            cls.head = cls.get

    def initialize(self, services: Services) -> None:
        """Take what app.py made."""
        self.services = services
        # It tells requests apart in a log and is no secret. A UUID asks the system each time, and every poll would pay.
        self.request_id = f"{getrandbits(128):032x}"
        about_request(self.request_id)
        self.span = tracing.begin(self.route(), self.request.headers)

    @classmethod
    def route(cls) -> str:
        """How logs, metrics and traces call what was asked for; its path may be whatever a stranger typed."""
        return cls.__name__

    def set_default_headers(self) -> None:
        """Put these on every answer, errors included."""
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        if not self.cacheable:
            self.set_header("Cache-Control", "no-store")

    def prepare(self) -> Awaitable[None] | None:
        """Refuse a body that is too large before anything else looks at it."""
        self._allow_frontend()
        return super().prepare()

    def options(self, *_: str) -> None:
        """Answer a browser's preflight."""
        self.set_status(204)

    async def caller(self) -> Caller:
        """Who is calling. Raises UnauthorizedError."""
        return await self.services.authenticator.caller(self.request.headers.get("Authorization"))

    def write_json(self, body: msgspec.Struct | msgspec.Raw) -> None:
        """Answer with a document."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(msgspec.json.encode(body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with {"error", "message"}, in our own words only."""
        self._allow_frontend()
        if status_code == 405:
            self.set_header("Allow", ", ".join(known_methods(type(self))))
        cause = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if status_code != 500 or isinstance(cause, HTTPError):
            title = HTTPStatus(status_code).phrase
            message = _MESSAGES.get(status_code, f"The request failed: {title}.")
            self.write_json(ErrorBody(title, message))
            return
        error = _answer_to(cause)
        self.set_status(error.status)
        for name, value in error.headers.items():
            self.set_header(name, value)
        self.write_json(error_body(error))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log only what nobody foresaw; Tornado's own way prints the query string."""
        if value and not isinstance(value, (HTTPError, ApiError, DatabaseAwayError)):
            _log.error("the request failed on %s", describe(value))

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """What stands in the path, whatever it is: an id that is no text is nobody's id, and no other kind of error."""
        return value.decode("utf-8", "replace")

    def compute_etag(self) -> None:
        """Nothing here is cached by its content."""

    def _allow_frontend(self) -> None:
        config = self.services.config
        self.set_header("X-Request-Id", self.request_id)
        if not config.next_public_frontend_url:
            return
        self.set_header("Vary", "Origin")
        if frontend := config.frontend_of(self.request.headers.get("Origin")):
            self.set_header("Access-Control-Allow-Origin", frontend)
            self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
            self.set_header("Access-Control-Allow-Headers", _ASKED_WITH)
            self.set_header("Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id")
            self.set_header("Access-Control-Max-Age", "600")


class NotFoundHandler(BaseHandler):
    """Every address that is nobody's."""

    def get(self, *_: str) -> None:
        """Whatever the method, there is nothing."""
        raise HTTPError(404)

    post = put = patch = delete = options = get

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say so of methods that nobody knows, too: Tornado refuses those before it prepares anything."""
        known = 404 if status_code == 405 else status_code
        self.set_status(known)
        super().write_error(known, **kwargs)


def known_methods(handler: type[RequestHandler]) -> list[str]:
    """The methods that a handler answers, which RFC 9110 wants to be said with a 405."""
    unknown = RequestHandler._unimplemented_method
    return [name for name in RequestHandler.SUPPORTED_METHODS if getattr(handler, name.lower()) is not unknown]


def _answer_to(cause: BaseException | None) -> ApiError:
    if isinstance(cause, ApiError):
        return cause
    return UnavailableError() if isinstance(cause, DatabaseAwayError) else ApiError()
