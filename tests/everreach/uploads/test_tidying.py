"""Files that nobody needs go while a node runs, whatever befalls one of them."""

from typing import Any

import pytest

from everreach.concurrency import poller
from everreach.uploads.tidying import UploadTidying
from storage.files.uploads import Upload, UploadStore
from storage.indexes import UPLOAD_CHUNKS, UPLOADS
from storage.mongo import Database
from tests.handlers.edge import until
from tests.storage.builders import LONG_AGO, STRANGER, USER
from tests.world import World


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SCAN_SECONDS", 0.01)


async def broken(database: Database, *uploads: Upload) -> None:
    """Files whose senders were cut off long ago."""
    store = UploadStore(database)
    for upload in uploads:
        await store.open(upload)
        await store.add(upload, 0, b"BEGIN:VCARD")
        await database[UPLOADS].update_one({"_id": upload.id}, {"$set": {"look_at": LONG_AGO}})


async def left(database: Database) -> set[Any]:
    pieces = {piece["upload_id"] async for piece in database[UPLOAD_CHUNKS].find()}
    return pieces | {upload["_id"] async for upload in database[UPLOADS].find()}


@pytest.mark.gen_test
async def test_a_node_deletes_what_broke_off_and_leaves_what_is_on_its_way(world: World) -> None:
    await UploadStore(world.database).open(Upload("on its way", USER))
    await broken(world.database, Upload("broken", USER), Upload("another", STRANGER))

    async def tidy() -> bool:
        return await left(world.database) == {"on its way"}

    await until(tidy)


@pytest.mark.gen_test
async def test_one_that_cannot_be_tidied_keeps_no_other_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    await broken(database, Upload("bad", USER), Upload("good", USER))
    store, tidy = UploadStore(database), UploadStore.tidy

    async def fails(self: UploadStore, upload: Upload) -> bool:
        if upload.id == "bad":
            raise ValueError
        return await tidy(self, upload)

    monkeypatch.setattr(UploadStore, "tidy", fails)
    tidying = UploadTidying(store)
    tidying.start()

    async def only_the_bad_one() -> bool:
        return await left(database) == {"bad"}

    await until(only_the_bad_one)
    monkeypatch.undo()

    async def nothing() -> bool:
        return not await left(database)

    await until(nothing)
    await tidying.stop()
    assert [line for line in log_lines if "the file of job bad could not be tidied: ValueError" in line]
