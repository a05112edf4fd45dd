"""Webhooks: every end is told at least once and under one id, whoever dies on the way, and nobody waits for it."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from msgspec.structs import replace

from everreach.errors import DatabaseAwayError
from everreach.jobs.events import Endpoint, Event
from everreach.jobs.job import Tally
from everreach.net.http import BRIEF, Http
from everreach.observability.metrics import REGISTRY, WEBHOOK
from everreach.server.app import Node
from everreach.webhooks import dispatcher as module
from everreach.webhooks.dispatcher import AT_ONCE, LONGEST_PAUSE_SECONDS, PAUSES, Dispatcher
from everreach.webhooks.sender import Sender
from storage.indexes import DELIVERIES, JOBS
from storage.mongo import Database, Document
from storage.outbox import Ended, Outbox
from storage.webhook_deliveries import TRY_SECONDS, Deliveries
from tests.receiver import SECRETS, Receiver
from tests.storage.builders import LONG_AGO, USER, Stores
from tests.world import World, new_user


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database, announce=True)


@asynccontextmanager
async def deliverer(database: Database, *endpoints: Endpoint) -> AsyncIterator[Dispatcher]:
    """A node's webhooks, not yet started. Tests take single steps of it."""
    async with Http(reachable=lambda _: True) as http:
        made = Dispatcher(
            announcements=Outbox(database),
            deliveries=Deliveries(database),
            courier=Sender(http, SECRETS),
            endpoints=endpoints,
        )
        yield made
        await made.stop(0)


async def look(webhooks: Dispatcher) -> None:
    """One look, and the tries that it began."""
    await webhooks._look()
    while tries := [task for tasks in webhooks._trying.values() for task in tasks]:
        await asyncio.gather(*tries)
        await asyncio.sleep(0)


async def ended(stores: Stores, user: str = USER) -> str:
    lease = await stores.leased(user)
    await stores.leases.finish(lease, Tally(imported=2))
    return lease.job.id


async def stored(database: Database, **query: Any) -> Document:
    (document,) = await database[DELIVERIES].find(query).to_list(None)
    made: Document = document
    return made


async def let_pass(database: Database) -> None:
    """Leases and pauses are over."""
    await database[DELIVERIES].update_many({"not_before": {"$exists": True}}, {"$set": {"not_before": LONG_AGO}})
    await database[JOBS].update_many({"announce_at": {"$exists": True}}, {"$set": {"announce_at": LONG_AGO}})


async def all_told(database: Database, count: int = 1, seconds: float = 40) -> list[Document]:
    """The deliveries, once so many have ended."""
    async with asyncio.timeout(seconds):
        while True:
            documents: list[Document] = await database[DELIVERIES].find({"ended_at": {"$exists": True}}).to_list(None)
            if len(documents) >= count:
                return documents
            await asyncio.sleep(0.02)


@asynccontextmanager
async def telling(world: World, *urls: Any, **changes: Any) -> AsyncIterator[Node]:
    """The world's node begins anew, with webhooks that may go to loopback."""
    await world.node.stop()
    config = world.config.model_copy(update={"webhook_urls": urls, "webhook_secrets": SECRETS, **changes})
    world.node = await Node(config, reachable=lambda _: True).__aenter__()
    yield world.node


@pytest.mark.gen_test
async def test_a_completed_import_is_told_with_what_became_of_it(world: World, receiver: Receiver) -> None:
    user = new_user()
    async with telling(world, receiver.url("fine")):
        job_id = await world.consent("google", user)
        job = await world.ended(job_id, user)
        (delivery,) = await all_told(world.database)
    (received,) = receiver.received
    payload = received.verified()
    del job["provider_account_name"]
    assert payload == {
        "type": "import.completed",
        "timestamp": job["completed_at"],
        "data": {**job, "user_id": user},
    }
    assert (delivery["status"], delivery["user_id"], delivery["attempts"]) == ("delivered", user, 1)
    assert {"unannounced", "announce_at"}.isdisjoint(await world.stored(job_id))


@pytest.mark.gen_test
async def test_a_failed_and_a_denied_import_are_told_too(world: World, receiver: Receiver) -> None:
    user = new_user()
    async with telling(world, receiver.url("fine")):
        late, _ = await world.start("google", user)
        await world.database[JOBS].update_one({"_id": late}, {"$set": {"not_before": LONG_AGO}})
        denied, page = await world.start("microsoft", user)
        await world.back(await world.decide(page, "deny"))
        await all_told(world.database, 2)
    told = {payload["data"]["id"]: payload for payload in (received.verified() for received in receiver.received)}
    assert {job_id: payload["type"] for job_id, payload in told.items()} == {
        late: "import.failed",
        denied: "import.failed",
    }
    assert "not connected in time" in told[late]["data"]["error_message"]
    assert "did not allow access" in told[denied]["data"]["error_message"]


@pytest.mark.gen_test
async def test_a_cancelled_import_is_told_with_the_counters_that_stand(world: World, receiver: Receiver) -> None:
    world.sandbox.latency = 0.05
    user = new_user()
    async with telling(world, receiver.url("fine")):
        job_id = await world.consent("google", user, size=20_000)
        while (await world.stored(job_id))["status"] != "processing":
            await asyncio.sleep(0.01)
        await world.api("POST", f"/jobs/{job_id}/cancel", user)
        await all_told(world.database)
        job = await world.status(job_id, user)
    (received,) = receiver.received
    payload = received.verified()
    assert payload["type"] == "import.cancelled"
    assert payload["data"]["processed_contacts"] == job["processed_contacts"] > 0
    assert payload["data"]["version"] == job["version"]


@pytest.mark.gen_test
async def test_without_the_setting_nothing_happens_at_all(world: World) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    await world.ended(job_id, user)
    assert {"unannounced", "announce_at", "telling"}.isdisjoint(await world.stored(job_id))
    assert DELIVERIES not in {
        name for name in await world.database.list_collection_names() if await world.database[name].find_one()
    }
    assert world.node._webhooks is None
    assert not [task for task in asyncio.all_tasks() if "webhooks" in task.get_name()]


Step = Callable[[Dispatcher, Endpoint, Endpoint], Awaitable[None]]


async def before_anything(*_: object) -> None:
    """Who ended the job died with it."""


async def after_taking(webhooks: Dispatcher, *_: object) -> None:
    (due,) = await webhooks._announcements.due(10)
    assert await webhooks._announcements.take(due)


async def after_the_first_of_two_deliveries(webhooks: Dispatcher, one: Endpoint, _: object) -> None:
    (due,) = await webhooks._announcements.due(10)
    (job,) = await webhooks._announcements.take(due)
    await webhooks._deliveries.post(Event.of(job), one.name)


async def after_both_deliveries(webhooks: Dispatcher, one: Endpoint, other: Endpoint) -> None:
    (due,) = await webhooks._announcements.due(10)
    (job,) = await webhooks._announcements.take(due)
    for endpoint in (one, other):
        await webhooks._deliveries.post(Event.of(job), endpoint.name)


async def after_forgetting(webhooks: Dispatcher, *_: object) -> None:
    (due,) = await webhooks._announcements.due(10)
    await webhooks._announce(due)


async def after_claiming(webhooks: Dispatcher, one: Endpoint, other: Endpoint) -> None:
    await after_forgetting(webhooks)
    (due,) = await webhooks._deliveries.due(one.name, 10)
    assert await webhooks._deliveries.claim(due)


async def after_sending(webhooks: Dispatcher, one: Endpoint, other: Endpoint) -> None:
    await after_forgetting(webhooks)
    (due,) = await webhooks._deliveries.due(one.name, 10)
    delivery = await webhooks._deliveries.claim(due)
    assert delivery
    assert (await webhooks._courier.send(delivery, one.url)).accepted


STEPS: Final[Sequence[tuple[Step, int]]] = [
    (before_anything, 1),
    (after_taking, 1),
    (after_the_first_of_two_deliveries, 1),
    (after_both_deliveries, 1),
    (after_forgetting, 1),
    (after_claiming, 1),
    # Only here does the endpoint see it twice: whether it heard the first time nobody is left to know.
    (after_sending, 2),
]


@pytest.mark.parametrize(("step", "times"), STEPS, ids=[step.__name__ for step, _ in STEPS])
@pytest.mark.gen_test
async def test_whoever_dies_at_whatever_step_another_node_goes_on_under_the_same_id(
    stores: Stores, database: Database, receiver: Receiver, step: Step, times: int
) -> None:
    one, other = receiver.endpoint("fine"), receiver.endpoint("wordy")
    job_id = await ended(stores)
    async with deliverer(database, one, other) as dying, deliverer(database, one, other) as next_node:
        await step(dying, one, other)
        await let_pass(database)
        await look(next_node)
        await let_pass(database)
        await look(next_node)
    version = (await stores.stored(job_id))["version"]
    id_ = f"msg_{job_id.replace('-', '')}_{version}"
    assert receiver.ids("fine") == [id_] * times
    assert receiver.ids("wordy") == [id_]
    assert len({received.body for received in receiver.received}) == 1
    assert "unannounced" not in await stores.stored(job_id)


@pytest.mark.gen_test
async def test_what_a_node_has_taken_is_waited_for(stores: Stores, database: Database, receiver: Receiver) -> None:
    one = receiver.endpoint("fine")
    await ended(stores)
    async with deliverer(database, one) as slow, deliverer(database, one) as other:
        await after_claiming(slow, one, one)
        await look(other)
        assert receiver.received == []
    # A try ends long before another node begins the same one.
    assert BRIEF.total
    assert 2 * BRIEF.total <= TRY_SECONDS


@pytest.mark.gen_test
async def test_two_nodes_at_once_tell_each_end_once(stores: Stores, database: Database, receiver: Receiver) -> None:
    fine, wordy = receiver.endpoint("fine"), receiver.endpoint("wordy")
    jobs = [await ended(stores) for _ in range(10)]
    async with deliverer(database, fine, wordy) as one, deliverer(database, fine, wordy) as other:
        one.start()
        other.start()
        await all_told(database, 20)
    for mood in ("fine", "wordy"):
        ids = receiver.ids(mood)
        assert len(ids) == len(set(ids)) == len(jobs)
    assert await database[JOBS].count_documents({"unannounced": {"$exists": True}}) == 0


@pytest.mark.gen_test
async def test_documents_that_a_hand_broke_keep_no_webhook_from_coming(
    stores: Stores, database: Database, receiver: Receiver
) -> None:
    async with deliverer(database, receiver.endpoint("fine")) as webhooks:
        # More of each than a node tries at a time.
        for _ in range(AT_ONCE + 1):
            await stores.put(await ended(stores), unannounced=["rubbish"])
            id_ = uuid.uuid4().hex
            await webhooks._deliveries.post(
                Event(id_, "import.failed", id_, USER, 1, "{}"), receiver.endpoint("fine").name
            )
        await database[DELIVERIES].update_many({}, {"$unset": {"payload": ""}, "$set": {"not_before": LONG_AGO}})
        fine, later = await ended(stores), await ended(stores)
        # This one's end is read, and then nothing of it can be read any more.
        await webhooks._announce(Ended(later, USER))
        await stores.put(later, created_at="yesterday")
        for _ in range(3):
            await look(webhooks)
    assert {received.verified()["data"]["id"] for received in receiver.received} == {fine, later}


@pytest.mark.gen_test
async def test_a_job_that_fails_twice_is_told_of_twice(stores: Stores, database: Database, receiver: Receiver) -> None:
    counts = dict.fromkeys(("processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts"), 0)
    lease = await stores.leased()
    await stores.leases.fail(lease, "First.", counts)
    retried = await stores.jobs.retry(lease.job.id, USER)
    await stores.leases.fail(await stores.leased(job=retried), "Second.", counts)
    async with deliverer(database, receiver.endpoint("fine")) as webhooks:
        await look(webhooks)
    assert len(set(receiver.ids())) == 2
    messages = {received.verified()["data"]["error_message"] for received in receiver.received}
    assert messages == {"First.", "Second."}


@pytest.mark.gen_test
async def test_nine_tries_in_about_a_day_and_then_it_is_given_up_and_said(
    stores: Stores, database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await ended(stores)
    async with deliverer(database, receiver.endpoint("down")) as webhooks:
        for tries, pause in enumerate(PAUSES, 1):
            await look(webhooks)
            document = await stored(database)
            left = (document["not_before"] - await stores.now()).total_seconds()
            assert (document["status"], document["attempts"]) == ("pending", tries)
            assert pause - 1 <= left <= pause * 1.2
            await look(webhooks)
            assert len(receiver.received) == tries
            await let_pass(database)
        await look(webhooks)
        document = await stored(database)
        assert (document["status"], document["attempts"], document["last_result"]) == ("given_up", 9, "HTTP 503")
        await let_pass(database)
        await look(webhooks)
    assert len(receiver.received) == 9
    assert len({(received.id, received.body) for received in receiver.received}) == 1
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "given up after 9 tries: HTTP 503" in said
    assert 20 * 3600 < sum(PAUSES) < 30 * 3600


@pytest.mark.gen_test
async def test_an_endpoint_that_comes_back_has_it(stores: Stores, database: Database, receiver: Receiver) -> None:
    await ended(stores)
    endpoint = receiver.endpoint("fine")
    async with deliverer(database, replace(endpoint, url=receiver.url("down"))) as webhooks:
        await look(webhooks)
    await let_pass(database)
    async with deliverer(database, endpoint) as webhooks:
        await look(webhooks)
    document = await stored(database)
    assert (document["status"], document["attempts"]) == ("delivered", 2)


@pytest.mark.gen_test
async def test_what_is_gone_is_given_up_at_once_and_the_next_end_is_told_all_the_same(
    stores: Stores, database: Database, receiver: Receiver
) -> None:
    async with deliverer(database, receiver.endpoint("gone")) as webhooks:
        for _ in range(2):
            await ended(stores)
            await look(webhooks)
    assert len(receiver.received) == 2
    assert await database[DELIVERIES].distinct("status") == ["given_up"]
    assert await database[DELIVERIES].distinct("last_result") == ["HTTP 410"]


@pytest.mark.gen_test
async def test_an_endpoint_that_asks_to_be_spared_is_spared(
    stores: Stores, database: Database, receiver: Receiver
) -> None:
    await ended(stores)
    async with deliverer(database, receiver.endpoint("busy")) as webhooks:
        await look(webhooks)
    left = (await stored(database))["not_before"] - await stores.now()
    assert timedelta(minutes=119) < left < timedelta(minutes=121)


@pytest.mark.parametrize(
    ("tries", "asked", "least", "most"),
    [(1, 0, 5, 6), (8, 0, 43_200, 51_840), (1, 100, 100, 100), (1, 86_400, 43_200, 43_200), (2, 1, 30, 36)],
)
def test_a_pause_is_the_longer_of_ours_and_what_was_asked_for(tries: int, asked: int, least: int, most: int) -> None:
    assert all(least <= module._pause(tries, asked) <= most for _ in range(50))
    assert PAUSES[-1] == LONGEST_PAUSE_SECONDS


@pytest.mark.gen_test
async def test_an_endpoint_that_hangs_holds_up_no_other_and_no_more_than_its_share(
    stores: Stores, database: Database, receiver: Receiver
) -> None:
    for _ in range(AT_ONCE + 3):
        await ended(stores)
    async with deliverer(database, receiver.endpoint("hanging"), receiver.endpoint("fine")) as webhooks:
        webhooks.start()
        await all_told(database, AT_ONCE + 3)
        assert len(receiver.ids("fine")) == AT_ONCE + 3
        assert len(receiver.ids("hanging")) == AT_ONCE


@pytest.mark.gen_test
async def test_nothing_is_told_of_somebody_who_was_erased_meanwhile(
    stores: Stores, database: Database, receiver: Receiver
) -> None:
    one = receiver.endpoint("fine")
    await ended(stores)
    async with deliverer(database, one) as slow, deliverer(database, one) as other:
        (due,) = await slow._announcements.due(10)
        (job,) = await slow._announcements.take(due)
        for name in (DELIVERIES, JOBS):
            await database[name].delete_many({"user_id": USER})
        # The slow node knows nothing of that, and brings the delivery back.
        await slow._deliveries.post(Event.of(job), one.name)
        await slow._announcements.told(job)
        await look(other)
    assert receiver.received == []
    for name in (DELIVERIES, JOBS):
        assert await database[name].count_documents({}) == 0


@pytest.mark.gen_test
async def test_what_could_not_be_recorded_is_tried_again_and_what_is_unforeseen_is_said_without_its_text(
    stores: Stores,
    database: Database,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await ended(stores)
    async with deliverer(database, receiver.endpoint("fine")) as webhooks:
        for error in (DatabaseAwayError(), ValueError("ada@private.example")):

            async def broken(*_: object, error: Exception = error) -> None:
                raise error

            with monkeypatch.context() as patch:
                patch.setattr(webhooks._deliveries, "delivered", broken)
                await look(webhooks)
            await let_pass(database)
        await look(webhooks)
    assert len(receiver.received) == 3
    assert len(set(receiver.ids())) == 1
    assert (await stored(database))["status"] == "delivered"
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "is left to the next try" in said
    assert "ValueError" in said
    assert "private" not in said


@pytest.mark.gen_test
async def test_neither_the_log_nor_the_database_knows_an_endpoints_url(
    stores: Stores, database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await ended(stores)
    async with deliverer(database, *(receiver.endpoint(mood) for mood in ("fine", "down", "gone"))) as webhooks:
        await look(webhooks)
    # The receiver's own log is not ours.
    records = [record for record in caplog.records if not record.name.startswith("tornado")]
    known = "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in records)
    known += repr(await database[DELIVERIES].find().to_list(None))
    assert "127.0.0.1-" in known
    assert not any(f"/{mood}" in known for mood in ("fine", "down", "gone"))
    assert "whsec" not in known


@pytest.mark.settings(everreach_shutdown_seconds=0.5)
@pytest.mark.gen_test
async def test_a_node_that_stops_does_not_wait_for_an_endpoint_that_hangs(world: World, receiver: Receiver) -> None:
    user = new_user()
    async with telling(world, receiver.url("hanging")) as node:
        await world.ended(await world.consent("google", user), user)
        while not receiver.received:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        await node.stop()
        assert time.monotonic() - began < 10
    # Whoever comes next tries it again.
    assert (await stored(world.database))["status"] == "pending"


@pytest.mark.gen_test
async def test_what_comes_of_each_try_is_counted(database: Database, stores: Stores, receiver: Receiver) -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("everreach_webhook_tries_total", {"outcome": outcome}) or 0.0

    before = {outcome: counted(outcome) for outcome in WEBHOOK}
    async with deliverer(database, *(receiver.endpoint(mood) for mood in ("fine", "down", "gone"))) as webhooks:
        await ended(stores)
        await look(webhooks)
    assert {outcome: counted(outcome) - before[outcome] for outcome in WEBHOOK} == dict.fromkeys(WEBHOOK, 1)
