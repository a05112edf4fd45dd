"""After an erasure not one byte in the database is the person's, whatever was under way; nobody else's is touched."""

import asyncio
import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import CodecOptions
from bson.raw_bson import RawBSONDocument

from everreach.maintenance.erasure import Erasure
from everreach.security.key_strength import new_key
from providers.sandbox.faults import Fault
from storage.bulk import insert_all
from storage.indexes import CONTACTS, DELIVERIES, JOBS, LEDGER, PERSON_BOUND, UPLOADS
from storage.jobs import JobStore
from storage.mongo import Collection, Database
from storage.personal_data import PersonStore
from tests.everreach.cli.test_keys import started
from tests.everreach.test_main import good, run
from tests.handlers.edge import until
from tests.storage.builders import slowly
from tests.world import KEY, World, new_user

PERSON = "hedy.lamarr@sandbox.example"
SHORT_LEASE = pytest.mark.settings(
    everreach_lease_seconds=2,
    # Nobody is there to be told, so that every delivery stays until it is erased.
    webhook_urls="https://127.0.0.1:1/nobody",
    webhook_secrets=f"whsec_{new_key()}",
)


def settings(world: World, database_uri: str) -> dict[str, str]:
    """The node's, for a process on another machine."""
    providers = {**world.sandbox.urls(world.sandbox_url), **world.sandbox.credentials()}
    return good(MONGODB_URI=database_uri, TOKEN_ENCRYPTION_KEYS=KEY, **providers)


async def occurrences(database: Database, needles: Sequence[str]) -> list[tuple[str, str]]:
    """Where in the bytes of any document of any collection one of these is to be found."""
    found = []
    for name in await database.list_collection_names():
        raw = database[name].with_options(codec_options=CodecOptions(RawBSONDocument))
        documents: list[Any] = await raw.find().to_list(None)
        found += [(name, text) for one in documents for text in needles if text.encode() in one.raw]
    return found


async def everything_of(database: Database, user: str) -> dict[str, list[dict[str, Any]]]:
    # A delivery that nobody takes is tried again by itself, and a file looked at, which changes them.
    shown = {DELIVERIES: {"payload": 1}, UPLOADS: {"received": 1}}
    found = {name: database[name].find({"user_id": user}, shown.get(name)).sort("_id") for name in PERSON_BOUND}
    return {name: await documents.to_list(None) for name, documents in found.items()}


async def moving(world: World, user: str) -> list[str]:
    """An import at each provider under way on the node, a page or two of it written and many more to come."""
    world.sandbox.latency = 0.4
    jobs = [await world.consent(provider, user, PERSON, 40_000) for provider in ("google", "microsoft")]
    for job_id in jobs:
        await until(partial(world.database[LEDGER].find_one, {"import_job_id": job_id}))
    return jobs


async def lived(world: World, user: str) -> list[str]:
    """An import that is complete, one that failed and may be retried, one that waits for consent, and a file."""
    done = await world.consent("microsoft", user, PERSON, 300)
    await world.ended(done, user)
    world.sandbox.faults.add(Fault("page_loop", "page"))
    failed = await world.consent("google", user, PERSON, 1100)
    assert (await world.ended(failed, user))["status"] == "failed"
    assert (await world.stored(failed))["refresh_token"]
    world.sandbox.faults.clear()
    waiting, _ = await world.start("google", user)
    await world.database[CONTACTS].insert_many([{"user_id": user, "display_name": "by hand"}, {"user_id": user}])

    async def told() -> bool:
        return not await world.database[JOBS].find_one({"user_id": user, "announce_at": {"$exists": True}})

    await until(told)
    file = await world.api("POST", "/uploads", user, f"BEGIN:VCARD\nNOTE:{user}\nEND:VCARD\n")
    return [done, failed, waiting, file.json["job_id"]]


@SHORT_LEASE
@pytest.mark.gen_test(timeout=100)
async def test_nothing_of_a_person_is_left_while_an_import_is_under_way_on_another_node(
    world: World, database_uri: str, tmp_path: Path
) -> None:
    user, other = new_user(), new_user()
    await lived(world, other)
    jobs = [*await lived(world, user), *await moving(world, user)]
    needles = [user, PERSON, *jobs]
    assert {name for name, _ in await occurrences(world.database, [user])} == {*PERSON_BOUND, "rate_limits"}
    await world.database[JOBS].update_many({"user_id": other}, {"$set": {"provider_account_name": "somebody else"}})
    untouched = await everything_of(world.database, other)
    ended = await asyncio.to_thread(run, tmp_path, "erase", user, "--yes", **settings(world, database_uri))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Imports ended: 4" in ended.stdout
    assert "Grants at google: 2 revoked" in ended.stdout
    assert "Grants at microsoft: 1 left, because the provider offers no revocation" in ended.stdout
    assert ended.stderr == ""
    assert not [text for text in needles if text in ended.stdout]
    # Past the lease that the workers had, and past everything that a node may still think is due.
    await asyncio.sleep(world.config.everreach_lease_seconds + 1)
    assert await occurrences(world.database, needles) == []
    assert await everything_of(world.database, other) == untouched
    assert world.sandbox.stats.revoked == 2


@pytest.mark.settings(everreach_lease_seconds=1)
@pytest.mark.gen_test
async def test_a_page_that_a_sleeping_worker_sends_after_the_erasure_does_not_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, released, landed = asyncio.Event(), asyncio.Event(), []

    async def sent_late(contacts: Collection, documents: Sequence[RawBSONDocument], check: Any) -> dict[int, int]:
        check()
        held.set()
        await released.wait()
        landed.append(await insert_all(contacts, documents))
        return landed[-1]

    monkeypatch.setattr("storage.contacts.store.insert_all", sent_late)
    monkeypatch.setattr("everreach.maintenance.erasure.QUIET_SECONDS", 0.1)
    user = new_user()
    job_id = await world.consent("google", user, PERSON, 500)
    await held.wait()
    services = world.node.services
    jobs = JobStore(world.database, keep_tokens=True)
    erasure = Erasure(PersonStore(world.database), jobs, services.flows, services.vault)
    waits: list[float] = []
    await erasure.run(user, waits.append)
    assert waits
    assert await occurrences(world.database, [user, PERSON, job_id]) == []
    released.set()

    async def idle() -> bool:
        return not services.runner._time_slices

    await until(idle)
    assert landed == [{}]
    assert await occurrences(world.database, [user, PERSON, job_id]) == []


@pytest.mark.gen_test(timeout=60)
async def test_one_that_is_killed_in_the_middle_is_run_again_and_ends(
    world: World, database_uri: str, tmp_path: Path
) -> None:
    user = new_user()
    job_id = await world.consent("google", user, PERSON)
    await world.ended(job_id, user)
    contacts = world.database[CONTACTS]
    await contacts.insert_many([{"user_id": user} for _ in range(10_000)])
    async with slowly(world.database, "delete"):
        with started(tmp_path, "erase", user, "--yes", **settings(world, database_uri)) as process:
            async with asyncio.timeout(40):
                while await contacts.estimated_document_count() > 10_000:
                    await asyncio.sleep(0.002)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL
    # By the job the next one knows what to wait for and to revoke, so that goes last.
    assert await contacts.count_documents({"user_id": user}) > 0
    assert await world.database[JOBS].count_documents({"user_id": user}) == 1
    ended = await asyncio.to_thread(run, tmp_path, "erase", user, "--yes", **settings(world, database_uri))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert await occurrences(world.database, [user, PERSON, job_id]) == []
