"""What a webhook says: enough for a backend, nothing of the person's account, and the same each time."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from everreach.event import EVENTS, Endpoint, Event
from everreach.job import ENDS, Job, Status

MOMENT = datetime(2026, 7, 1, 12, tzinfo=UTC)
JOB = Job(
    id="5c3f1d3a-0c1c-4c5a-9a39-0d3f3f3f3f3f",
    user_id="3f1d3a4e-0c1c-4c5a-9a39-0d3f3f3f3f3f",
    provider="google",
    status=Status.COMPLETED,
    version=7,
    created_at=MOMENT,
    updated_at=MOMENT,
    started_at=MOMENT,
    completed_at=MOMENT,
    total_contacts=3,
    processed_contacts=3,
    imported_contacts=1,
    skipped_contacts=1,
    failed_contacts=1,
    provider_account_id="ada@private.example",
    provider_account_name="ada@private.example",
    access_token="planted-token",
    refresh_token="planted-token",
    pkce_verifier="planted-token",
)


def test_an_event_says_what_became_of_whose_import() -> None:
    assert json.loads(Event.of(JOB).payload) == {
        "type": "import.completed",
        "timestamp": "2026-07-01T12:00:00Z",
        "data": {
            "id": JOB.id,
            "user_id": JOB.user_id,
            "provider": "google",
            "kind": "import",
            "status": "completed",
            "total_contacts": 3,
            "processed_contacts": 3,
            "imported_contacts": 1,
            "skipped_contacts": 1,
            "failed_contacts": 1,
            "updated_contacts": 0,
            "deleted_contacts": 0,
            "progress_percent": 100.0,
            "started_at": "2026-07-01T12:00:00Z",
            "completed_at": "2026-07-01T12:00:00Z",
            "error_message": None,
            "notice": None,
            "undo": None,
            "version": 7,
        },
    }


def test_neither_tokens_nor_the_accounts_address_are_in_it() -> None:
    event = Event.of(JOB)
    assert "planted" not in event.payload
    assert "private" not in event.payload
    assert JOB.user_id not in repr(event)


def test_each_end_has_its_type() -> None:
    assert EVENTS.keys() == ENDS
    assert {Event.of(replace(JOB, status=status)).type for status in ENDS} == {
        "import.completed",
        "import.failed",
        "import.cancelled",
    }


def test_an_end_has_the_same_id_whoever_looks_and_another_end_has_another() -> None:
    assert Event.of(JOB) == Event.of(replace(JOB))
    assert len({Event.of(job).id for job in (JOB, replace(JOB, version=8), replace(JOB, id=JOB.user_id))}) == 3
    # What is signed is `id.timestamp.body`: with a full stop in the id it could be read two ways.
    assert "." not in Event.of(JOB).id


@pytest.mark.parametrize(
    "other", ["https://hooks.example.com/b", "https://hooks.example.com/a?x", "https://x.example/a"]
)
def test_an_endpoints_name_tells_it_from_others_and_not_its_secret(other: str) -> None:
    endpoint = Endpoint.at(SecretStr("https://hooks.example.com/a"))
    assert endpoint.name.startswith("hooks.example.com-")
    assert endpoint.name != Endpoint.at(SecretStr(other)).name
    assert endpoint.name == Endpoint.at(SecretStr("https://hooks.example.com/a")).name
    assert "/a" not in repr(endpoint)
