"""Erases one person, while servers run, so that nothing comes back: not even a page that was on its way."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from msgspec import ValidationError

from everreach.errors import EverReachError, ProviderError, VaultError
from everreach.security.vault import Vault
from providers.oauth import OAuthFlow
from storage.jobs import JobStore
from storage.personal_data import Held, PersonStore

ROUNDS: Final = 5
"""How often everything is looked for and deleted, at the most, until nothing is left."""

QUIET_SECONDS: Final = 2.0
"""How long after a deletion nothing new must have come: servers look for jobs that ended about once a second."""

_STEP_SECONDS: Final = 0.5
_STILL_WRITTEN = (
    "Something of this person is still being written. Make sure that nobody can sign in as this person any more, then "
    "run this again."
)


class Revoked(Enum):
    """What became of a grant at its provider."""

    DONE = "revoked"
    NO_WAY = "left, because the provider offers no revocation"
    FAILED = "could not be revoked"


@dataclass
class Erased:
    """What an erasure did: imports ended, documents deleted by collection, and the grants by provider."""

    ended: int = 0
    deleted: Counter[str] = field(default_factory=Counter)
    grants: dict[str, tuple[str, Revoked]] = field(default_factory=dict)
    """By the id of the job that held it."""


class Erasure:
    """Ends, revokes, waits, deletes and looks again, in rounds. Whoever is killed begins again from the start."""

    def __init__(self, persons: PersonStore, jobs: JobStore, flows: Mapping[str, OAuthFlow], vault: Vault) -> None:
        """`jobs` keeps the tokens of what it cancels, because they are needed to revoke their grants."""
        self._persons = persons
        self._jobs = jobs
        self._flows = flows
        self._vault = vault
        self._erased = Erased()

    async def run(self, user_id: str, waiting: Callable[[float], None]) -> Erased:
        """Erase. `waiting` is told of each wait for a worker, in seconds at the most.

        Raises EverReachError where something of the person goes on being written.
        """
        for _ in range(ROUNDS):
            await self._end(user_id)
            await self._revoke(user_id)
            await self._outlast_workers(user_id, waiting)
            self._erased.deleted += await self._persons.delete(user_id)
            await asyncio.sleep(QUIET_SECONDS)
            if not (await self._persons.count(user_id)).total():
                return self._erased
        raise EverReachError(_STILL_WRITTEN)

    async def _end(self, user_id: str) -> None:
        """Cancel what has not ended: its worker's next statement matches nothing, and its lease is renewed no more."""
        for job_id in await self._persons.unended(user_id):
            # One that cannot be read has been cancelled all the same, by the statement before its reading.
            with suppress(ValidationError):
                self._erased.ended += await self._jobs.cancel(job_id, user_id) is not None

    async def _outlast_workers(self, user_id: str, waiting: Callable[[float], None]) -> None:
        seconds = await self._persons.seconds_until_silence(user_id)
        if seconds:
            waiting(seconds)
        while seconds:
            # A worker that notices hands the job back, often long before its lease is over.
            await asyncio.sleep(min(seconds, _STEP_SECONDS))
            seconds = await self._persons.seconds_until_silence(user_id)

    async def _revoke(self, user_id: str) -> None:
        held = await self._persons.grants(user_id)
        outcomes = await asyncio.gather(*(self._revocation(one) for one in held))
        for one, outcome in zip(held, outcomes, strict=True):
            self._erased.grants[one.token.job_id] = (one.provider, outcome)

    async def _revocation(self, held: Held) -> Revoked:
        flow, token = self._flows.get(held.provider), held.token
        if flow is None:
            return Revoked.NO_WAY
        try:
            opened = self._vault.open(token.text, job_id=token.job_id, user_id=token.user_id, field=token.field)
            return Revoked.DONE if await flow.revoke(opened) else Revoked.NO_WAY
        except (ProviderError, VaultError):
            return Revoked.FAILED
