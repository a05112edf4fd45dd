"""What clients see of a job, and where it may go from where it is."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import LeaseLostError
from everreach.job import ARROWS, ENDS, RUNNING, Job, Lease, Status, Tally, iso

THEN = datetime(2025, 11, 2, 16, 0, tzinfo=UTC)
COUNTS = st.integers(0, 10**9)


def job(**fields: Any) -> Job:
    given_ones = {"status": Status.PROCESSING, "version": 7, **fields}
    return Job(id="job-id", user_id="user-id", provider="google", created_at=THEN, updated_at=THEN, **given_ones)


def test_the_status_document_is_the_contract_s() -> None:
    running = job(
        total_contacts=500,
        processed_contacts=250,
        imported_contacts=200,
        skipped_contacts=30,
        failed_contacts=20,
        provider_account_name="user@gmail.com",
        started_at=THEN,
    )
    assert list(running.view().items()) == [
        ("id", "job-id"),
        ("provider", "google"),
        ("status", "processing"),
        ("total_contacts", 500),
        ("processed_contacts", 250),
        ("imported_contacts", 200),
        ("skipped_contacts", 30),
        ("failed_contacts", 20),
        ("progress_percent", 50.0),
        ("provider_account_name", "user@gmail.com"),
        ("started_at", "2025-11-02T16:00:00Z"),
        ("completed_at", None),
        ("error_message", None),
        ("version", 7),
    ]


def test_the_line_in_the_list_is_the_contract_s() -> None:
    assert list(job().row()) == [
        *("id", "provider", "status", "total_contacts", "imported_contacts", "skipped_contacts", "failed_contacts"),
        *("provider_account_name", "progress_percent", "error_message"),
        *("created_at", "started_at", "completed_at", "updated_at"),
    ]


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


def test_times_are_utc_with_a_z() -> None:
    assert iso(None) is None
    assert iso(THEN.replace(microsecond=999_999)) == "2025-11-02T16:00:00Z"
    assert iso(datetime(2025, 11, 2, 18, 0, tzinfo=timezone(timedelta(hours=2)))) == "2025-11-02T16:00:00Z"


def test_nothing_that_is_shown_holds_a_token() -> None:
    held = job(access_token="planted-a", refresh_token="planted-r", pkce_verifier="planted-v", lease_owner="planted-o")
    assert "planted" not in f"{held!r} {held} {held.view()} {held.row()}"
    assert repr(held) == "Job(job-id, processing)"


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
