"""What the log promises: our own lines, and nobody's data."""

import logging
from collections.abc import Iterator

import pytest

from everreach.logs import configure, describe

TOUCHED = ("", "everreach", "handlers", "providers", "storage", "tornado", "pymongo")


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


@pytest.mark.parametrize("name", ["everreach.runner", "handlers.base", "providers.http", "storage.mongo"])
def test_our_own_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str], name: str) -> None:
    configure()
    logging.getLogger(name).info("job %s began", "j1")
    written = capsys.readouterr()
    assert f"INFO {name} job j1 began" in written.err
    assert written.out == ""


def test_the_level_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    configure(logging.ERROR)
    logging.getLogger("everreach.runner").warning("quiet")
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
