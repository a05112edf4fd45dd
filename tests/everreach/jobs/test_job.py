"""What clients see of a job, and where it may go from where it is."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import LeaseLostError
from everreach.jobs.job import ARROWS, ENDS, RUNNING, Job, Lease, Status, Tally

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


def test_every_status_has_its_arrows() -> None:
    assert ARROWS.keys() == set(Status)
    assert set(Status) >= ENDS | RUNNING
    assert not ENDS & RUNNING


@pytest.mark.parametrize("status", Status)
def test_only_a_failed_job_ever_leaves_its_end(status: Status) -> None:
    assert status.ended == (status in ENDS)
    if status.ended:
        assert bool(ARROWS[status]) == (status is Status.FAILED)
    else:
        assert {Status.FAILED, Status.CANCELLED} <= ARROWS[status]


def test_a_retry_leads_back_to_work_and_never_straight_to_an_end() -> None:
    assert not ARROWS[Status.FAILED] & ENDS


def test_a_job_completes_only_out_of_its_work() -> None:
    assert {status for status in Status if Status.COMPLETED in ARROWS[status]} == RUNNING


def test_a_tally_adds_up() -> None:
    assert Tally(imported=3, skipped=4, failed=5).processed == 12


def test_a_lease_is_lost_a_little_before_its_end() -> None:
    now = time.monotonic()
    Lease(job(), "me", 1, now + 60).check()
    for too_late in (now + 0.1, now, now - 60):
        with pytest.raises(LeaseLostError):
            Lease(job(), "me", 1, too_late).check()
