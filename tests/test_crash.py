"""Processes are really killed, stopped and woken; the address book has to come out as if nothing had happened."""

import asyncio
import random
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from pymongo.read_concern import ReadConcern

from bench.processes import Bench, Server, ended
from handlers import BASE
from providers.sandbox.app import Sandbox
from providers.sandbox.people import expected
from storage.indexes import CONTACTS, JOBS, LEDGER, UPLOAD_CHUNKS, UPLOADS
from storage.mongo import Database

# The product's default is eight seconds; with one, a minute has room for many deaths.
SHORT_LEASE = {"EVERREACH_LEASE_SECONDS": "1"}

AT_LEAST = 6
"""Random kills in every run of the tests; `make kills` asks for more. Those of the last imports come on top."""


class Import(NamedTuple):
    provider: str
    user: str
    account: str
    size: int
    job_id: str


@asynccontextmanager
async def surroundings(latency: float) -> AsyncIterator[tuple[Bench, Database]]:
    async with Bench(latency) as bench:
        database = bench.database("crash")
        try:
            yield bench, database
        finally:
            database.client.close()


async def begin(bench: Bench, server: Server, provider: str, size: int) -> Import:
    user, account = str(uuid.uuid4()), f"{uuid.uuid4().hex}@sandbox.example"
    job_id = await server.client(bench.http, user).consent(provider, account, size)
    return Import(provider, user, account, size, job_id)


async def job_of(database: Database, one: Import) -> dict[str, Any]:
    job = await database[JOBS].find_one({"_id": one.job_id})
    assert job
    return job


async def moved(database: Database, one: Import, page: int, seconds: float) -> float:
    """Seconds until the job commits a page beyond `page`."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(seconds):
        while (await job_of(database, one))["page"] <= page:
            await asyncio.sleep(0.01)
    return asyncio.get_running_loop().time() - began


async def check_undisturbed(database: Database, one: Import) -> None:
    """The job, the contacts and the ledger are what an import without any trouble gives."""
    imported, no_email, duplicate = expected(Sandbox().book(one.account, one.size))
    job = await job_of(database, one)
    assert job["error_message"] is None
    assert job["status"] == "completed"
    counted = [job[f"{name}_contacts"] for name in ("total", "processed", "imported", "skipped", "failed")]
    assert counted == [one.size, one.size, imported, no_email + duplicate, 0]
    contacts = await database[CONTACTS].find({"user_id": one.user}).to_list(None)
    assert len(contacts) == len({contact["email"] for contact in contacts}) == imported
    rows = await database[LEDGER].find({"import_job_id": one.job_id}).to_list(None)
    assert len(rows) == len({row["provider_contact_id"] for row in rows}) == one.size
    assert {row["contact_id"] for row in rows if row["action"] == "created"} == {made["_id"] for made in contacts}
    reasons = [row["skip_reason"] for row in rows]
    assert reasons.count("no_email") + reasons.count("unusable_email") == no_email
    assert reasons.count("duplicate") == duplicate


@pytest.mark.timeout(1800)
@pytest.mark.gen_test(timeout=1800)
async def test_random_kills_lose_nothing_and_double_nothing(request: pytest.FixtureRequest) -> None:
    wanted = request.config.getoption("--kills")
    chance = random.Random(20261122 + wanted)
    async with surroundings(latency=0.15) as (bench, database):
        server = bench.server("crash", **SHORT_LEASE)
        kills = 0
        while kills < max(wanted, AT_LEAST):
            imports: list[Import] = []
            while not imports or await unfinished(database, imports):
                async with server:
                    await server.ready(bench.http)
                    if not imports:
                        providers = ("google", "microsoft") * 3
                        sizes = [chance.randint(2500, 9500) for _ in providers]
                        imports = [await begin(bench, server, *pair) for pair in zip(providers, sizes, strict=True)]
                    await retry_given_up(bench, server, database, imports)
                    await wait_for_end(database, imports, chance.uniform(0.1, 2.2))
                    await server.end(chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
                    kills += 1
            for one in imports:
                await check_undisturbed(database, one)
        sys.stdout.write(f"{kills} kills\n")


async def retry_given_up(bench: Bench, server: Server, database: Database, imports: list[Import]) -> None:
    """Whoever is killed five times before a page comes through is given up, by the contract, and may be retried."""
    for one in imports:
        job = await job_of(database, one)
        if job["status"] == "failed":
            assert "given up" in job["error_message"]
            assert "authorization_url" not in await server.client(bench.http, one.user).post(
                f"/jobs/{one.job_id}/retry"
            )


async def unfinished(database: Database, imports: list[Import]) -> bool:
    ids = [one.job_id for one in imports]
    return await database[JOBS].count_documents({"_id": {"$in": ids}, "status": {"$ne": "completed"}}) > 0


async def wait_for_end(database: Database, imports: list[Import], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while await unfinished(database, imports):
                await asyncio.sleep(0.02)
    except TimeoutError:
        return


async def seconds_to_go_on(number: signal.Signals) -> float:
    """How long after the end of one node another one takes to commit the next page of its import."""
    async with surroundings(latency=0.1) as (bench, database), AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(bench.server("crash")) for _ in range(2)]
        await one.ready(bench.http)
        import_ = await begin(bench, one, "google", 12_000)
        await moved(database, import_, 2, 30)
        owner = (await job_of(database, import_))["lease_owner"]
        # Either node may have claimed it; the one that did is the one to end.
        await other.ready(bench.http)
        assert await one.end(number) == (-signal.SIGKILL if number is signal.SIGKILL else 0)
        page = (await job_of(database, import_))["page"]
        seconds = await moved(database, import_, page, 40)
        assert (await job_of(database, import_))["lease_owner"] != owner
        await ended(other.client(bench.http, import_.user), import_.job_id)
        await check_undisturbed(database, import_)
        return seconds


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGKILL, 12), (signal.SIGTERM, 2)])
@pytest.mark.gen_test(timeout=280)
async def test_another_node_goes_on_in_time(number: signal.Signals, seconds: float) -> None:
    took = [await seconds_to_go_on(number)]
    # A machine that is busy with something else may be late now and then; a node that is late is so each time.
    while took[-1] >= seconds and len(took) < 4:
        took.append(await seconds_to_go_on(number))
    assert took[-1] < seconds, took


@pytest.mark.gen_test(timeout=60)
async def test_a_worker_that_slept_past_its_lease_writes_nothing_when_it_wakes() -> None:
    async with surroundings(latency=0.1) as (bench, database), AsyncExitStack() as stack:
        sleeper = await stack.enter_async_context(bench.server("crash", **SHORT_LEASE))
        await sleeper.ready(bench.http)
        import_ = await begin(bench, sleeper, "microsoft", 15_000)
        await moved(database, import_, 2, 30)
        sleeper.child.send_signal(signal.SIGSTOP)
        other = await stack.enter_async_context(bench.server("crash", **SHORT_LEASE))
        await other.ready(bench.http)
        await ended(other.client(bench.http, import_.user), import_.job_id)
        async with database.with_options(read_concern=ReadConcern("majority")).watch() as changes:
            sleeper.child.send_signal(signal.SIGCONT)
            await sleeper.ready(bench.http)
            # It is awake and looks for work; longer than its renewal and its scan take together.
            await asyncio.sleep(2.5)
            assert await changes.try_next() is None
        await check_undisturbed(database, import_)


def first_half(server: Server, user: str, file: bytes) -> bytes:
    """The request with a file, cut off in the middle."""
    lines = [f"POST {BASE}/uploads HTTP/1.1", "Host: x", f"Authorization: Bearer {server.token(user)}"]
    top = "\r\n".join([*lines, f"Content-Length: {len(file)}", "", ""]).encode()
    return top + file[: len(file) // 2]


@pytest.mark.gen_test(timeout=60)
async def test_who_is_killed_while_a_file_comes_leaves_nothing_behind() -> None:
    async with surroundings(latency=0) as (bench, database):
        server = bench.server("crash")
        async with server:
            await server.ready(bench.http)
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(first_half(server, str(uuid.uuid4()), b"BEGIN:VCARD\r\n" * 400_000))
            while await database[UPLOAD_CHUNKS].count_documents({}) < 2:
                await asyncio.sleep(0.01)
            await server.end(signal.SIGKILL)
            writer.close()
        # What two minutes of silence do.
        await database[UPLOADS].update_many({}, {"$set": {"look_at": datetime(2020, 1, 1, tzinfo=UTC)}})
        async with server:
            await server.ready(bench.http)
            async with asyncio.timeout(30):
                while await database[UPLOADS].count_documents({}):
                    await asyncio.sleep(0.05)
        names = set(await database.list_collection_names()) - {"rate_limits"}
        assert {name: count for name in names if (count := await database[name].count_documents({}))} == {}
