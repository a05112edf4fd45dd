"""The end of a process: what is left of its time."""

import time

import pytest

from everreach.server.shutdown_clock import ShutdownClock


@pytest.mark.parametrize(
    ("pages_seconds", "spent", "left"), [(4, 0, 7.5), (4, 6, 1.5), (5, 6, 2), (5, 30, 0.5), (60, 10, 53)]
)
def test_less_is_left_the_more_was_spent(
    monkeypatch: pytest.MonkeyPatch, pages_seconds: float, spent: float, left: float
) -> None:
    parting = ShutdownClock(pages_seconds)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    parting.begin()
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + spent)
    assert parting.left() == left


def test_one_that_has_not_begun_has_all_its_time() -> None:
    assert ShutdownClock(4).left() == 7.5
