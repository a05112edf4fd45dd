"""What every address of the sandbox has in common: counting, faults, answers and refusals."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import ClassVar

import msgspec
from tornado.web import HTTPError, RequestHandler

from providers.sandbox.faults import Fault, Spot
from providers.sandbox.mishaps import MISHAPS, play
from providers.sandbox.oauth.grants import Grant
from providers.sandbox.world import Sandbox

_log = logging.getLogger(__name__)


class Refusal(HTTPError):  # noqa: N818 - it is an answer, not a fault of ours.
    """An error answer; a `body` of text is a page of HTML, any other is JSON."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.body = body
        self.headers = dict(headers or {})


Refuse = Callable[[Fault], Refusal]


def retry_after(fault: Fault) -> dict[str, str]:
    """The header that the fault asks for, if any."""
    return {} if fault.retry_after is None else {"Retry-After": fault.retry_after}


class Endpoint(RequestHandler):
    """Subclasses name their provider and route, and how each fault of a provider's own kind is worded."""

    provider: ClassVar[str] = ""
    route: ClassVar[str] = ""
    refusals: ClassVar[Mapping[str, Refuse]] = {}

    def initialize(self, sandbox: Sandbox) -> None:
        """Called by Tornado with what the route table holds."""
        self.sandbox = sandbox

    def prepare(self) -> None:
        """Count the request, whatever becomes of it."""
        self.sandbox.stats.requests[f"{self.provider} {self.route}".strip()] += 1

    def compute_etag(self) -> None:
        """Neither provider tags these answers, and hashing a megabyte for each page would slow a bench."""

    def answer(self, body: object, status: int = 200) -> None:
        """Finish with JSON, or with a page where `body` is text."""
        self.set_status(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.set_header("Content-Type", f"{kind}; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(body if isinstance(body, str) else msgspec.json.encode(body))

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Word a Refusal; anything else is a page, as from any web server."""
        info = kwargs.get("exc_info")
        error = info[1] if isinstance(info, tuple) else None
        body = error.body if isinstance(error, Refusal) else f"<!doctype html><title>Error {status_code}</title>"
        for name, value in (error.headers if isinstance(error, Refusal) else {}).items():
            self.set_header(name, value)
        self.answer(body, status_code)

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Tornado would print the URL, whose query can hold codes; only what is wrong with the sandbox is logged."""
        if not isinstance(value, HTTPError):
            _log.error("%s %s failed", self.provider, self.route, exc_info=value)

    async def face(self, spot: Spot) -> dict[str, Fault]:
        """Play the faults that strike here; those that only shape the answer are handed back by kind."""
        shaping: dict[str, Fault] = {}
        for fault in self.sandbox.faults.striking(spot):
            if not self.sandbox.faults.use(fault):
                continue
            self.sandbox.stats.faults[fault.kind] += 1
            await self._play(fault)
            shaping[fault.kind] = fault
        return shaping

    async def _play(self, fault: Fault) -> None:
        if fault.kind in MISHAPS:
            await play(self, fault)
        if fault.kind == "token_401":
            self.sandbox.grants.reject(self.bearer())
        if fault.kind in self.refusals:
            raise self.refusals[fault.kind](fault)

    async def lag(self) -> None:
        """Be as slow as the sandbox was told to be."""
        if self.sandbox.latency > 0:
            await asyncio.sleep(self.sandbox.latency)

    def bearer(self) -> str:
        """The access token of the request, "" when there is none."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def grant(self) -> Grant | None:
        """The living grant of this provider behind the access token."""
        found = self.sandbox.grants.of_access(self.bearer())
        return found if found and found.provider == self.provider else None

    def query(self, name: str, default: str = "") -> str:
        """A query parameter exactly as it was sent."""
        return self.get_query_argument(name, default, strip=False)
