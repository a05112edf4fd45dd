"""Percentiles out of a histogram, and imports by what a product asks for."""

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.maintenance.import_report import Failure, Kind, Sum, by_day, failures, in_all
from storage.statistics import Group

MONDAY, TUESDAY = datetime(2025, 11, 3, tzinfo=UTC), datetime(2025, 11, 4, tzinfo=UTC)


def group(imports: int = 1, **fields: Any) -> Group:
    given = {"day": MONDAY, "provider": "google", "status": "completed", "reason": None, "seconds": 1.0}
    return Group(**{**given, "contacts": 10 * imports, "new": 7 * imports, **fields}, imports=imports)


@given(st.lists(st.integers(1, 50), min_size=1), st.sampled_from([50, 95, 99, 100]))
def test_a_percentile_is_the_least_duration_that_so_many_did_not_exceed(durations: list[int], per_cent: int) -> None:
    told = Sum(seconds=Counter(map(float, durations))).percentile(per_cent)
    assert told in durations
    enough = [one for one in durations if sum(other <= one for other in durations) * 100 >= per_cent * len(durations)]
    assert told == min(enough)


def test_of_a_hundred_they_are_what_one_counts_on_fingers() -> None:
    durations = [float(number) for number in range(1, 101)]
    random.Random(1).shuffle(durations)
    one = Sum(seconds=Counter(durations))
    assert [one.percentile(per_cent) for per_cent in (50, 95, 99)] == [50, 95, 99]


def test_where_nothing_ended_there_is_none() -> None:
    assert Sum().percentile(50) is None


def test_imports_are_summed_by_day_provider_and_outcome_the_newest_day_first() -> None:
    groups = [
        group(2),
        group(3, seconds=5.0),
        group(provider="microsoft"),
        group(day=TUESDAY, status="failed", reason="Why."),
        group(day=TUESDAY, status="failed", reason="Why not.", seconds=None),
    ]
    lines = by_day(groups)
    assert list(lines) == [
        Kind("2025-11-04", "google", "failed"),
        Kind("2025-11-03", "google", "completed"),
        Kind("2025-11-03", "microsoft", "completed"),
    ]
    assert lines[Kind("2025-11-03", "google", "completed")] == Sum(5, 50, 35, Counter({1.0: 2, 5.0: 3}))
    assert lines[Kind("2025-11-04", "google", "failed")] == Sum(2, 20, 14, Counter({1.0: 1}))
    assert in_all(groups).keys() == {Kind(None, one, two) for _, one, two in lines}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("fetching", "running"), ("processing", "running"), ("authenticating", "waiting"), ("cancelled", "cancelled")],
)
def test_what_has_not_ended_has_an_outcome_too(status: str, outcome: str) -> None:
    [kind] = in_all([group(status=status, seconds=None)])
    assert kind.outcome == outcome


def test_reasons_are_those_of_failed_imports_the_most_frequent_first() -> None:
    failed = [group(number, status="failed", reason=f"Reason {number}.", seconds=number) for number in (1, 3, 2)]
    failed += [group(9, status="cancelled", reason="By will."), group(status="failed", reason="Reason 3.")]
    assert failures(failed, 2) == [(Failure("google", "Reason 3."), 4), (Failure("google", "Reason 2."), 2)]
