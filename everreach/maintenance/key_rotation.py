"""Moves every sealed value on to the first key, while servers go on sealing, refreshing and deleting."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from everreach.errors import VaultError
from everreach.security.vault import Vault
from storage.sealed_values import Sealed, SealedStore

PASSES: Final = 3
"""How often all jobs are looked through, at the most, until nothing is left to do."""


@dataclass
class Pass:
    """What one look through all jobs found. Values, not jobs, but for `jobs`."""

    jobs: int = 0
    current: int = 0
    resealed: int = 0
    changed: int = 0
    """Sealed by another key when we looked, and replaced or deleted by a server before we came to it."""
    unreadable: list[Sealed] = field(default_factory=list)
    """Those that no key of the ring opens; they stay as they are."""

    @property
    def clean(self) -> bool:
        """Whether there was nothing to do."""
        return not self.resealed and not self.changed


class KeyRotation:
    """Needs no memory of its own: what is done shows in the values, so whoever is killed begins again and skips it."""

    def __init__(self, store: SealedStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def run(self, seen: Callable[[Pass], None]) -> list[Pass]:
        """Look through all jobs until one look finds nothing to do, or PASSES are over. `seen` hears of each batch."""
        passes: list[Pass] = []
        while len(passes) < PASSES and not (passes and passes[-1].clean):
            passes.append(Pass())
            await self._look_through(passes[-1], seen)
        return passes

    async def _look_through(self, found: Pass, seen: Callable[[Pass], None]) -> None:
        after = ""
        while batch := await self._store.batch(after):
            began = time.monotonic()
            await self._move_on(batch.values, found)
            after, found.jobs = batch.last, found.jobs + batch.jobs
            seen(found)
            # The servers come first: the database has a rest as long as the work was.
            await asyncio.sleep(time.monotonic() - began)

    async def _move_on(self, values: Sequence[Sealed], found: Pass) -> None:
        pairs = [pair for value in values if (pair := self._sealed_anew(value, found))]
        resealed = await self._store.reseal(pairs)
        found.resealed += resealed
        found.changed += len(pairs) - resealed

    def _sealed_anew(self, value: Sealed, found: Pass) -> tuple[Sealed, str] | None:
        """The value and what is to replace it; None where nothing is to be done, or can be."""
        place = {"job_id": value.job_id, "user_id": value.user_id, "field": value.field}
        try:
            if not self._vault.is_current(value.text):
                return value, self._vault.seal(self._vault.open(value.text, **place), **place)
            found.current += 1
        except VaultError:
            found.unreadable.append(value)
        return None
