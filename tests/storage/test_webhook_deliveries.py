"""The outbox: an event is on its way to an endpoint once, is tried by one node at a time, and is over some day."""

from datetime import timedelta
from typing import Any, Final

import pytest
from bson.datetime_ms import DatetimeMS

from everreach.jobs.events import Event
from storage.indexes import DELIVERIES
from storage.mongo import Database, Document
from storage.quarantine import UNREADABLE_SECONDS
from storage.webhook_deliveries import FORGOTTEN_SECONDS, KEPT_SECONDS, TRY_SECONDS, Deliveries, Delivery
from tests.storage.builders import LONG_AGO, USER

EVENT: Final = Event("msg_1_7", "import.completed", "job", USER, 7, '{"type":"$import.completed"}')
HERE: Final = "here"


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(database)


async def stored(database: Database) -> Document:
    (document,) = await database[DELIVERIES].find().to_list(None)
    made: Document = document
    return made


async def let_pass(database: Database) -> None:
    """Whatever a delivery waits for is over."""
    await database[DELIVERIES].update_many({"not_before": {"$exists": True}}, {"$set": {"not_before": LONG_AGO}})


async def claimed(deliveries: Deliveries, event: Event = EVENT) -> Delivery:
    await deliveries.post(event, HERE)
    (due,) = await deliveries.due(HERE, 1)
    delivery = await deliveries.claim(due)
    assert delivery
    return delivery


@pytest.mark.gen_test
async def test_posting_twice_is_posting_once(deliveries: Deliveries, database: Database) -> None:
    await claimed(deliveries)
    before = await stored(database)
    await deliveries.post(EVENT, HERE)
    assert await stored(database) == before
    await deliveries.post(EVENT, "there")
    assert await database[DELIVERIES].distinct("_id") == ["msg_1_7:here", "msg_1_7:there"]


@pytest.mark.gen_test
async def test_a_delivery_names_the_person_and_keeps_the_payload_as_it_is(
    deliveries: Deliveries, database: Database
) -> None:
    await deliveries.post(EVENT, HERE)
    document = await stored(database)
    assert list(document)[:2] == ["_id", "user_id"]
    assert (document["user_id"], document["job_id"], document["payload"]) == (USER, "job", EVENT.payload)
    assert (document["event"], document["message_id"]) == ("import.completed", "msg_1_7")
    assert (document["status"], document["attempts"], document["last_result"]) == ("pending", 0, None)
    assert document["expires_at"] - document["created_at"] == timedelta(seconds=FORGOTTEN_SECONDS)


@pytest.mark.gen_test
async def test_one_node_tries_and_another_only_when_its_time_is_over(
    deliveries: Deliveries, database: Database
) -> None:
    delivery = await claimed(deliveries)
    assert await deliveries.due(HERE, 10) == []
    assert await deliveries.claim(delivery) is None
    document = await stored(database)
    assert document["not_before"] - document["created_at"] >= timedelta(seconds=TRY_SECONDS)
    await let_pass(database)
    again = await deliveries.claim(delivery)
    assert again
    # A try that came to no result is not counted: a node that dies often must not use them up.
    assert (again.fence, again.attempts) == (2, 0)


@pytest.mark.gen_test
async def test_the_result_of_a_try_that_took_too_long_changes_nothing(
    deliveries: Deliveries, database: Database
) -> None:
    late = await claimed(deliveries)
    await let_pass(database)
    assert await deliveries.claim(late)
    before = await stored(database)
    await deliveries.delivered(late, "HTTP 204")
    await deliveries.give_up(late, "HTTP 410")
    await deliveries.retry(late, "HTTP 503", 1)
    assert await stored(database) == before


@pytest.mark.parametrize("end", ["delivered", "given_up"])
@pytest.mark.gen_test
async def test_what_is_over_is_tried_no_more_and_kept_for_a_week(
    deliveries: Deliveries, database: Database, end: str
) -> None:
    delivery = await claimed(deliveries)
    await (deliveries.delivered if end == "delivered" else deliveries.give_up)(delivery, "$HTTP")
    document = await stored(database)
    assert (document["status"], document["attempts"], document["last_result"]) == (end, 1, "$HTTP")
    assert document["expires_at"] - document["ended_at"] == timedelta(seconds=KEPT_SECONDS)
    assert "not_before" not in document
    assert await deliveries.due(HERE, 10) == []
    assert await deliveries.claim(delivery) is None


@pytest.mark.gen_test
async def test_an_operator_can_have_what_was_given_up_sent_again(deliveries: Deliveries, database: Database) -> None:
    await deliveries.give_up(await claimed(deliveries), "HTTP 410")
    # As docs/webhooks.md says.
    again = {"status": "pending", "attempts": 0, "not_before": "$$NOW", "expires_at": {"$add": ["$$NOW", 2592000000]}}
    await database[DELIVERIES].update_many({"status": "given_up"}, [{"$set": again}])
    (due,) = await deliveries.due(HERE, 10)
    assert (due.message_id, due.attempts) == (EVENT.id, 0)


@pytest.mark.gen_test
async def test_a_retry_comes_after_its_pause(deliveries: Deliveries, database: Database) -> None:
    await deliveries.retry(await claimed(deliveries), "HTTP 503", 300)
    document = await stored(database)
    assert (document["status"], document["attempts"], document["last_result"]) == ("pending", 1, "HTTP 503")
    assert 290 < (document["not_before"] - document["created_at"]).total_seconds() < 330
    assert await deliveries.due(HERE, 10) == []
    await let_pass(database)
    (due,) = await deliveries.due(HERE, 10)
    assert due.attempts == 1


BROKEN: Final[dict[str, Document]] = {
    "no payload": {"$unset": {"payload": ""}},
    "nobody's": {"$unset": {"user_id": ""}},
    "a count that is none": {"$set": {"attempts": "several"}},
    "a count below nothing": {"$set": {"attempts": -100}},
    "a fence that is none": {"$set": {"fence": None}},
}


@pytest.mark.parametrize("edit", BROKEN.values(), ids=BROKEN)
@pytest.mark.gen_test
async def test_what_somebody_broke_by_hand_is_left_aside_and_said_once(
    deliveries: Deliveries, database: Database, log_lines: list[str], edit: Document
) -> None:
    for number in range(4):
        await deliveries.post(Event(f"msg_{number}", "import.failed", "job", USER, 1, "{}"), HERE)
    await database[DELIVERIES].update_many({"message_id": {"$ne": "msg_3"}}, edit)
    await let_pass(database)
    # They come first, and a node asks for no more than it can try.
    assert await deliveries.due(HERE, 3) == []
    assert [due.message_id for due in await deliveries.due(HERE, 3)] == ["msg_3"]
    assert len([line for line in log_lines if "left aside" in line]) == 3
    # Ten minutes later they are as broken as before; nobody wants to read that again.
    await let_pass(database)
    assert [due.message_id for due in await deliveries.due(HERE, 4)] == ["msg_3"]
    assert [due.message_id for due in await deliveries.due(HERE, 3)] == ["msg_3"]
    assert len([line for line in log_lines if "left aside" in line]) == 3


@pytest.mark.gen_test
async def test_a_moment_that_python_does_not_know_keeps_nothing_from_being_tried(
    deliveries: Deliveries, database: Database
) -> None:
    await deliveries.post(EVENT, HERE)
    await database[DELIVERIES].update_one({}, {"$set": {"expires_at": DatetimeMS(8_640_000_000_000_000)}})
    (due,) = await deliveries.due(HERE, 10)
    assert await deliveries.claim(due)


@pytest.mark.gen_test
async def test_one_that_is_broken_after_the_look_is_claimed_by_nobody(
    deliveries: Deliveries, database: Database
) -> None:
    await deliveries.post(EVENT, HERE)
    (due,) = await deliveries.due(HERE, 10)
    await database[DELIVERIES].update_one({}, {"$unset": {"payload": ""}})
    assert await deliveries.claim(due) is None
    document = await stored(database)
    assert document["not_before"] - document["created_at"] >= timedelta(seconds=UNREADABLE_SECONDS)
    # A hand, or a node of the version that wrote it, goes on with it.
    await database[DELIVERIES].update_one({}, {"$set": {"payload": EVENT.payload}})
    await let_pass(database)
    assert await deliveries.claim(due)


@pytest.mark.gen_test
async def test_what_was_erased_stays_erased_whatever_a_node_still_knows_of_it(
    deliveries: Deliveries, database: Database
) -> None:
    delivery = await claimed(deliveries)
    await database[DELIVERIES].delete_many({"user_id": USER})
    await deliveries.retry(delivery, "HTTP 503", 0)
    await deliveries.delivered(delivery, "HTTP 204")
    assert await deliveries.claim(delivery) is None
    await deliveries.withdraw(delivery)
    assert await database[DELIVERIES].count_documents({}) == 0


@pytest.mark.gen_test
async def test_one_endpoints_deliveries_are_found_without_looking_at_anothers(
    deliveries: Deliveries, database: Database
) -> None:
    await deliveries.post(EVENT, HERE)
    for number in range(30):
        await deliveries.post(Event(f"msg_{number}", "import.failed", "job", USER, 1, "{}"), "there")
    found: Any = database[DELIVERIES].find({"endpoint": HERE, "not_before": {"$exists": True}}).sort("not_before", 1)
    explained = await found.explain()
    assert explained["executionStats"]["totalDocsExamined"] == 1


@pytest.mark.gen_test
async def test_what_is_over_removes_itself(database: Database) -> None:
    made = await database[DELIVERIES].index_information()
    assert {index["key"][0][0] for index in made.values() if index.get("expireAfterSeconds") == 0} == {"expires_at"}
    assert not [index for index in made.values() if index.get("unique")]
