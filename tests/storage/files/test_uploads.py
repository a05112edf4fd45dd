"""Files in pieces: each piece once, read on from any of them, and gone when no job needs them."""

from typing import Any

import pytest

from everreach.errors import FileGoneError
from everreach.jobs.job import Tally
from everreach.jobs.options import Options, Reading
from storage.files.uploads import PIECE_BYTES, Upload, UploadStore
from storage.indexes import JOBS, UPLOAD_CHUNKS, UPLOADS
from storage.mongo import Database
from tests.storage.builders import LONG_AGO, NO_COUNTS, STRANGER, USER, Stores

UPLOAD = Upload("4048e7a4-ec72-4371-a308-78fb4293aca4", USER)
FULL = b"x" * PIECE_BYTES


@pytest.fixture
def uploads(database: Database) -> UploadStore:
    return UploadStore(database)


async def stored(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {name: await database[name].find().sort("n").to_list(None) for name in (UPLOADS, UPLOAD_CHUNKS)}


async def come(uploads: UploadStore, upload: Upload = UPLOAD) -> None:
    """A file of a piece and a bit."""
    await uploads.open(upload)
    await uploads.add(upload, 0, FULL)
    await uploads.add(upload, 1, b"end")


async def received(stores: Stores, uploads: UploadStore) -> None:
    """The same, and a job that waits for its columns to be named."""
    await come(uploads)
    reading = Reading(size=PIECE_BYTES + 3)
    await stores.jobs.receive(UPLOAD.id, USER, provider="csv", name="a.csv", reading=reading, options=Options())


async def due(stores: Stores, uploads: UploadStore) -> list[Upload]:
    await stores.database[UPLOADS].update_many({}, {"$set": {"look_at": LONG_AGO}})
    return await uploads.due(10, [])


@pytest.mark.gen_test
async def test_pieces_are_read_back_one_by_one(uploads: UploadStore) -> None:
    await come(uploads)
    assert await uploads.piece(UPLOAD, 0) == FULL
    assert await uploads.piece(UPLOAD, 1) == b"end"
    for missing in ((UPLOAD, 2), (Upload(UPLOAD.id, STRANGER), 0)):
        with pytest.raises(FileGoneError):
            await uploads.piece(*missing)


@pytest.mark.gen_test
async def test_a_piece_that_comes_twice_is_there_once(database: Database, uploads: UploadStore) -> None:
    await come(uploads)
    await uploads.add(UPLOAD, 0, FULL)
    found = await stored(database)
    assert [piece["n"] for piece in found[UPLOAD_CHUNKS]] == [0, 1]
    assert [upload["received"] for upload in found[UPLOADS]] == [PIECE_BYTES + 3]


@pytest.mark.gen_test
async def test_what_comes_after_the_file_was_given_up_does_not_stay(database: Database, uploads: UploadStore) -> None:
    await come(uploads)
    await uploads.delete(UPLOAD)
    for late in (uploads.add(UPLOAD, 2, b"late"), uploads.touch(UPLOAD)):
        with pytest.raises(FileGoneError):
            await late
    assert await stored(database) == {UPLOADS: [], UPLOAD_CHUNKS: []}


@pytest.mark.gen_test
async def test_deleting_takes_one_file_and_no_other(database: Database, uploads: UploadStore) -> None:
    other, strangers = Upload("another", USER), Upload("a stranger's", STRANGER)
    for upload in (UPLOAD, other, strangers):
        await come(uploads, upload)
    await uploads.delete(Upload(UPLOAD.id, STRANGER))
    await uploads.delete(UPLOAD)
    assert {upload["_id"] for upload in (await stored(database))[UPLOADS]} == {other.id, strangers.id}
    assert len((await stored(database))[UPLOAD_CHUNKS]) == 4


@pytest.mark.gen_test
async def test_an_upload_that_is_silent_too_long_is_due_and_deleted(stores: Stores, uploads: UploadStore) -> None:
    await come(uploads)
    assert await uploads.due(10, []) == []
    assert await due(stores, uploads) == [UPLOAD]
    assert await uploads.due(10, [UPLOAD.id]) == []
    await uploads.touch(UPLOAD)
    assert await uploads.due(10, []) == []
    assert await uploads.tidy(UPLOAD)
    assert await stored(stores.database) == {UPLOADS: [], UPLOAD_CHUNKS: []}


@pytest.mark.gen_test
async def test_a_file_stays_as_long_as_its_job_needs_it(stores: Stores, uploads: UploadStore) -> None:
    await received(stores, uploads)

    async def kept() -> bool:
        assert await due(stores, uploads) == [UPLOAD]
        deleted = await uploads.tidy(UPLOAD)
        assert await uploads.due(10, []) == []
        return not deleted

    assert await kept()
    job = await stores.jobs.set_off(UPLOAD.id, USER, Reading(size=3), Options())
    assert job
    assert await kept()
    lease = await stores.leased(job=job)
    await stores.leases.fail(lease, "It failed.", NO_COUNTS)
    assert await kept()
    again = await stores.jobs.retry(job.id, USER)
    assert again
    assert await kept()
    await stores.leases.finish(await stores.leased(job=again), Tally())
    assert not await kept()
    assert await stored(stores.database) == {UPLOADS: [], UPLOAD_CHUNKS: []}


@pytest.mark.gen_test
async def test_the_file_of_a_cancelled_job_goes(stores: Stores, uploads: UploadStore) -> None:
    await received(stores, uploads)
    assert await stores.jobs.cancel(UPLOAD.id, USER)
    assert await uploads.tidy(UPLOAD)


@pytest.mark.gen_test
async def test_a_file_that_nobody_begins_goes_after_a_day_with_its_job(stores: Stores, uploads: UploadStore) -> None:
    await received(stores, uploads)
    assert 86_000 < await stores.seconds_left(UPLOAD.id) <= 86_400
    assert await stores.jobs.discard(UPLOAD.id, USER) is None
    await stores.abandon(UPLOAD.id)
    job = await stores.jobs.discard(UPLOAD.id, USER)
    assert job
    assert (job.status, job.upload_id) == ("failed", None)
    assert job.error_message == "Nobody began the import of this file within a day. Please upload it again."
    assert await stores.jobs.set_off(UPLOAD.id, USER, Reading(size=3), Options()) is None
    assert await stores.jobs.retry(UPLOAD.id, USER) is None
    assert await uploads.tidy(UPLOAD)


@pytest.mark.parametrize("keep_tokens", [False, True])
@pytest.mark.gen_test
async def test_a_failed_job_keeps_its_file_for_a_day(stores: Stores, uploads: UploadStore, keep_tokens: bool) -> None:
    await received(stores, uploads)
    job = await stores.jobs.set_off(UPLOAD.id, USER, Reading(size=3), Options())
    assert job
    node = stores.node("node-1", keep_tokens=keep_tokens)
    await node.fail(await stores.started(node, job), "It failed.", NO_COUNTS)
    assert 86_000 < await stores.seconds_left(UPLOAD.id) <= 86_400
    await stores.jobs.forget(UPLOAD.id, USER)
    assert not await uploads.tidy(UPLOAD)
    await stores.abandon(UPLOAD.id)
    await stores.jobs.forget(UPLOAD.id, USER)
    assert await stores.jobs.retry(UPLOAD.id, USER) is None
    assert await uploads.tidy(UPLOAD)


@pytest.mark.gen_test
async def test_what_nobody_tidies_removes_itself(stores: Stores, uploads: UploadStore) -> None:
    await come(uploads)
    found, now = await stored(stores.database), await stores.now()
    week = [one["expires_at"] - now for documents in found.values() for one in documents]
    assert len(week) == 3
    assert all(6.9 < left.total_seconds() / 86400 <= 7 for left in week)
    for name in (UPLOADS, UPLOAD_CHUNKS):
        indexes = await stores.database[name].index_information()
        assert indexes["expires_at_1"]["expireAfterSeconds"] == 0
    pieces = await stores.database[UPLOAD_CHUNKS].index_information()
    assert pieces["piece"]["unique"]
    assert pieces["piece"]["key"][0] == ("user_id", 1)
    assert await stores.database[JOBS].count_documents({}) == 0
