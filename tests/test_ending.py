"""A server that is told to end does so in time and with 0, although its database hangs."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.processes import Server
from tests.everreach.test_main import good, mongods, serving
from tests.test_crash import begin, moved, surroundings

END_SECONDS = 10
"""The contract's."""

# The product's default is 5; these may not wait as long, and what hangs besides is the same.
HASTY = {"EVERREACH_SHUTDOWN_SECONDS": "1"}


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def check_ends(server: Server) -> None:
    """It ends as the contract has it."""
    async with asyncio.timeout(END_SECONDS):
        assert await server.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one", "workers"])
@pytest.mark.gen_test(timeout=60)
async def test_it_ends_in_time_in_the_middle_of_an_import(arguments: tuple[str, ...]) -> None:
    async with surroundings(latency=0.05) as (bench, database), bench.server("crash", *arguments, **HASTY) as server:
        await server.ready(bench.http)
        one = await begin(bench, server, "google", 30_000)
        await moved(database, one, 2, 10)
        (mongod,) = mongods(Path(bench._folder.name))
        with hanging(mongod):
            # Long enough for each of its steps to hang: one that fetches, inserts, commits, renews and looks.
            await asyncio.sleep(0.5)
            await check_ends(server)


def test_it_ends_in_time_and_its_own_mongod_with_it(tmp_path: Path, data_dir: Path) -> None:
    with serving(tmp_path, good(EVERREACH_DATA_DIR=str(data_dir), **HASTY)) as server:
        (mongod,) = mongods(data_dir)
        os.kill(mongod, signal.SIGSTOP)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < END_SECONDS
    assert mongods(data_dir) == []
