"""What clients see of a job."""

from datetime import datetime, timedelta, timezone

import msgspec

from everreach.jobs.status_document import JobSummary, StatusDocument, whole_seconds
from tests.everreach.jobs.test_job import THEN, job


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
    assert list(msgspec.to_builtins(StatusDocument.of(running)).items()) == [
        ("id", "job-id"),
        ("provider", "google"),
        ("kind", "import"),
        ("status", "processing"),
        ("total_contacts", 500),
        ("processed_contacts", 250),
        ("imported_contacts", 200),
        ("skipped_contacts", 30),
        ("failed_contacts", 20),
        ("updated_contacts", 0),
        ("deleted_contacts", 0),
        ("progress_percent", 50.0),
        ("provider_account_name", "user@gmail.com"),
        ("started_at", "2025-11-02T16:00:00Z"),
        ("completed_at", None),
        ("error_message", None),
        ("notice", None),
        ("undo", None),
        ("version", 7),
    ]


def test_the_line_in_the_list_is_the_contract_s() -> None:
    assert list(msgspec.to_builtins(JobSummary.of(job()))) == [
        *("id", "provider", "status", "total_contacts", "imported_contacts", "skipped_contacts", "failed_contacts"),
        *("provider_account_name", "progress_percent", "error_message"),
        *("created_at", "started_at", "completed_at", "updated_at"),
    ]


def test_times_are_utc_with_a_z() -> None:
    elsewhere = datetime(2025, 11, 2, 18, 0, tzinfo=timezone(timedelta(hours=2)))
    for moment in (THEN, THEN.replace(microsecond=999_999), elsewhere):
        assert msgspec.json.encode(whole_seconds(moment)) == b'"2025-11-02T16:00:00Z"'


def test_nothing_that_is_shown_holds_a_token() -> None:
    held = job(access_token="planted-a", refresh_token="planted-r", pkce_verifier="planted-v", lease_owner="planted-o")
    assert "planted" not in f"{held!r} {held} {StatusDocument.of(held)} {JobSummary.of(held)}"
    assert repr(held) == "Job(job-id, processing)"
