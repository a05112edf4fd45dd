"""Which addresses are on the public internet, and the addresses of a name."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""An IPv4 address as a network without IPv4 writes it, https://www.rfc-editor.org/rfc/rfc6052#section-2.1."""

_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out, https://www.iana.org/assignments/ipv6-address-space."""

# Both special registries, https://www.iana.org/assignments/iana-ipv6-special-registry and its twin for IPv4, stand in
# the standard library, but for these: relays into networks unseen, and what its older versions do not know.
_SPECIAL: Final = [
    ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
]

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""One row of what socket.getaddrinfo returns."""


def is_public(address: str) -> bool:
    """Whether this IP address is one on the public internet; anything else is not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped or ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _UNICAST:
            return False
    known = any(ip in network for network in _SPECIAL if network.version == ip.version)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not known


async def look_up(host: str, port: int) -> Sequence[AddressInfo]:
    """What the system knows of a name, as socket.getaddrinfo has it. Raises OSError or ValueError.

    In a thread of its own that nobody waits for: the event loop has only a few for names, and one name server that
    does not answer would hold up all other lookups, and the end of the process.
    """
    answer: Future[Sequence[AddressInfo]] = Future()
    # From now on it cannot be cancelled, so that the thread may always answer.
    answer.set_running_or_notify_cancel()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # Whatever it is, whoever waits shall hear of it.
            answer.set_exception(error)

    threading.Thread(target=ask, name="look up", daemon=True).start()
    return await asyncio.wrap_future(answer)
