"""Accounts that are made to hurt who imports them: what their provider sends has no measure."""

import asyncio
import time
from collections import Counter, defaultdict
from typing import Final

from bench.processes import Bench, Server
from everreach.errors import EverReachError
from providers.sandbox.faults import Fault

HUGE_ENTRY: Final = "huge@sandbox.example"
MAILBOX: Final = "mailbox@sandbox.example"
WRONG_VALUES: Final = "a contact of wrong values"
MANY_FOLDERS: Final = "a mailbox of many folders"
HURTING: Final = (WRONG_VALUES, MANY_FOLDERS)
"""What each of these accounts has. Whoever imports one gets all that can be read."""

_CONTACTS: Final = 200
_PAUSE_SECONDS: Final = 3.0


class Hostile:
    """Somebody with such accounts; `ends` says of each kind how its imports ended."""

    def __init__(self, bench: Bench, server: Server) -> None:
        self._bench, self._server = bench, server
        self.ends: dict[str, Counter[str]] = defaultdict(Counter)

    async def live(self, seconds: float) -> None:
        """Import them again and again for so long."""
        until = time.monotonic() + seconds
        await self._bench.play(Fault("huge_entry", "page", times=None, account=HUGE_ENTRY))
        await asyncio.gather(
            self._again(WRONG_VALUES, "google", HUGE_ENTRY, until),
            self._again(MANY_FOLDERS, "microsoft", MAILBOX, until),
        )

    async def _again(self, kind: str, provider: str, account: str, until: float) -> None:
        while time.monotonic() < until:
            self.ends[kind][await self._import(provider, account)] += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _import(self, provider: str, account: str) -> str:
        client = self._server.client(self._bench.http)
        try:
            job_id = await client.consent(provider, account, _CONTACTS)
            job = await client.get(f"/status/{job_id}")
            while not job["completed_at"]:
                # A walk through folders is a change each, and who follows them all meets the limit of status.
                await asyncio.sleep(2)
                job = await client.get(f"/status/{job_id}?since={job['version']}&wait=20")
        except EverReachError:
            return "refused"
        return str(job["status"])
