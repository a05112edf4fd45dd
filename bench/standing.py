"""Jobs that stand in the middle of an import: no node works on them, and the bench moves them itself."""

import uuid

from bson import ObjectId

from bench.life import deny
from bench.processes import Bench, Server, ended
from everreach.jobs.job import Status
from storage.indexes import JOBS, LEDGER
from storage.mongo import Database, Document
from storage.transitions import NOW, apply, change

_BATCH = 10_000
_MIDDLE = {
    "status": Status.PROCESSING,
    "provider_account_name": "somebody@sandbox.example",
    "total_contacts": 5000,
    "processed_contacts": 2500,
    "imported_contacts": 2400,
    "skipped_contacts": 100,
}


async def stand(bench: Bench, server: Server, database: Database, people: int) -> list[tuple[str, str]]:
    """One job for each of so many people: its id, and its owner's token."""
    started = await server.client(bench.http).post("/google/start")
    model: Document = await database[JOBS].find_one({"_id": started["job_id"]}) or {}
    # Without it no runner ever looks at the job.
    del model["not_before"]
    owners = {str(uuid.uuid4()): str(uuid.uuid4()) for _ in range(people)}
    await database[JOBS].insert_many(
        [{**model, **_MIDDLE, "_id": job_id, "user_id": owner} for job_id, owner in owners.items()]
    )
    return [(job_id, server.token(owner)) for job_id, owner in owners.items()]


async def move(database: Database, job_id: str) -> int:
    """Commit a page, as far as those who follow can tell. Returns the job's version."""
    counts = {name: {"$add": [f"${name}", 100]} for name in ("processed_contacts", "imported_contacts")}
    return await _apply(database, job_id, change(**counts))


async def finish(database: Database, job_id: str) -> int:
    """Complete the import. Returns the job's version."""
    done = change({"status": Status.COMPLETED}, total_contacts="$processed_contacts", completed_at=NOW)
    return await _apply(database, job_id, done)


async def _apply(database: Database, job_id: str, pipeline: list[Document]) -> int:
    job = await apply(database[JOBS], {"_id": job_id}, pipeline)
    assert job
    return job.version


async def bury(bench: Bench, server: Server, database: Database, rows: int) -> tuple[str, str]:
    """A job of so many rows, and its owner's token; only a hundred were ever imported."""
    client = server.client(bench.http)
    job_id = await client.consent("google", "buried@sandbox.example", 100)
    await ended(client, job_id)
    row: Document = await database[LEDGER].find_one({"import_job_id": job_id}) or {}
    for start in range(0, rows, _BATCH):
        batch = [{**row, "_id": ObjectId(), "provider_contact_id": f"b{start + place}"} for place in range(_BATCH)]
        await database[LEDGER].insert_many(batch, ordered=False)
    return job_id, server.token(client.user)


async def refuse(bench: Bench, server: Server) -> tuple[str, str]:
    """A job whose person said no, and their token: it can be retried with a new consent only."""
    client = server.client(bench.http)
    return await deny(bench, client, "google"), server.token(client.user)
