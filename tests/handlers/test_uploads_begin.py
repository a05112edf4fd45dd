"""A file waits for its person to say how it is read; then its import begins, once."""

import asyncio
import json
from typing import Any

import pytest

from storage.indexes import JOBS, UPLOADS
from storage.mongo import Database
from tests.handlers.edge import check_error, check_strangers, until
from tests.handlers.test_uploads_stream import CARD, everything
from tests.storage.builders import LONG_AGO
from tests.world import Answer, World, new_user


async def uploaded(world: World, user: str, query: str = "filename=my.vcf", file: bytes = CARD) -> dict[str, Any]:
    answer = await world.api("POST", f"/uploads?{query}", user, file)
    assert answer.status == 201, answer.body
    document: dict[str, Any] = answer.json
    return document


async def begin(world: World, user: str, job_id: str, body: str = "") -> Answer:
    return await world.api("POST", f"/jobs/{job_id}/begin", user, body)


async def look_now(database: Database) -> None:
    """Let the time be over for which a file is left alone."""
    await database[UPLOADS].update_many({}, {"$set": {"look_at": LONG_AGO}})


@pytest.mark.gen_test
async def test_a_file_that_has_come_is_a_job_that_waits(world: World) -> None:
    user = new_user()
    answer = await uploaded(world, user)
    assert answer == {
        **{"job_id": answer["job_id"], "provider": "vcard", "status": "pending"},
        **{"encoding": "UTF-8", "delimiter": None, "header_row": None, "columns": [], "records": 1, "warnings": []},
    }
    status = await world.status(answer["job_id"], user)
    assert (status["status"], status["provider"], status["kind"]) == ("pending", "vcard", "import")
    assert status["provider_account_name"] == "my.vcf"
    listed = await world.api("GET", "/list?provider=vcard&status=pending", user)
    assert [job["id"] for job in listed.json["jobs"]] == [answer["job_id"]]


@pytest.mark.gen_test
async def test_it_begins_once_however_often_it_is_asked(world: World) -> None:
    user = new_user()
    job_id = (await uploaded(world, user))["job_id"]
    answers = await asyncio.gather(*(begin(world, user, job_id, '{"region":"gb"}') for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    (begun,) = (answer.json for answer in answers if answer.status == 200)
    assert (begun["id"], begun["status"]) == (job_id, "fetching")
    assert (await world.stored(job_id))["options"] == {"region": "GB"}
    check_error(await begin(world, user, job_id), 409, "Conflict")


@pytest.mark.gen_test
async def test_where_nothing_has_to_be_asked_it_begins_at_once(world: World) -> None:
    user = new_user()
    answer = await uploaded(world, user, "begin=true&region=fr")
    assert answer["status"] == "fetching"
    assert (await world.stored(answer["job_id"]))["options"] == {"region": "FR"}
    assert (await uploaded(world, user, "begin=false"))["status"] == "pending"


@pytest.mark.parametrize(
    "body",
    ['{"unknown":1}', '{"review":true}', '{"region":"XX"}', '{"header_row":0}', '{"delimiter":";;"}', "[]", "mapping"],
)
@pytest.mark.gen_test
async def test_what_cannot_be_is_refused_and_the_file_goes_on_waiting(world: World, body: str) -> None:
    user = new_user()
    job_id = (await uploaded(world, user))["job_id"]
    check_error(await begin(world, user, job_id, body), 400, "Bad Request")
    assert (await world.status(job_id, user))["status"] == "pending"
    assert (await begin(world, user, job_id)).status == 200


@pytest.mark.gen_test
async def test_strangers_begin_nothing(world: World) -> None:
    job_id = (await uploaded(world, new_user()))["job_id"]
    await check_strangers(world, "POST", "/jobs/{}/begin", job_id)
    assert (await world.stored(job_id))["status"] == "pending"


@pytest.mark.gen_test
async def test_a_job_of_an_account_has_nothing_to_begin(world: World) -> None:
    user = new_user()
    job_id, _ = await world.start("google", user)
    check_error(await begin(world, user, job_id), 409, "Conflict")


@pytest.mark.gen_test
async def test_who_cancels_takes_the_file_away(world: World) -> None:
    user = new_user()
    job_id = (await uploaded(world, user))["job_id"]
    assert (await world.api("POST", f"/jobs/{job_id}/cancel", user)).json["status"] == "cancelled"
    check_error(await begin(world, user, job_id), 409, "Conflict")
    await look_now(world.database)

    async def only_the_job() -> bool:
        return await everything(world) == {JOBS: 1}

    await until(only_the_job)


@pytest.mark.gen_test
async def test_a_file_that_nobody_begins_is_gone_after_a_day_and_cannot_be_retried(world: World) -> None:
    user = new_user()
    job_id = (await uploaded(world, user))["job_id"]
    await world.database[JOBS].update_one({"_id": job_id}, {"$set": {"not_before": LONG_AGO}})
    job = await world.ended(job_id, user)
    assert (job["status"], job["error_message"]) == (
        "failed",
        "Nobody began the import of this file within a day. Please upload it again.",
    )
    await look_now(world.database)

    async def only_the_job() -> bool:
        return await everything(world) == {JOBS: 1}

    await until(only_the_job)
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    check_error(answer, 409, "Conflict")
    assert answer.json["message"] == "The file is no longer kept. Please upload it again."


CSV = b"Given,Family,Mail,Reach me,Shoe size\r\nAda,Lovelace,ada@example.org,+44 20 7946 0000,37\r\n"


@pytest.mark.gen_test
async def test_of_a_csv_the_columns_are_told_and_may_be_named(world: World) -> None:
    user = new_user()
    answer = await uploaded(world, user, "filename=my.csv", CSV)
    columns = answer.pop("columns")
    assert answer == {
        **{"job_id": answer["job_id"], "provider": "csv", "status": "pending"},
        **{"encoding": "UTF-8", "delimiter": ",", "header_row": 1, "records": 1, "warnings": []},
    }
    assert [column["index"] for column in columns] == [0, 1, 2, 3, 4]
    assert [column["samples"] for column in columns][-1] == ["37"]
    for mapping in ({"5": "email"}, {"0": "shoe"}, {"0": "name.given", "1": "name.given"}):
        check_error(await begin(world, user, answer["job_id"], json.dumps({"mapping": mapping})), 400, "Bad Request")
    said = {"mapping": {"3": "phone.mobile", "4": "ignore"}}
    assert (await begin(world, user, answer["job_id"], json.dumps(said))).json["status"] == "fetching"
    reading = (await world.stored(answer["job_id"]))["reading"]
    assert reading["fields"][3:] == ["phone.mobile", "ignore"]
    assert (reading["size"], reading["headers"][4]) == (len(CSV), "Shoe size")


@pytest.mark.parametrize(
    ("file", "status"),
    [(CSV, "fetching"), (b"Shoe,Hat\r\n37,6\r\n", "pending"), (CSV.decode().encode("utf-16"), "fetching")],
)
@pytest.mark.gen_test
async def test_a_csv_begins_at_once_where_its_columns_are_certain(world: World, file: bytes, status: str) -> None:
    answer = await uploaded(world, new_user(), "begin=true", file)
    assert (answer["provider"], answer["status"]) == ("csv", status)


@pytest.mark.parametrize(("file", "status"), [(b"%PDF-1.7 \xe2\xe3", 415), (b"Name,E-mail\r\n", 400), (b"\r\n", 400)])
@pytest.mark.gen_test
async def test_what_has_no_contact_in_it_leaves_nothing(world: World, file: bytes, status: int) -> None:
    assert (await world.api("POST", "/uploads", new_user(), file)).status == status

    async def nothing() -> bool:
        return not await everything(world)

    await until(nothing)
