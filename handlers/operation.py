"""What a handler's method takes and answers, said once: the method is called by it and described by it.

    @operation("listJobs", Tag.JOBS, takes=(LIMIT, OFFSET), answers=(Answer(200, "A page.", JobPage),))
    async def get(self, caller: Caller, limit: int, offset: int) -> None:
        '''List your imports

        Newest first.
        '''

The docstring is what the API's description says: its first line the summary, the rest the description.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import Any, Final

import msgspec

from everreach.errors import ApiError, BadRequestError, KeysAwayError, PayloadTooLargeError, UnauthorizedError
from handlers.asked import read_body
from handlers.base import BaseHandler
from handlers.parameters import Given, Parameter, Sent

EVERYWHERE: Final = (BadRequestError, PayloadTooLargeError, ApiError)
"""What may befall any request: a body that cannot be read, one that is too large, and a fault of ours."""

Method = Callable[..., Coroutine[Any, Any, None]]

_DESCRIBED: Final[dict[Any, "Operation"]] = {}


class Tag(StrEnum):
    """The chapters of the description."""

    CONSENT = "Consent"
    FILES = "Files"
    JOBS = "Jobs"
    LIVE = "Live progress"
    SERVICE = "Service"


@dataclass(frozen=True)
class Answer:
    """One way to answer that is no error. The body's struct is its schema; other media types have their own example."""

    status: int
    description: str
    body: type[msgspec.Struct] | None = None
    media_type: str = "application/json"
    example: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """What each header of note says."""


@dataclass(frozen=True)
class Operation:
    """What one method of one address takes and answers."""

    id: str
    method: str
    """The one that has the bare id, where the function serves several."""
    tag: Tag
    answers: tuple[Answer, ...]
    takes: tuple[Parameter, ...]
    errors: tuple[type[ApiError], ...]
    anyone: bool
    """Whether it is for everybody, signed in or not."""
    body: type[msgspec.Struct] | None = None
    """What its body may say, as JSON; it may be left out."""
    media_types: tuple[str, ...] = ()
    """What else its body may be."""


def operation(
    name: str,
    tag: Tag,
    *,
    answers: tuple[Answer, ...],
    takes: tuple[Parameter, ...] = (),
    errors: tuple[type[ApiError], ...] = (),
    anyone: bool = False,
    whatever_comes: bool = False,
    body: type[msgspec.Struct] | None = None,
    media_types: tuple[str, ...] = (),
) -> Callable[[Method], Method]:
    """Call the method with the `caller`, unless it is for anyone, and with each parameter and the `body` that it takes.

    `errors` are those beside what may befall any request, and any caller; only they where it answers `whatever_comes`.
    """
    common = EVERYWHERE if anyone else (*EVERYWHERE, UnauthorizedError, KeysAwayError)
    possible = errors if whatever_comes else (*common, *errors)

    readers = [(parameter.keyword, parameter.read) for parameter in takes if isinstance(parameter, Given)]
    form = any(isinstance(parameter, Sent) for parameter in takes)

    def described(method: Method) -> Method:
        @wraps(method)
        async def called(handler: BaseHandler, *path: str) -> None:
            handler.receive(form=form)
            given: dict[str, Any] = {} if anyone else {"caller": await handler.caller()}
            for keyword, read in readers:
                given[keyword] = read(handler.request)
            if body:
                given["body"] = read_body(handler.request.body, body)
            await method(handler, *path, **given)

        _DESCRIBED[called] = Operation(name, method.__name__, tag, answers, takes, possible, anyone, body, media_types)
        return called

    return described


def operation_of(method: Callable[..., Any]) -> Operation | None:
    """The description of a handler's method, None where there is none."""
    return _DESCRIBED.get(method)
