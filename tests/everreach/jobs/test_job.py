"""What clients see of a job, and a worker's hold on it."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import LeaseLostError
from everreach.jobs.job import Job, Lease, Status, Tally

THEN = datetime(2025, 11, 2, 16, 0, tzinfo=UTC)
COUNTS = st.integers(0, 10**9)


def job(**fields: Any) -> Job:
    given_ones = {"status": Status.PROCESSING, "version": 7, **fields}
    return Job(id="job-id", user_id="user-id", provider="google", created_at=THEN, updated_at=THEN, **given_ones)


@given(COUNTS, COUNTS, st.sampled_from(Status))
def test_progress_is_a_number_from_0_to_100(processed: int, total: int, status: Status) -> None:
    percent = job(status=status, processed_contacts=processed, total_contacts=total).progress_percent
    assert isinstance(percent, float)
    assert 0.0 <= percent <= 100.0


def test_an_empty_address_book_that_has_completed_is_at_100() -> None:
    assert job(status=Status.COMPLETED).progress_percent == 100.0
    assert job(status=Status.PROCESSING).progress_percent == 0.0


def test_a_failed_job_keeps_the_progress_it_had() -> None:
    assert job(status=Status.FAILED, processed_contacts=1, total_contacts=3).progress_percent == 33.33


def test_a_tally_adds_up() -> None:
    assert Tally(imported=3, skipped=4, failed=5).processed == 12


def test_a_lease_is_lost_a_little_before_its_end() -> None:
    now = time.monotonic()
    Lease(job(), "me", 1, now + 60).check()
    for too_late in (now + 0.1, now, now - 60):
        with pytest.raises(LeaseLostError):
            Lease(job(), "me", 1, too_late).check()
