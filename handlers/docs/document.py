"""The API's description, OpenAPI 3.1, made of what the handlers themselves are called by and answer with.

https://spec.openapis.org/oas/v3.1.1.html
"""

from collections.abc import Callable, Iterator, Sequence
from inspect import getdoc
from typing import Any, Final

import msgspec
from tornado.web import RequestHandler

from handlers.base import known_methods
from handlers.bodies import ErrorBody
from handlers.docs.operations import OperationWriter
from handlers.docs.schemas import Json, schemas_of
from handlers.operation import Operation, Tag, operation_of

Routes = Sequence[tuple[str, type[RequestHandler]]]

_UNSAID: Final = {"HEAD", "OPTIONS"}  # The first is answered wherever GET is, the other everywhere, for browsers only.
_TAGS: Final = {
    Tag.CONSENT: "From the tap on a button to the import on its way.",
    Tag.FILES: "A CSV or vCard file instead of an account.",
    Tag.JOBS: "A person's imports, and what became of each contact.",
    Tag.LIVE: "Every state of a job as it comes, on whatever node the import runs. An opening counts as one request "
    "for a status.",
    Tag.SERVICE: "For operators, load balancers and developers. Nobody needs a token here.",
}
_VERSION: Final = "1.0.0"  # Of the API, not of the program.
_ABOUT: Final = """\
Imports a person's Google and Microsoft contacts over OAuth 2.0, in the background, with live progress.

JSON in and out. Times are ISO 8601 in UTC, ids are lower-case UUIDs. A caller shows a Supabase user token as
`Authorization: Bearer <token>`, and sees nobody's jobs but their own: another person's job, an unknown id and a
malformed one are the same 404.

Every error is `{"error": "Short Title", "message": "one sentence a person can act on"}`, also 404 at an address that is
nobody's and 405 for a method that an address does not know, with `Allow`. Every answer carries an `X-Request-Id`, under
which the server's log has what went wrong. Rate limits are counted for each person; a 429, like a 503, says in
`Retry-After` after how many seconds to try again. HEAD is answered wherever GET is, and never waits.
"""


_USER: Final[Json] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A Supabase user token: unexpired, for the audience and role `authenticated`.",
}


def describe(routes: Routes, server: str) -> Json:
    """The whole document. `server` is the address that the paths are under."""
    operations = [
        (path, name, method, found) for path, name, method in _methods(routes) if (found := operation_of(method))
    ]
    schemas = schemas_of(_bodies(operation for *_, operation in operations))
    paths: dict[str, Json] = {path: {} for path, *_ in operations}
    for path, name, method, operation in operations:
        paths[path][name] = OperationWriter(operation, name, schemas).written(getdoc(method) or "")
    return {
        "openapi": "3.1.1",
        "info": {"title": "EverReach Import", "version": _VERSION, "description": _ABOUT},
        "servers": [{"url": server}],
        "tags": [{"name": tag, "description": description} for tag, description in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"user": _USER}},
    }


def undescribed(routes: Routes) -> list[str]:
    """The methods that the routes know and the document does not, as `get /path`."""
    return [f"{name} {path}" for path, name, method in _methods(routes) if operation_of(method) is None]


def _methods(routes: Routes) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Each path with each method that is answered there, by its name in the document."""
    for path, handler in routes:
        for name in sorted(set(known_methods(handler)) - _UNSAID):
            yield path, name.lower(), getattr(handler, name.lower())


def _bodies(operations: Iterator[Operation]) -> set[type[msgspec.Struct]]:
    said = [[operation.body, *(answer.body for answer in operation.answers)] for operation in operations]
    return {ErrorBody, *(body for bodies in said for body in bodies if body)}
