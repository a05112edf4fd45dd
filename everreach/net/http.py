"""The one door out: pooled connections, timeouts, size limits, and a bearer token that stays at home."""

import asyncio
import random
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, Self, TypeVar

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from everreach.errors import BrokenListingError, PrivateAddressError, TransientError
from everreach.net.origins import origin
from everreach.net.public_ip import AddressInfo, look_up
from everreach.net.unpacking import unpacked

PAGE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a page, once unpacked; one of 1,000 contacts is about one MiB."""

BODY_LIMIT: Final = 1024 * 1024
"""Bytes of any other reply, once unpacked."""

RETRIES: Final = 3
"""Tries beyond the first against network errors, 5xx and replies that make no sense, of what is not a page."""

BRIEF: Final = aiohttp.ClientTimeout(total=10)
"""For a request whose answer is not waited for longer than this, whatever it does."""

Reachable = Callable[[str], bool]
"""Says of an IP address whether it may be connected to."""

_TIMEOUT: Final = aiohttp.ClientTimeout(total=60, sock_connect=10, sock_read=30)
_BACKOFF_CAP_SECONDS: Final = 20.0
_RETRY_AFTER_CAP_SECONDS: Final = 86400.0
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?")

T = TypeVar("T")


class Reply(msgspec.Struct, frozen=True):
    """What came back, whatever its status. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status})"

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from a number (Graph sends fractions) or a date relative to the reply's own clock."""
        value = self.headers.get("retry-after", "").strip()
        try:
            seconds = float(value) if _NUMBER.fullmatch(value) else self._seconds_until(value)
        except (ValueError, TypeError, KeyError, OverflowError):
            return None
        return max(0.0, min(seconds, _RETRY_AFTER_CAP_SECONDS))

    def _seconds_until(self, value: str) -> float:
        return (parsedate_to_datetime(value) - parsedate_to_datetime(self.headers["date"])).total_seconds()


class Http:
    """An HTTP client for the life of the process. `backoff` is the seconds before the first retry, at most.

    With `reachable` it connects to no other addresses, and raises PrivateAddressError.
    """

    def __init__(
        self,
        *,
        backoff: float = 0.5,
        timeout: aiohttp.ClientTimeout = _TIMEOUT,
        reachable: Reachable | None = None,
    ) -> None:
        self._backoff = backoff
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            # A page is about a megabyte: a smaller buffer would stop and start the connection for it many times.
            read_bufsize=1024 * 1024,
            connector=_guarded(reachable) if reachable else aiohttp.TCPConnector(limit=256, ttl_dns_cache=60),
            # One person's cookies must never travel with another's request.
            cookie_jar=aiohttp.DummyCookieJar(),
            # Unpacked here, because the library takes the first of two packed bodies for the whole.
            auto_decompress=False,
            headers={"User-Agent": "EverReach-Import", "Accept-Encoding": "gzip"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Reply:
        """One GET without credentials. Raises TransientError where no whole reply came."""
        return await self._request("GET", url, headers=headers)

    async def get_as(self, bearer: str, url: str, *, home: str, headers: Mapping[str, str] | None = None) -> Reply:
        """One GET of a page with a bearer token, which goes to no other origin than that of `home`."""
        if origin(url) is None or origin(url) != origin(home):
            raise BrokenListingError("The provider pointed to a foreign address, and the import was stopped.")
        authorized = {**(headers or {}), "Authorization": f"Bearer {bearer}"}
        return await self._request("GET", url, limit=PAGE_LIMIT, headers=authorized)

    async def post_form(
        self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One POST of a form. Never repeated here: only the caller knows whether that is harmless."""
        return await self._request("POST", url, data=fields, headers=headers)

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], read: bool = False) -> Reply:
        """One POST of bytes, never repeated here. Unless it is to be `read` the reply's `body` is empty."""
        return await self._request("POST", url, limit=BODY_LIMIT if read else None, data=body, headers=headers)

    async def retrying(self, attempt: Callable[[], Awaitable[T]], again: Callable[[], object]) -> T:
        """Repeat what raises TransientError, with exponential backoff and full jitter; the last error goes on.

        `again` is told of each repetition.
        """
        for retry in range(RETRIES):
            try:
                return await attempt()
            except TransientError:
                await asyncio.sleep(random.uniform(0, min(_BACKOFF_CAP_SECONDS, self._backoff * 2**retry)))  # noqa: S311
                again()
        return await attempt()

    async def _request(self, method: str, url: str, *, limit: int | None = BODY_LIMIT, **options: object) -> Reply:
        try:
            # The provider's links are followed letter for letter, which a second encoding would break.
            target = URL(url, encoded=True)
            async with self._session.request(method, target, allow_redirects=False, **options) as response:  # type: ignore[arg-type]
                headers = {name.lower(): value for name, value in response.headers.items()}
                coding, received = headers.get("content-encoding", ""), response.content.iter_any()
                return Reply(response.status, headers, await unpacked(coding, received, limit) if limit else b"")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            # The library's own text holds the URL, and with it codes and page tokens.
            raise TransientError from None


def _guarded(reachable: Reachable) -> aiohttp.TCPConnector:
    def opened(info: AddressInfo) -> socket.socket:
        # The last look, at exactly the address that is connected to; one written into a URL is resolved by nobody.
        if not reachable(str(info[4][0])):
            raise PrivateAddressError
        return socket.socket(*info[:3])

    return aiohttp.TCPConnector(
        limit=256, use_dns_cache=False, resolver=_GuardedResolver(reachable), socket_factory=opened
    )


class _GuardedResolver(AbstractResolver):
    """Resolves a name once, and not at all where any of its addresses is out of reach."""

    def __init__(self, reachable: Reachable) -> None:
        self._reachable = reachable

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        infos = await look_up(host, port)
        addresses = [(str(where[0]), kind, protocol) for kind, _, protocol, _, where in infos]
        if not all(self._reachable(address) for address, _, _ in addresses):
            raise PrivateAddressError
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=protocol, flags=numeric)
            for address, kind, protocol in addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""
