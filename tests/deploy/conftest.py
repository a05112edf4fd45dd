"""The program of one file and the image: built by `make ship` before, used by its tests only."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from tests.deploy.shipped import Shipped

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "dist" / "everreach"


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> Path:
    """The program of one file."""
    if not request.config.getoption("--ship"):
        pytest.skip("the program takes a minute to build: make ship builds it and runs this")
    assert PROGRAM.is_file(), "make binary builds it"
    return PROGRAM


@pytest.fixture(scope="session")
def root_user() -> None:
    """Only root may make a bare root, or a process of number 1."""
    if os.geteuid() != 0:
        pytest.skip("only root may enter a bare root")


@pytest.fixture
def shipped(request: pytest.FixtureRequest, io_loop: IOLoop, database_uri: str) -> Iterator[Shipped]:
    """A sandbox, a database, and the settings of a program that runs on them."""
    marker = request.node.get_closest_marker("settings")

    async def opened() -> Shipped:
        return Shipped(database_uri, **(marker.kwargs if marker else {}))

    made: Shipped = io_loop.run_sync(opened)
    yield made
    io_loop.run_sync(made.tidy)
