"""Origins as browsers compare them: scheme, host and port, https://www.rfc-editor.org/rfc/rfc6454#section-4."""

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[a-z0-9._-]+")


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port, with the scheme's own port where none is written; None for what could be read two ways."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    # Programs disagree on where the host begins behind credentials and backslashes.
    if not parts.hostname or "@" in parts.netloc or "\\" in url:
        return None
    return parts.scheme, parts.hostname, port


def serialized(url: str) -> str | None:
    """The origin of an http(s) URL as a browser writes it into `Origin`; None for what no browser can have there.

    Lower case, without the scheme's own port, path and last slash; a host of other letters than ASCII has another form
    there (https://url.spec.whatwg.org/#host-serializing), and one with a wildcard is nobody's.
    """
    found = origin(url)
    if found is None or found[0] not in _PORTS:
        return None
    scheme, host, port = found
    if ":" in host:
        try:
            host = f"[{IPv6Address(host)}]"
        except ValueError:
            return None
    elif not _HOST.fullmatch(host):
        return None
    return f"{scheme}://{host}" if port == _PORTS[scheme] else f"{scheme}://{host}:{port}"
