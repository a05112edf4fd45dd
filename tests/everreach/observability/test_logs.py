"""What the log promises: our own lines, and nobody's data."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

import pytest

from everreach.observability.logs import OURS, about_job, about_request, configure, describe

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOUCHED = ("", *OURS, "tornado", "pymongo", "opentelemetry")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The log as it was, afterwards."""
    loggers = [logging.getLogger(name) for name in TOUCHED]
    levels = [logger.level for logger in loggers]
    handlers, logging.root.handlers = logging.root.handlers, []
    yield
    logging.root.handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize("name", ["everreach.engine.runner", "handlers.base", "everreach.net.http", "storage.mongo"])
def test_our_own_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str], name: str) -> None:
    configure()
    logging.getLogger(name).info("job %s began", "j1")
    written = capsys.readouterr()
    assert f"INFO {name} job j1 began" in written.err
    assert written.out == ""


def test_the_level_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    configure(logging.ERROR)
    logging.getLogger("everreach.engine.runner").warning("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("tornado.access", logging.WARNING),
        ("tornado.access", logging.ERROR),
        ("tornado.general", logging.WARNING),
        ("tornado.application", logging.ERROR),
        ("aiohttp.client", logging.INFO),
        ("asyncio", logging.DEBUG),
        ("pymongo.command", logging.DEBUG),
        ("pymongo.topology", logging.WARNING),
        ("opentelemetry.exporter", logging.ERROR),
    ],
)
def test_libraries_that_print_urls_and_headers_are_quiet(
    capsys: pytest.CaptureFixture[str], name: str, level: int
) -> None:
    configure()
    logging.getLogger(name).log(level, "GET /callback?code=planted")
    assert capsys.readouterr().err == ""


def test_configuring_twice_does_not_double_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    configure()
    logging.getLogger("everreach").info("once")
    assert capsys.readouterr().err.count("once") == 1


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001, RUF100 - whatever it is.
        return caught


def test_an_unforeseen_error_is_told_by_its_kind_and_place_alone() -> None:
    text = describe(raised(ValueError("planted ada@ex.org Bearer planted")))
    assert text.startswith("ValueError at test_logs.py:")
    assert "planted" not in text
    assert "ada" not in text


def test_an_error_that_was_never_raised_can_be_told_too() -> None:
    assert describe(KeyError("planted")) == "KeyError at an unknown place"


@pytest.mark.gen_test
async def test_a_line_for_people_ends_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    await asyncio.create_task(told("once"))
    line = capsys.readouterr().err
    assert re.fullmatch(rf"{TIME.pattern} INFO everreach once job_id=j1 request_id=r1\n", line)


@pytest.mark.gen_test
async def test_as_json_a_line_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure(style="json")
    await asyncio.create_task(told('a "quoted"\nthing'))
    logging.getLogger("storage.mongo").warning("about nothing")
    one, other = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert TIME.fullmatch(one.pop("timestamp"))
    assert one == {
        "level": "INFO",
        "logger": "everreach",
        "message": 'a "quoted"',
        "job_id": "j1",
        "request_id": "r1",
    }
    assert set(other) == {"timestamp", "level", "logger", "message"}


async def told(message: str) -> None:
    """Something is logged that is done for a job and a request."""
    about_job("j1")
    about_request("r1")
    logging.getLogger("everreach").info(message)


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.gen_test
async def test_what_asyncio_and_libraries_say_of_an_error_holds_nothing_of_its_text(
    capsys: pytest.CaptureFixture[str], style: Literal["text", "json"]
) -> None:
    configure(style=style)
    error = raised(ValueError("planted"))
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    context = {"message": "Task exception was never retrieved", "exception": error, "future": future}
    future.set_exception(error)
    asyncio.get_running_loop().default_exception_handler(context)
    with suppress(ValueError):
        await future
    logging.getLogger("somebody.else").exception("It failed:\nplanted", exc_info=error)
    written = capsys.readouterr().err
    assert written.count("\n") == 2
    assert "Task exception was never retrieved: ValueError at test_logs.py" in written
    assert "It failed:: ValueError at test_logs.py" in written
    assert "planted" not in written
