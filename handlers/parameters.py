"""What a request may hold: one object a parameter, which handlers read and the API's description names."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tornado.httputil import HTTPServerRequest

from everreach.contacts.regions import region
from everreach.errors import BadRequestError

_MOST: Final = 999_999_999_999_999
# More digits than these are no page of anything, and would not fit the database's integers for long.
_WHOLE = re.compile(r"[0-9]{1,15}")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Parameter:
    """What a client may say, by its name."""

    name: str
    description: str
    example: str | int

    where: ClassVar[str]

    @property
    def schema(self) -> dict[str, Any]:
        """What is accepted, as JSON Schema has it."""
        return {"type": "string"}


@dataclass(frozen=True)
class PathPart(Parameter):
    """A part of the path, which handlers get from the route, whatever it is; `choices` are those that are any good."""

    choices: Sequence[str] = ()

    where = "path"

    @property
    def schema(self) -> dict[str, Any]:
        """Any text, or the words."""
        return {"type": "string", "enum": list(self.choices)} if self.choices else {"type": "string"}


JOB_ID: Final = PathPart("id", "The job's id, a lower-case UUIDv4.", "4048e7a4-ec72-4371-a308-78fb4293aca4")


class Given(Parameter, ABC):
    """What a handler gets under this name if it takes it."""

    where = "query"

    @property
    def keyword(self) -> str:
        """The name of the handler's argument."""
        return self.name.lower().replace("-", "_")

    @abstractmethod
    def read(self, request: HTTPServerRequest) -> object:
        """What the request says. Raises BadRequestError."""

    def text(self, request: HTTPServerRequest) -> str | None:
        """The text in the query, None where it is absent. Raises BadRequestError where it is given twice or is none."""
        values = request.query_arguments.get(self.name, [])
        if len(values) > 1:
            raise BadRequestError(f"The parameter {self.name} may be given only once.")
        try:
            return values[0].decode() if values else None
        except UnicodeDecodeError:
            raise BadRequestError(f"The parameter {self.name} is not valid text.") from None


@dataclass(frozen=True)
class Whole(Given):
    """A whole number of at least `least`, at most fifteen digits. Above `cap` it counts as that."""

    default: int
    least: int = 0
    cap: int = _MOST

    @property
    def schema(self) -> dict[str, Any]:
        """A default below the least stands for the absence of any."""
        default = {"default": self.default} if self.default >= self.least else {}
        return {"type": "integer", "minimum": self.least, "maximum": _MOST, **default}

    def read(self, request: HTTPServerRequest) -> int:
        """The number, or the default where there is none."""
        given = self.text(request)
        if given is None:
            return self.default
        if not _WHOLE.fullmatch(given) or int(given) < self.least:
            raise BadRequestError(f"The parameter {self.name} must be a whole number from {self.least}.")
        return min(int(given), self.cap)


class Seconds(Given):
    """A number of seconds from 0, 0 where absent."""

    @property
    def schema(self) -> dict[str, Any]:
        """Decimal digits, without an exponent."""
        return {"type": "number", "minimum": 0, "default": 0}

    def read(self, request: HTTPServerRequest) -> float:
        """The seconds."""
        given = self.text(request)
        if given is None:
            return 0.0
        if not _SECONDS.fullmatch(given):
            raise BadRequestError(f"The parameter {self.name} must be a number of seconds from 0.")
        return float(given)


@dataclass(frozen=True)
class Choice(Given):
    """One of a few words."""

    choices: Sequence[str]

    @property
    def schema(self) -> dict[str, Any]:
        """The words."""
        return {"type": "string", "enum": [str(choice) for choice in self.choices]}

    def read(self, request: HTTPServerRequest) -> str | None:
        """The word, None where there is none."""
        given = self.text(request)
        if given is not None and given not in self.choices:
            raise BadRequestError(f"The parameter {self.name} must be one of: {', '.join(self.choices)}.")
        return given


class Text(Given):
    """Any text."""

    def read(self, request: HTTPServerRequest) -> str | None:
        """The text, None where there is none."""
        return self.text(request)


class Region(Text):
    """A country by its two letters."""

    def read(self, request: HTTPServerRequest) -> str | None:
        """The region in capital letters, None where there is none."""
        given = self.text(request)
        try:
            return given if given is None else region(given)
        except ValueError as error:
            raise BadRequestError(f"The parameter {self.name} names none: {error}.") from None


class Sent(Given):
    """What a provider sends back with a person, in the query or as a form. Nothing is refused here."""

    def read(self, request: HTTPServerRequest) -> str | None:
        """What came exactly once and is text."""
        values = [*request.query_arguments.get(self.name, ()), *request.body_arguments.get(self.name, ())]
        try:
            return values[0].decode() if len(values) == 1 else None
        except UnicodeDecodeError:
            return None


class Header(Given):
    """A header that means something here, whatever it says."""

    where = "header"

    def read(self, request: HTTPServerRequest) -> str | None:
        """What it says, None where it is absent."""
        return request.headers.get(self.name)
