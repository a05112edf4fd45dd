"""One person with the app: an import from the tap on the button to the last look at what came of it."""

import asyncio
import random
import uuid
from enum import StrEnum, auto
from functools import cache
from typing import Any, NamedTuple

from bench.processes import Bench, Server
from everreach.cli.demo_client import DemoClient
from everreach.errors import EverReachError
from providers.sandbox.book import Book
from providers.sandbox.faults import Fault
from providers.sandbox.people import expected
from storage.indexes import CONTACTS, LEDGER
from storage.mongo import Database

_WAIT_SECONDS = 20
_PAUSE_SECONDS = 0.05
_SETTLED_SECONDS = 10.0


class Course(StrEnum):
    """What becomes of an import."""

    WHOLE = auto()
    """It completes."""
    CANCELLED = auto()
    """The person ends it soon after its begin."""
    DENIED = auto()
    """The person says no at the provider's."""
    RETRIED = auto()
    """The provider sends a page that nobody can follow, and the person tries once more."""


class Account(NamedTuple):
    """An address book in the sandbox, which one person at a time has: a fault is ordered for the account."""

    provider: str
    name: str
    contacts: int


class Person:
    """Somebody who imports one book. Raises AssertionError where anything is lost, doubled or counted wrongly."""

    def __init__(self, bench: Bench, server: Server, database: Database, account: Account) -> None:
        self._bench = bench
        self._database = database
        self._account = account
        self.client: DemoClient = server.client(bench.http, str(uuid.uuid4()))

    async def live(self, course: Course) -> None:
        """Go through one import, follow it, look at the list and at the contacts, and leave no row behind."""
        if course is Course.DENIED:
            job_id = await deny(self._bench, self.client, self._account.provider)
            assert (await self.client.get(f"/status/{job_id}"))["completed_at"]
        else:
            await self._import(course)
        assert (await self.client.get("/list"))["total"] == 1
        await self.forget()

    async def forget(self) -> None:
        """Take the person's contacts and rows out of the database, which would fill the disk."""
        for name in (CONTACTS, LEDGER):
            await self._database[name].delete_many({"user_id": self.client.user})

    async def _import(self, course: Course) -> None:
        account = self._account
        if course is Course.RETRIED:
            account = account._replace(provider="microsoft")
            await self._bench.play(Fault("foreign_next_link", "page", account=account.name))
        job_id = await self.client.consent(*account)
        if course is Course.CANCELLED:
            await self._cancel(job_id)
        job = await self.followed(job_id)
        if course is Course.RETRIED:
            assert job["status"] == "failed", job
            await self.client.post(f"/jobs/{job_id}/retry")
            job = await self.followed(job_id)
        if job["status"] != "cancelled":
            assert counts(job) == whole(account), (job, account)
        async with asyncio.timeout(_SETTLED_SECONDS):
            await self._look(job)

    async def _cancel(self, job_id: str) -> None:
        await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS))
        try:
            await self.client.post(f"/jobs/{job_id}/cancel")
        except EverReachError:
            # It had ended before.
            assert (await self.client.get(f"/status/{job_id}"))["completed_at"]

    async def followed(self, job_id: str) -> dict[str, Any]:
        """Follow by long-polls, and return the last state."""
        job = await self.client.get(f"/status/{job_id}")
        while not job["completed_at"]:
            job = await self.client.get(f"/status/{job_id}?since={job['version']}&wait={_WAIT_SECONDS}")
        return job

    async def _look(self, job: dict[str, Any]) -> None:
        """The contacts, page by page as the app shows them; what stands in the database is what was counted."""
        path = f"/jobs/{job['id']}/contacts?limit=100"
        while await self._held(path) != (job["processed_contacts"], job["imported_contacts"]):
            # A cancel is answered while a page may still be on its way; its counts come with the worker's end.
            assert job["status"] == "cancelled", job
            await asyncio.sleep(_PAUSE_SECONDS)
            job = await self.client.get(f"/status/{job['id']}")
        await self.client.get(f"{path}&offset=100")

    async def _held(self, path: str) -> tuple[int, int]:
        """How many outcomes are shown, and how many contacts the person has."""
        held = await self._database[CONTACTS].count_documents({"user_id": self.client.user})
        return (await self.client.get(path))["total"], held


async def deny(bench: Bench, client: DemoClient, provider: str) -> str:
    """Begin an import and say no at the provider's. Returns the job's id."""
    started = await client.post(f"/{provider}/start")
    answered = await bench.http.post_form(started["authorization_url"], {"decision": "deny"})
    await bench.http.get(answered.headers["location"])
    return str(started["job_id"])


def counts(job: dict[str, Any]) -> tuple[Any, ...]:
    """How it ended, and what of it was imported, skipped and failed."""
    return job["status"], job["imported_contacts"], job["skipped_contacts"], job["failed_contacts"]


@cache
def whole(account: Account) -> tuple[str, int, int, int]:
    """What the counts of a whole import of the book are."""
    imported, without, duplicates = expected(Book(account.name, account.contacts))
    return "completed", imported, without + duplicates, 0
