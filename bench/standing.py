"""Jobs that stand in the middle of an import: no node works on them, and the bench moves them itself."""

import uuid

from bench.processes import SECRET, Bench, Server
from everreach.job import Status
from everreach.tokens import issue
from storage.arrows import NOW, apply, change
from storage.indexes import JOBS
from storage.mongo import Database, Document

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
    return [(job_id, issue(SECRET, owner, 36000)) for job_id, owner in owners.items()]


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
