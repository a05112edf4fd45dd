"""Plain HTTP: harmless within a machine or a private network, and read and changed by anybody beyond."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_HOME_DOMAINS: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".cluster.local", ".test")


def is_open(url: str) -> bool:
    """Whether what is sent to this URL can be read on its way: `http`, beyond this machine and private networks."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_at_home(parts.hostname or "")


def _is_at_home(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_HOME_DOMAINS)
