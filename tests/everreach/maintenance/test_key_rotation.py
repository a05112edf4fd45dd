"""Rotation: everything ends sealed by the first key, whatever servers do to it meanwhile."""

import base64
import uuid
from typing import NamedTuple

import pytest

from everreach.jobs.fields import SEALED
from everreach.maintenance.key_rotation import PASSES, KeyRotation, Pass
from everreach.security.key_strength import new_key
from everreach.security.vault import Vault
from storage.indexes import JOBS
from storage.mongo import Database
from storage.sealed_values import Batch, Sealed, SealedStore
from tests.storage.builders import USER

OLD, NEW, LOST = (base64.b64decode(new_key()) for _ in range(3))
RING = Vault([NEW, OLD])


class Secret(NamedTuple):
    job_id: str
    field: str
    text: str


async def plant(database: Database, vault: Vault, jobs: int) -> list[Secret]:
    """So many jobs with all that can be sealed."""
    secrets, documents = [], []
    for number in range(jobs):
        job_id = str(uuid.uuid4())
        own = [Secret(job_id, name, f"{name} {number}") for name in SEALED]
        sealed = {one.field: vault.seal(one.text, job_id=job_id, user_id=USER, field=one.field) for one in own}
        documents.append({"_id": job_id, "user_id": USER, "version": 1, **sealed})
        secrets += own
    await database[JOBS].insert_many(documents)
    return secrets


async def opened(database: Database, vault: Vault) -> set[Secret]:
    """Every secret as this vault opens it."""
    return {
        Secret(job["_id"], name, vault.open(job[name], job_id=job["_id"], user_id=USER, field=name))
        async for job in database[JOBS].find()
        for name in SEALED
        if job[name]
    }


def ignore(_: Pass) -> None:
    pass


@pytest.mark.gen_test
async def test_everything_opens_with_the_first_key_alone_afterwards(database: Database) -> None:
    secrets = await plant(database, Vault([OLD]), 130)
    secrets += await plant(database, RING, 3)
    first, last = await KeyRotation(SealedStore(database), RING).run(ignore)
    assert (first.jobs, first.resealed, first.current) == (133, 390, 9)
    assert (last.clean, last.current) == (True, 399)
    assert await opened(database, Vault([NEW])) == set(secrets)


@pytest.mark.gen_test
async def test_where_nothing_is_sealed_by_an_old_key_nothing_is_written(database: Database) -> None:
    await plant(database, RING, 3)
    before = await database[JOBS].find().to_list(None)
    [only] = await KeyRotation(SealedStore(database), RING).run(ignore)
    assert only.clean
    assert await database[JOBS].find().to_list(None) == before


@pytest.mark.gen_test
async def test_what_no_key_opens_is_named_and_left_as_it_is(database: Database) -> None:
    [lost, *_] = await plant(database, Vault([LOST]), 1)
    [moved, *_] = await plant(database, Vault([OLD]), 1)
    moved_text = Vault([OLD]).seal("x", job_id=lost.job_id, user_id=USER, field="access_token")
    await database[JOBS].update_one({"_id": moved.job_id}, {"$set": {"access_token": moved_text}})
    passes = await KeyRotation(SealedStore(database), RING).run(ignore)
    assert passes[0].resealed == 2
    unreadable = {(value.job_id, value.field) for value in passes[-1].unreadable}
    assert unreadable == {(lost.job_id, name) for name in SEALED} | {(moved.job_id, "access_token")}
    assert passes[-1].clean
    stored = await database[JOBS].find_one({"_id": moved.job_id})
    assert stored
    assert stored["access_token"] == moved_text


class Refreshing(SealedStore):
    """Each time after values were read, a server stores a fresh token in one of the jobs, sealed by `key`."""

    def __init__(self, database: Database, key: bytes, times: int) -> None:
        super().__init__(database)
        self._vault = Vault([key])
        self._times = times
        self.fresh: set[Secret] = set()

    async def batch(self, after: str) -> Batch | None:
        batch = await super().batch(after)
        if batch and self._times:
            self._times -= 1
            await self._refresh(batch.values[0])
        return batch

    async def _refresh(self, value: Sealed) -> None:
        text = f"fresh {self._times}"
        sealed = self._vault.seal(text, job_id=value.job_id, user_id=USER, field=value.field)
        await self._jobs.update_one({"_id": value.job_id}, {"$set": {value.field: sealed}})
        self.fresh = {Secret(value.job_id, value.field, text)}


@pytest.mark.parametrize("key", [OLD, NEW], ids=["by the old key", "by the new key"])
@pytest.mark.gen_test
async def test_a_token_refreshed_while_it_was_being_moved_is_kept(database: Database, key: bytes) -> None:
    secrets = await plant(database, Vault([OLD]), 5)
    store = Refreshing(database, key, times=1)
    passes = await KeyRotation(store, RING).run(ignore)
    assert (passes[0].changed, passes[-1].clean) == (1, True)
    [fresh] = store.fresh
    kept = {one for one in secrets if one[:2] != fresh[:2]}
    assert await opened(database, Vault([NEW])) == kept | {fresh}


@pytest.mark.gen_test
async def test_a_server_that_goes_on_sealing_with_an_old_key_is_noticed(database: Database) -> None:
    await plant(database, Vault([OLD]), 5)
    passes = await KeyRotation(Refreshing(database, OLD, times=PASSES), RING).run(ignore)
    assert len(passes) == PASSES
    assert not passes[-1].clean
