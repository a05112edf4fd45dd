"""One provider: the flow by which it gives access, and the source of its contacts, page by page."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, NamedTuple, Protocol, TypeVar, final

from everreach.concurrency.cooperative import map_cooperatively
from everreach.contacts.page import Page
from everreach.errors import ProviderError, ThrottledError, TokenRejectedError, TransientError, UnrenderedError
from everreach.net.http import Reply
from providers.lenient_json import Answer, decode
from providers.oauth import OAuthFlow
from providers.paging import Smaller

NAME_LIMIT: Final = 320
"""Characters of an account's id, and those kept of its name: an e-mail address has no more."""

A = TypeVar("A", bound=Answer)


class Account(NamedTuple):
    """Whose address book it is."""

    id: str | None
    name: str | None

    @classmethod
    def of(cls, id_: str | None, name: str | None) -> "Account":
        """The account that a provider names. Raises TransientError for an id that is none."""
        if id_ and len(id_) > NAME_LIMIT:
            raise TransientError
        return cls(id_, name[:NAME_LIMIT] if name else name)


class Listing(Protocol):
    """What gives the pages of one account."""

    async def page(self, access_token: str, position: str | None) -> Page:
        """One page; see Provider.page."""


class Provider(OAuthFlow):
    """A source of contacts behind the flow. A provider adds requests and a parser."""

    counts_more: ClassVar[bool] = False
    """Whether the number of contacts that it announces includes what is none."""

    @abstractmethod
    async def account(self, access_token: str) -> Account:
        """Whose address book it is."""

    @abstractmethod
    async def page(self, access_token: str, position: str | None) -> Page:
        """One page of contacts; `position` is what the page before gave as `next`, None for the first.

        Raises ListingExpiredError where the provider no longer knows the position.
        """

    def listing(self) -> Listing:
        """The listing of one account, for a provider that has to keep something in mind from page to page."""
        return self

    def smaller(self, position: str | None) -> Smaller | None:
        """Where to go on where the page at `position` cannot be had as it is; None where there is nothing to try."""
        return None

    @final
    async def _read(
        self, access_token: str, url: str, type_: type[A], *, home: str, headers: Mapping[str, str] | None = None
    ) -> A:
        """GET and decode a document at the API whose address is `home`, once.

        Raises TransientError for what is no answer, although the status says so.
        """
        with self._call("read"):
            reply = await self._http.get_as(access_token, url, home=home, headers=headers)
            if reply.status != 200:
                raise self._refusal(reply)
            # A large page takes some milliseconds; a crowd of them waits its turn.
            (answer,) = await map_cooperatively(lambda body: decode(body, type_), [reply.body])
            if not answer.sound:
                raise TransientError
            return answer

    @final
    async def _read_again(
        self, access_token: str, url: str, type_: type[A], *, home: str, headers: Mapping[str, str] | None = None
    ) -> A:
        """The same for what is no page: network errors, 5xx and nonsense are tried again at once."""
        try:
            return await self._http.retrying(
                lambda: self._read(access_token, url, type_, home=home, headers=headers), self._counted.retries.inc
            )
        except UnrenderedError:
            # No smaller page would help.
            raise TransientError from None

    def _refusal(self, reply: Reply) -> ProviderError:
        """What a status other than 200 means; a provider refines what its own bodies say."""
        if reply.status == 401:
            return TokenRejectedError()
        if reply.status == 429 or (reply.status == 503 and reply.retry_after is not None):
            return ThrottledError(reply.retry_after)
        if reply.status >= 500:
            return UnrenderedError()
        if reply.status in {408, 425}:
            return TransientError()
        return ProviderError(f"{self.title} refused to list the contacts (HTTP {reply.status}).")
