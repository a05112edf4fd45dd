"""The jobs that wait for a worker: how many, and how long the one that waits longest."""

import pytest

from everreach.observability.backlog import Backlog
from everreach.observability.metrics import REGISTRY


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [0.0]
    monkeypatch.setattr("everreach.observability.backlog.time.monotonic", lambda: times[0])
    return times


def told() -> tuple[float | None, float | None]:
    names = ("everreach_jobs_waiting", "everreach_jobs_waiting_oldest_seconds")
    return REGISTRY.get_sample_value(names[0]), REGISTRY.get_sample_value(names[1])


def test_a_job_waits_from_the_first_time_it_is_left_over_until_it_is_not(clock: list[float]) -> None:
    queue = Backlog()
    for now, left, expected in (
        (0.0, ["a"], (1, 0)),
        (5.0, ["a", "b"], (2, 5)),
        (7.0, ["b"], (1, 2)),
        # Its turn was over, and it waits anew.
        (9.0, ["a", "b"], (2, 4)),
        (10.0, [], (0, 0)),
    ):
        clock[0] = now
        queue.left(left)
        assert told() == expected
