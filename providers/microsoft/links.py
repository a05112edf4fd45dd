"""Graph's addresses of pages: followed letter for letter, and changed only where a page cannot be had otherwise.

https://learn.microsoft.com/graph/paging
"""

import re
from typing import Final
from urllib.parse import urljoin

from providers import paging

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TOP: Final = re.compile(r"([?&](?:\$|%24)top=)([0-9]{1,9})(?=&|$)", re.IGNORECASE)
_SKIP: Final = re.compile(r"([?&](?:\$|%24)skip=)([0-9]{1,9})(?=&|$)", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[?&](?:\$|%24)skiptoken=", re.IGNORECASE)


def resolved(link: str | None, page: str, *, empty: bool) -> str | None:
    """The address that the page at `page` names as its next: a relative one is of its own.

    None at the end, which an empty page that names itself is too.
    """
    if not link:
        return None
    url = link if _ABSOLUTE.match(link) else urljoin(page, link)
    return None if empty and url == page else url


def size(url: str) -> int:
    """How many contacts this page may have."""
    found = _TOP.search(url)
    return int(found[2]) if found else paging.PAGE_SIZES[0]


def place(url: str) -> int | None:
    """How many contacts come before this page; None where a token says where it begins, which serves for one size."""
    if _TOKEN.search(url):
        return None
    found = _SKIP.search(url)
    return int(found[2]) if found else 0


def sized(url: str, contacts: int) -> str:
    """The page of so many contacts that begins at the same place."""
    if _TOP.search(url):
        return _TOP.sub(rf"\g<1>{contacts}", url)
    return f"{url}{'&' if '?' in url else '?'}$top={contacts}"


def below(contacts: int, sizes: tuple[int, ...]) -> int | None:
    """The next smaller of these sizes."""
    return next((each for each in sizes if each < contacts), None)


def grown(url: str, sizes: tuple[int, ...]) -> str:
    """The same place in the largest page that may begin there: what could not be had lies behind it."""
    begins = place(url)
    if begins is None or size(url) >= sizes[0]:
        return url
    return sized(url, next((each for each in sizes if each > size(url) and begins % each == 0), size(url)))


def behind(url: str) -> str:
    """The page that begins one contact later."""
    if _SKIP.search(url):
        return _SKIP.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", url)
    return f"{url}&$skip=1"
