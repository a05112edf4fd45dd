"""An API that answers with JSON: its documents, read with a person's access token."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from everreach.concurrency.cooperative import map_cooperatively
from everreach.errors import ProviderError, ThrottledError, TokenRejectedError, TransientError, UnrenderedError
from everreach.net.http import Reply
from providers.calls import Calls
from providers.lenient_json import Answer, decode

A = TypeVar("A", bound=Answer)

Explain = Callable[[Reply], ProviderError | None]
"""What a provider's own words make of a refusal; None where they add nothing to the status."""


class Api:
    """The documents below the address `home`. A token is sent nowhere else, whatever a reply links to."""

    def __init__(
        self, calls: Calls, home: str, explain: Explain = lambda _: None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.home: Final = home
        self._calls = calls
        self._explain = explain
        self._headers = headers

    async def read(self, access_token: str, url: str, type_: type[A]) -> A:
        """GET and decode one document, once.

        Raises ProviderError: TransientError for what is no answer, although the status says so.
        """
        with self._calls.counted("read"):
            reply = await self._calls.http.get_as(access_token, url, home=self.home, headers=self._headers)
            if reply.status != 200:
                raise self._explain(reply) or self._refusal(reply)
            # A large page takes some milliseconds; a crowd of them waits its turn.
            (answer,) = await map_cooperatively(lambda body: decode(body, type_), [reply.body])
            if not answer.sound:
                raise TransientError
            return answer

    async def read_again(self, access_token: str, url: str, type_: type[A]) -> A:
        """Read what is no page: network errors, 5xx and nonsense are tried again at once."""
        try:
            return await self._calls.retrying(lambda: self.read(access_token, url, type_))
        except UnrenderedError:
            # No smaller page would help.
            raise TransientError from None

    def _refusal(self, reply: Reply) -> ProviderError:
        """What a status other than 200 means by itself."""
        if reply.status == 401:
            return TokenRejectedError()
        if reply.status == 429 or (reply.status == 503 and reply.retry_after is not None):
            return ThrottledError(reply.retry_after)
        if reply.status >= 500:
            return UnrenderedError()
        if reply.status in {408, 425}:
            return TransientError()
        return ProviderError(f"{self._calls.title} refused to list the contacts (HTTP {reply.status}).")
