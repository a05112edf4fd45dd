"""The console: a page on which a person imports contacts and watches them arrive. Off unless switched on.

The files beside this one are the page; docs/console.md says what it may do and what keeps it safe.
"""

from collections.abc import Awaitable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tornado.web import HTTPError

from handlers.base import BaseHandler

PAGE: Final = "index.html"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """One file of the page, as it is served."""

    body: bytes
    content_type: str
    etag: str


class ConsoleHandler(BaseHandler):
    """The page and its files. Nothing in them is anybody's: what a person sees comes from the API."""

    frequent = True

    def prepare(self) -> Awaitable[None] | None:
        """Say what a browser may do with the page: run what comes from here, call this server, and nothing else."""
        refusal = super().prepare()
        for name, value in _headers(self.services.config.next_public_base_url).items():
            self.set_header(name, value)
        return refusal

    def get(self, name: str = PAGE) -> None:
        """The file; 304 for who has it already."""
        asset = assets().get(name)
        if asset is None:
            raise HTTPError(404)
        self.set_header("Content-Type", asset.content_type)
        self.set_header("Etag", asset.etag)
        self.set_header("Cache-Control", "no-cache")
        if self.check_etag_header():
            self.set_status(304)
            return
        self.write(asset.body)

    head = get


@cache
def assets() -> Mapping[str, Asset]:
    """Every file of the page by its name, read once; through importlib, so that a one-file binary finds them too."""
    return {entry.name: _asset(entry) for entry in files(__name__).iterdir() if _kind(entry.name) in _TYPES}


def _asset(entry: Traversable) -> Asset:
    body = entry.read_bytes()
    return Asset(body, _TYPES[_kind(entry.name)], f'"{sha256(body).hexdigest()[:32]}"')


@cache
def _headers(base_url: str | None) -> Mapping[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": " ".join(("'self'", *_websockets(base_url))),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        # The browser itself refuses innerHTML and its kin: a contact's name can only ever become text.
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
    }


def _websockets(base_url: str | None) -> list[str]:
    """Our own websockets' origin, for browsers in which 'self' does not cover it yet, such as Safari before 15.4."""
    if base_url is None:
        return []
    parts = urlsplit(base_url)
    return [f"{parts.scheme.replace('http', 'ws')}://{parts.netloc}"]


def _kind(name: str) -> str:
    return name.rpartition(".")[2]
