"""The requests to one provider, whoever makes them: timed, traced and counted under its name."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from everreach.errors import ProviderError
from everreach.net.http import Http
from everreach.observability import tracing
from everreach.observability.metrics import of_provider

T = TypeVar("T")


class Calls:
    """The way to one provider. Its flow and its source share it; `title` is what a person calls the provider."""

    def __init__(self, name: str, title: str, http: Http) -> None:
        self.name = name
        self.title = title
        self.http = http
        self._counted = of_provider(name)

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Stand around one request: note how long it takes, and what it fails with."""
        with self._counted.call.time(), tracing.span("provider call", provider=self.name, call=kind):
            try:
                yield
            except ProviderError as error:
                self._counted.failed(error)
                raise

    async def retrying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Make a request, and make it again at once after a passing error, a few times."""
        return await self.http.retrying(attempt, self._counted.retries.inc)
