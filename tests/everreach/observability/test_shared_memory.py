"""Numbers that forked workers share: added up or compared, kept when a worker dies, and measures gone with it."""

import os
from collections.abc import Callable

import pytest

from everreach.observability import shared_memory
from everreach.observability.shared_memory import Heartbeat, SharedValue

# So says Python 3.12 of every fork beside a thread. The child does nothing that a thread of its parent could hold up.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the test's own, shared by two workers."""
    monkeypatch.setattr(shared_memory, "_shared", shared_memory._Shared())
    shared_memory.share(2)


def in_worker(place: int, do: Callable[[], object]) -> None:
    """Do it as the worker at that place, which ends without another word."""
    child = os.fork()
    if not child:
        try:
            shared_memory.settle(place)
            do()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_what_workers_count_is_added_up() -> None:
    counter = SharedValue("counter")
    in_worker(1, lambda: counter.inc(2))
    in_worker(2, lambda: counter.inc(3))
    assert counter.get() == 5


def test_who_replaces_a_dead_worker_goes_on_where_it_was() -> None:
    counter = SharedValue("counter")
    for _ in range(3):
        in_worker(1, lambda: counter.inc(2))
        shared_memory.clear(1)
    assert counter.get() == 6


def test_what_a_dead_worker_measured_is_gone() -> None:
    gauge, sign = SharedValue("gauge", multiprocess_mode="livesum"), Heartbeat()
    in_worker(1, sign.give)
    in_worker(1, lambda: gauge.inc(4))
    in_worker(2, lambda: gauge.inc(1))
    assert gauge.get() == 5
    assert sign.age() > 0
    shared_memory.clear(1)
    assert gauge.get() == 1
    assert sign.age() == 0


def test_the_greatest_can_be_asked_for_instead_of_the_sum() -> None:
    gauge = SharedValue("gauge", multiprocess_mode="livemax")
    in_worker(1, lambda: gauge.set(4))
    in_worker(2, lambda: gauge.set(3))
    assert gauge.get() == 4


def test_the_oldest_of_the_last_signs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    sign = Heartbeat()
    assert sign.age() == 0
    for place, moment in ((1, 100.0), (2, 107.0)):
        monkeypatch.setattr("everreach.observability.shared_memory.time.monotonic", lambda moment=moment: moment)
        in_worker(place, sign.give)
    monkeypatch.setattr("everreach.observability.shared_memory.time.monotonic", lambda: 110.0)
    assert sign.age() == 10
    in_worker(1, sign.end)
    assert sign.age() == 3


def test_numbers_of_several_do_not_mix() -> None:
    one, other = SharedValue("counter"), SharedValue("counter")
    one.inc(1)
    other.inc(2)
    assert (one.get(), other.get()) == (1, 2)


def test_a_number_that_comes_too_late_is_refused() -> None:
    shared_memory.settle(1)
    with pytest.raises(RuntimeError, match="before the workers are forked"):
        SharedValue("counter")
