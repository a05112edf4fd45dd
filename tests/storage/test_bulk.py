"""Many documents at once: whatever is refused is named, and nothing is taken for refused that was only unlucky."""

import time
from collections.abc import Mapping
from typing import Any, Final, cast

import bson
import pytest
from pymongo.errors import BulkWriteError

from everreach.errors import DatabaseAwayError
from storage.bulk import DOCUMENT_LIMIT, DUPLICATE, UNENCODABLE, ObjectIds, Template, insert_all
from storage.mongo import PASSING_CODES, Collection, Database
from tests.storage.builders import failing

REFUSED_BY_VALIDATOR: Final = 121

encode = Template({}).encode


async def things(database: Database) -> Collection:
    """A collection where names are unique."""
    await database["things"].create_index("name", unique=True)
    return database["things"]


async def names(collection: Collection) -> list[str]:
    return [document["name"] async for document in collection.find().sort("_id", 1)]


@pytest.mark.gen_test
async def test_everything_that_can_be_inserted_is(database: Database) -> None:
    collection = await things(database)
    documents = [encode({"name": name}) for name in "abc"]
    assert await insert_all(collection, documents) == {}
    assert await names(collection) == ["a", "b", "c"]


@pytest.mark.gen_test
async def test_what_is_refused_is_named_by_its_place(database: Database) -> None:
    collection = await things(database)
    refused = await insert_all(collection, [encode({"name": name}) for name in "abacbd"])
    assert refused == {2: DUPLICATE, 4: DUPLICATE}
    assert await names(collection) == ["a", "b", "c", "d"]


@pytest.mark.gen_test
async def test_all_of_them_can_be_refused(database: Database) -> None:
    collection = await things(database)
    documents = [encode({"name": name}) for name in "ab"]
    await insert_all(collection, documents)
    assert await insert_all(collection, documents) == {0: DUPLICATE, 1: DUPLICATE}


@pytest.mark.gen_test
async def test_other_refusals_have_other_codes(database: Database) -> None:
    await database.create_collection("things", validator={"name": {"$ne": "bad"}})
    documents = [encode({"name": name}) for name in ("a", "bad", "a")]
    assert await insert_all(await things(database), documents) == {1: REFUSED_BY_VALIDATOR, 2: DUPLICATE}


@pytest.mark.gen_test
async def test_places_are_right_beyond_what_one_message_holds(database: Database) -> None:
    collection = await things(database)
    # 60 MB; a message holds 48.
    long = "x" * 1_500_000
    documents = [encode({"name": str(number % 38), "text": long}) for number in range(40)]
    assert await insert_all(collection, documents) == {38: DUPLICATE, 39: DUPLICATE}
    assert await collection.count_documents({}) == 38


@pytest.mark.gen_test
async def test_nothing_to_insert_asks_the_database_nothing(database: Database) -> None:
    async with failing(database, "insert", closeConnection=True):
        assert await insert_all(database["things"], []) == {}


def test_a_template_adds_what_all_documents_share() -> None:
    template = Template({"shared": "x", "number": 1})
    assert bson.decode(template.encode({"own": [{"a": None}]}).raw) == {
        "own": [{"a": None}],
        "shared": "x",
        "number": 1,
    }
    assert bson.decode(template.encode({}).raw) == {"shared": "x", "number": 1}


def test_a_document_that_is_too_large_with_what_it_shares_is_told_before_it_is_sent() -> None:
    half = {"half": "x" * (DOCUMENT_LIMIT // 2)}
    Template({}).encode(half)
    with pytest.raises(UNENCODABLE):
        Template({"shared": half}).encode(half)


def test_ids_are_new_each_time_and_say_when_they_were_made() -> None:
    ids = ObjectIds()
    made = [next(ids) for _ in range(10_000)]
    assert len(set(made)) == 10_000
    assert {id_.binary[4:9] for id_ in made} == {made[0].binary[4:9]}
    assert next(ObjectIds()).binary[4:9] != made[0].binary[4:9]
    assert abs(made[0].generation_time.timestamp() - time.time()) < 60


@pytest.mark.parametrize("value", ["\ud800", 2**63, -(2**63) - 1, object(), {1: "x"}, {"\0": "x"}])
def test_what_bson_cannot_hold_is_told_before_it_is_sent(value: object) -> None:
    with pytest.raises(UNENCODABLE):
        encode({"name": value})


@pytest.mark.parametrize("value", [2**63 - 1, "", "$status", None, [], {"$set": {"a.b": 1}}, "\0", "😀" * 1000])
@pytest.mark.gen_test
async def test_what_bson_can_hold_comes_back_as_it_went(database: Database, value: object) -> None:
    assert await insert_all(database["things"], [encode({"_id": 1, "name": value})]) == {}
    assert await database["things"].find_one() == {"_id": 1, "name": value}


@pytest.mark.parametrize("code", [64, 91])
@pytest.mark.gen_test
async def test_what_no_majority_acknowledged_is_not_called_written(database: Database, code: int) -> None:
    trouble = {"code": code, "errmsg": "waiting for replication at 10.0.0.1:27017"}
    async with failing(database, "insert", writeConcernError=trouble):
        with pytest.raises(DatabaseAwayError) as caught:
            await insert_all(await things(database), [encode({"name": name}) for name in "ab"])
    assert str(caught.value) == "The database does not answer at the moment."


@pytest.mark.gen_test
async def test_a_duplicate_that_no_majority_acknowledged_is_not_called_one(database: Database) -> None:
    collection = await things(database)
    async with failing(database, "insert", writeConcernError={"code": 64, "errmsg": "timed out"}):
        with pytest.raises(DatabaseAwayError):
            await insert_all(collection, [encode({"name": name}) for name in "aa"])


class Unlucky:
    """A collection whose primary went away in the middle of a batch."""

    def __init__(self, code: int) -> None:
        self._code = code

    async def insert_many(self, documents: object, *, ordered: bool) -> Mapping[str, Any]:
        assert not ordered
        problems = [{"index": 0, "code": DUPLICATE}, {"index": 1, "code": self._code}]
        raise BulkWriteError({"writeErrors": problems, "writeConcernErrors": []})


@pytest.mark.parametrize("code", sorted(PASSING_CODES))
@pytest.mark.gen_test
async def test_a_primary_that_went_away_says_nothing_about_a_document(code: int) -> None:
    with pytest.raises(DatabaseAwayError):
        await insert_all(cast("Collection", Unlucky(code)), [encode({"name": name}) for name in "ab"])
