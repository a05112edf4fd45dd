"""`everreach keys`, run as an operator runs it, and killed in the middle."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from everreach.security.key_strength import looks_random, new_key
from everreach.security.vault import Vault
from storage.indexes import JOBS
from storage.mongo import Database
from tests.everreach.maintenance.test_key_rotation import opened, plant
from tests.everreach.test_main import environment, good, run
from tests.storage.builders import slowly

OLD, NEW, LOST = (new_key() for _ in range(3))
PLACE = {"job_id": "", "user_id": "", "field": ""}


def vault(*keys: str) -> Vault:
    return Vault([base64.b64decode(key) for key in keys])


def test_a_new_key_is_all_that_is_printed_and_needs_no_settings(tmp_path: Path) -> None:
    ended = run(tmp_path, "keys", "new")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("\n")
    assert looks_random(ended.stdout.removesuffix("\n"))


def started(folder: Path, *arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
    """The command as a process that may be killed."""
    command = [sys.executable, "-m", "everreach", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment(folder, **settings), stdout=subprocess.DEVNULL)


@pytest.mark.gen_test(timeout=60)
async def test_one_that_is_killed_in_the_middle_is_run_again_and_ends(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    secrets = set(await plant(database, vault(OLD), 1200))
    settings = good(MONGODB_URI=database_uri, TOKEN_ENCRYPTION_KEYS=f"{NEW},{OLD}")
    moved = {"access_token": {"$regex": f"^v1.{vault(NEW).key_id(vault(NEW).seal('', **PLACE))}"}}
    # Each batch takes long enough that the kill comes between two, however busy the machine is.
    async with slowly(database, "update"):
        with started(tmp_path, "keys", "rotate", **settings) as process:
            async with asyncio.timeout(40):
                while await database[JOBS].count_documents(moved) < 100:
                    await asyncio.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL
    assert 100 <= await database[JOBS].count_documents(moved) < 1200
    assert await opened(database, vault(NEW, OLD)) == secrets
    ended = await asyncio.to_thread(run, tmp_path, "keys", "rotate", **settings)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("Every key but the first may now be taken out of")
    assert await opened(database, vault(NEW)) == secrets


@pytest.mark.gen_test
async def test_what_no_key_opens_is_counted_and_named_by_its_job(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    [lost, *_] = await plant(database, vault(LOST), 1)
    await database[JOBS].insert_one({"_id": "odd", "user_id": "somebody", "access_token": "in the clear"})
    settings = good(MONGODB_URI=database_uri, TOKEN_ENCRYPTION_KEYS=NEW)
    ended = await asyncio.to_thread(run, tmp_path, "keys", "rotate", **settings)
    assert ended.returncode == 0, ended.stderr
    id_ = vault(LOST).key_id(vault(LOST).seal("", **PLACE))
    assert (
        f"Job {lost.job_id}: refresh_token does not open with any key of the list; key {id_} sealed it." in ended.stdout
    )
    assert "Job odd: access_token does not open with any key of the list and was never sealed." in ended.stdout
    assert "4 opened by none" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "There is one key in the list, and nothing to take out."
    for secret in (NEW, "in the clear", "somebody", lost.text):
        assert secret not in ended.stdout + ended.stderr
