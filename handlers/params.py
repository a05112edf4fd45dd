"""What stands in a query string, or the sentence that says what is wrong with it."""

import re
from collections.abc import Container
from typing import Final

from tornado.httputil import HTTPServerRequest

from everreach.errors import BadRequestError

DEFAULT_LIMIT: Final = 20
LIMIT_CAP: Final = 100

# More digits than these are no page of anything, and would not fit the database's integers for long.
_WHOLE = re.compile(r"[0-9]{1,15}")
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


def text(request: HTTPServerRequest, name: str) -> str | None:
    """The parameter, None where it is absent. Raises BadRequestError where it is given twice or is no text."""
    values = request.query_arguments.get(name, [])
    if len(values) > 1:
        raise BadRequestError(f"The parameter {name} may be given only once.")
    try:
        return values[0].decode() if values else None
    except UnicodeDecodeError:
        raise BadRequestError(f"The parameter {name} is not valid text.") from None


def whole(request: HTTPServerRequest, name: str, default: int, *, least: int = 0) -> int:
    """A whole number of at least `least`, at most fifteen digits. Raises BadRequestError."""
    given = text(request, name)
    if given is None:
        return default
    if not _WHOLE.fullmatch(given) or int(given) < least:
        raise BadRequestError(f"The parameter {name} must be a whole number from {least}.")
    return int(given)


def seconds(request: HTTPServerRequest, name: str, most: float) -> float:
    """A number of seconds from 0, 0 where absent; above `most` it counts as that. Raises BadRequestError."""
    given = text(request, name)
    if given is None:
        return 0.0
    if not _SECONDS.fullmatch(given):
        raise BadRequestError(f"The parameter {name} must be a number of seconds from 0.")
    return min(float(given), most)


def choice(request: HTTPServerRequest, name: str, choices: Container[str], spoken: str) -> str | None:
    """One of `choices`, None where absent. Raises BadRequestError; `spoken` lists them for a person."""
    given = text(request, name)
    if given is not None and given not in choices:
        raise BadRequestError(f"The parameter {name} must be one of: {spoken}.")
    return given


def page(request: HTTPServerRequest) -> tuple[int, int]:
    """`limit` (capped) and `offset`."""
    limit = whole(request, "limit", DEFAULT_LIMIT, least=1)
    return min(limit, LIMIT_CAP), whole(request, "offset", 0)
