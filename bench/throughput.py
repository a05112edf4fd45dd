"""Contacts a second: ours, the raw insert limit of the same documents, and the loop that everybody writes first."""

import time
import uuid
from functools import lru_cache
from statistics import median
from typing import Any, NamedTuple

from bench.processes import Bench, ended
from providers.sandbox.book import Book
from providers.sandbox.files.csv_file import google_csv
from providers.sandbox.files.vcard_file import vcards
from providers.sandbox.people import person
from storage.indexes import CONTACTS, JOBS, LEDGER, ensure_indexes
from storage.mongo import Database

PAGE = 1000
NAIVE = 1000
ROUNDS = 3
"""Of each size, all ways in turn, because the machine's speed drifts; the largest books have one."""
_LARGE = 500_000


FILES = {"csv": google_csv, "vcard": vcards}


class Throughput(NamedTuple):
    """Of one source and size: contacts a second each way, how they compare, and our process's peak memory in MiB."""

    source: str
    contacts: int
    ours: float
    raw: float
    raw_contacts_only: float
    naive: float
    ours_to_raw: float
    ours_to_naive: float
    peak_mib: float


class _Round(NamedTuple):
    """Contacts a second each way in one round, and the peak memory."""

    ours: float
    raw: float
    raw_contacts_only: float
    naive: float
    peak_mib: float


async def warm_up(bench: Bench, contacts: int, provider: str = "google") -> None:
    """Import once without measuring."""
    await _ours(bench, "warm_up", provider, contacts)
    database = bench.database("warm_up")
    await database.client.drop_database(database.name)


async def measure(bench: Bench, contacts: int, provider: str = "google") -> Throughput:
    """Medians of all rounds. A ratio is that of one round's own figures."""
    count = ROUNDS if contacts < _LARGE else 1
    rounds = [await _round(bench, contacts, provider) for _ in range(count)]
    ours, raw, alone, naive, peak = (median(figures) for figures in zip(*rounds, strict=True))
    to_raw = median(each.ours / each.raw for each in rounds)
    to_naive = median(each.ours / each.naive for each in rounds)
    return Throughput(provider, contacts, ours, raw, alone, naive, to_raw, to_naive, peak)


async def _round(bench: Bench, contacts: int, provider: str) -> _Round:
    """Import a book of that size into a fresh database, then write the same documents raw and one by one."""
    name = f"ours_{contacts}"
    ours, peak = await _ours(bench, name, provider, contacts)
    source = bench.database(name)
    target = bench.database(f"raw_{contacts}")
    await ensure_indexes(target)
    contact_seconds = await _copy(source, target, CONTACTS)
    ledger_seconds = await _copy(source, target, LEDGER)
    naive = await _naive(source, bench.database(f"naive_{contacts}"))
    for database in (name, f"raw_{contacts}", f"naive_{contacts}"):
        await source.client.drop_database(database)
    return _Round(ours, contacts / (contact_seconds + ledger_seconds), contacts / contact_seconds, naive, peak)


async def _ours(bench: Bench, name: str, provider: str, contacts: int) -> tuple[float, float]:
    async with bench.server(name) as server:
        await server.ready(bench.http)
        client = server.client(bench.http)
        if provider in FILES:
            # What is measured is the import, and not how long the file takes to come.
            job_id = await client.upload(provider, _file(provider, contacts), begin=False)
            began = time.monotonic()
            await client.post(f"/jobs/{job_id}/begin")
        else:
            began = time.monotonic()
            job_id = await client.consent(provider, "bench@sandbox.example", contacts)
        job = await ended(client, job_id)
        seconds = time.monotonic() - began
        assert (job["status"], job["processed_contacts"]) == ("completed", contacts), job
        return contacts / seconds, server.peak_mib()


@lru_cache(maxsize=1)
def _file(kind: str, contacts: int) -> bytes:
    book = Book("bench@sandbox.example", contacts)
    return FILES[kind](person(book, number) for number in range(contacts))


async def _copy(source: Database, target: Database, collection: str) -> float:
    """Seconds that unordered inserts of the same documents take, a page at a time; reading them is not counted."""
    seconds = 0.0
    cursor = source[collection].find()
    while batch := await cursor.to_list(PAGE):
        began = time.monotonic()
        await target[collection].insert_many(batch, ordered=False)
        seconds += time.monotonic() - began
    return seconds


async def _naive(source: Database, target: Database) -> float:
    """Contacts a second of find, insert, insert, update, one contact after the other."""
    await ensure_indexes(target)
    job_id = str(uuid.uuid4())
    await target[JOBS].insert_one({"_id": job_id, "user_id": "u", "imported_contacts": 0})
    contacts = await source[CONTACTS].find().limit(NAIVE).to_list(None)
    rows = await source[LEDGER].find({"action": "created"}).limit(NAIVE).to_list(None)
    began = time.monotonic()
    for contact, row in zip(contacts, rows, strict=True):
        await _naive_one(target, job_id, contact, row)
    return len(contacts) / (time.monotonic() - began)


async def _naive_one(target: Database, job_id: str, contact: dict[str, Any], row: dict[str, Any]) -> None:
    if await target[CONTACTS].find_one({"user_id": contact["user_id"], "email": contact["email"]}):
        return
    await target[CONTACTS].insert_one(contact)
    await target[LEDGER].insert_one(row)
    await target[JOBS].update_one({"_id": job_id, "user_id": "u"}, {"$inc": {"imported_contacts": 1}})
