"""The last pages of contacts that were built, already encoded, so that a bench measures its client and not us."""

from collections import OrderedDict
from collections.abc import Callable, Hashable


class PageCache:
    """Keeps the `limit` pages that were used last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pages: OrderedDict[Hashable, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, key: Hashable, build: Callable[[], bytes]) -> bytes:
        """The page of that key; built when it is not at hand."""
        if key not in self._pages:
            self._pages[key] = build()
        self._pages.move_to_end(key)
        while len(self._pages) > self._limit:
            self._pages.popitem(last=False)
        return self._pages[key]
