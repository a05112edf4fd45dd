"""A first look at all folders of a mailbox: which there are, and how many contacts they hold."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from everreach.errors import ProviderError
from providers.api import Api
from providers.microsoft import links
from providers.microsoft.folders import Folders
from providers.microsoft.positions import Positions
from providers.microsoft.replies import Listing

_SURVEYED: Final = 20
"""Folders that are looked for, and counted, before the first page is written."""

_SECONDS: Final = 5.0
"""How long they are looked for, and how long they are counted."""


class Survey:
    """The folders of one mailbox, asked for with one access token."""

    def __init__(self, graph: Api, positions: Positions, access_token: str) -> None:
        self._graph = graph
        self._positions = positions
        self._access_token = access_token

    async def folders(self, default: str) -> Sequence[str] | None:
        """The ids of all folders beside the default one, however deep. None where there are many, or where they cannot
        be had at once: the walk finds them, too.
        """
        found: dict[str, None] = {}
        waiting, visited = [self._positions.folders_below("").url], set[str]()
        try:
            async with asyncio.timeout(_SECONDS):
                while waiting:
                    url = waiting.pop()
                    if url in visited:
                        continue
                    visited.add(url)
                    folders = await self._graph.read(self._access_token, url, Folders)
                    if link := links.resolved(folders.next_link, url, empty=not folders.value):
                        waiting.append(link)
                    new = [id_ for id_ in folders.ids if id_ not in found]
                    found.update(dict.fromkeys(new))
                    if len(found) > _SURVEYED:
                        return None
                    waiting += [self._positions.folders_below(id_).url for id_ in new]
        except (ProviderError, TimeoutError):
            return None
        return [id_ for id_ in found if id_ != default]

    async def held(self, folders: Sequence[str]) -> int:
        """How many contacts these folders hold: an estimate, of which no failure matters."""
        total = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                for folder in map(self._positions.folder, folders):
                    with suppress(ProviderError):
                        url = f"{folder}/contacts?$top=1&$select=id&$count=true"
                        total += (await self._graph.read(self._access_token, url, Listing)).count or 0
        return total
