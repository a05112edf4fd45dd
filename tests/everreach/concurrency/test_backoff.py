"""What failed is left alone by a node for a while, and longer each time."""

import time

import pytest

from everreach.concurrency import backoff as module
from everreach.concurrency.backoff import Backoff


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr("random.uniform", lambda _, most: most)
    return now


def rest(rests: Backoff, clock: list[float]) -> float:
    """For how long it rests from now on."""
    began = clock[0]
    while rests.resting():
        clock[0] += 0.5
    return clock[0] - began


def test_each_rest_is_twice_as_long_up_to_a_minute(clock: list[float]) -> None:
    rests, lasted = Backoff(), []
    for _ in range(8):
        rests.lay("a")
        lasted.append(rest(rests, clock))
    assert lasted == [1, 2, 4, 8, 16, 32, 60, 60]


def test_what_went_well_begins_anew_and_so_does_what_has_not_failed_for_long(clock: list[float]) -> None:
    rests = Backoff()
    for seconds in (0, 200):
        rests.lay("a")
        rest(rests, clock)
        rests.lay("a")
        clock[0] += seconds
        if not seconds:
            rests.end("a")
        assert rests.resting() == []
        rests.lay("a")
        assert rest(rests, clock) == 1
        rests.end("a")


def test_the_longest_may_be_said(clock: list[float]) -> None:
    rests = Backoff()
    for _ in range(3):
        rests.lay("a", 1)
        assert rest(rests, clock) == 1


def test_it_remembers_no_more_than_it_has_room_for(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    rests = Backoff()
    for job_id in "abc":
        rests.lay(job_id)
    assert rests.resting() == ["b", "c"]
