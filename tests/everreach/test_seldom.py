"""What would fill the log is said once a second, and what is new at once."""

import asyncio
import logging

import pytest

from everreach import seldom


@pytest.fixture(autouse=True)
def forgetful() -> None:
    seldom._said.clear()


def test_one_thing_is_due_once_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [seldom.due("one") for _ in range(3)] == [True, False, False]
    assert seldom.due("another")
    monkeypatch.setattr(seldom, "_said", type(seldom._said)(64, 0.01))
    assert seldom.due("one")


@pytest.mark.gen_test
async def test_an_error_that_comes_again_and_again_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()
    loop.set_exception_handler(seldom.complain)

    def one() -> None:
        raise OSError(24, "Too many open files")

    def another() -> None:
        raise OSError(24, "Too many open files")

    try:
        with caplog.at_level(logging.ERROR):
            for callback in (one, one, another, one):
                loop.call_soon(callback)
            await asyncio.sleep(0.01)
    finally:
        loop.set_exception_handler(usual)
    assert len([record for record in caplog.records if record.name == "asyncio"]) == 2
