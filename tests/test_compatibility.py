"""While a new version is rolled out, its nodes and those of the one before work on the same documents."""

import typing
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from everreach.jobs.job import Job, Status, Tally
from everreach.jobs.options import Options, Reading
from everreach.jobs.outcome import Action, SkipReason
from storage.indexes import CONTACTS, JOBS, LEDGER
from storage.mongo import Database, Document
from storage.outbox import Ended, Outbox
from tests.storage.builders import LONG_AGO, NO_COUNTS, TOKENS, USER, Stores, entry, people, state_of

THEN: Final = datetime(2025, 11, 2, 16, 0, tzinfo=UTC)


class CursorBefore(msgspec.Struct, frozen=True):
    """A place in a listing, as the version before reads it."""

    position: str | None = None
    barren: int = 0
    restarts: int = 0
    mark: str | None = None
    steps: int = 0
    power: int = 1
    again: bool = False
    shrunk: bool = False
    announced: int | None = None
    listed: int | None = None


class JobBefore(msgspec.Struct, kw_only=True, rename={"id": "_id"}):
    """A job, as the version before reads it."""

    id: str
    user_id: str
    provider: str
    kind: str = "import"
    status: Status
    version: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    total_contacts: int = 0
    processed_contacts: int = 0
    imported_contacts: int = 0
    skipped_contacts: int = 0
    failed_contacts: int = 0
    updated_contacts: int = 0
    deleted_contacts: int = 0
    error_message: str | None = None
    notice: str | None = None
    provider_account_id: str | None = None
    provider_account_name: str | None = None
    reconsented: bool = False
    access_token: str | None = None
    refresh_token: str | None = None
    token_expires_at: datetime | None = None
    pkce_verifier: str | None = None
    consent_hash: str | None = None
    cursor: CursorBefore = CursorBefore()
    page: int = 0
    half_written: bool = False
    overlaps: bool = False
    fence: int = 0
    not_before: datetime | None = None
    lease_owner: str | None = None
    begun: int = 0
    takeovers: int = 0
    throttled_since: datetime | None = None
    tries: int = 0


ROW_BEFORE: Final[dict[str, Any]] = {
    "user_id": USER,
    "page": 0,
    "contact_id": None,
    "provider_etag": None,
    "action": "created",
    "skip_reason": None,
    "error_message": None,
    "raw_data": None,
    "created_at": THEN,
}
CONTACT_BEFORE: Final[dict[str, Any]] = {
    "user_id": USER,
    "source": "google_import",
    "imported_at": THEN,
    "import_page": 0,
    **dict.fromkeys(("phone", "emails", "phones", "addresses", "organizations")),
}


def before(status: Status, **fields: Any) -> Document:
    """A job as the version before last left it, which wrote no kind and counted neither updates nor deletions."""
    counters = ("total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")
    nothing = ("provider_account_id", "provider_account_name", "error_message", "completed_at", "throttled_since")
    none = ("state_hash", "consent_hash", "access_token", "refresh_token", "token_expires_at", "pkce_verifier")
    return {
        "_id": str(uuid.uuid4()),
        **{"user_id": USER, "provider": "google", "status": status.value, "version": 3},
        **dict.fromkeys((*none, *nothing, "lease_owner")),
        **dict.fromkeys((*counters, "page", "fence", "begun", "takeovers"), 0),
        **{"cursor": {}, "half_written": False},
        **dict.fromkeys(("created_at", "started_at", "updated_at"), THEN),
        **fields,
    }


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database, announce=True)


async def put(stores: Stores, document: Document) -> tuple[str, str]:
    await stores.database[JOBS].insert_one(document)
    return document["_id"], document["user_id"]


@pytest.mark.parametrize("kind", [{}, {"kind": "import"}], ids=["without a kind", "with its kind"])
@pytest.mark.gen_test
async def test_a_consent_that_was_asked_for_before_is_given_to_us(stores: Stores, kind: Document) -> None:
    state = state_of()
    soon = await stores.now() + timedelta(minutes=5)
    asked = {"_id": state.job_id, "state_hash": state.nonce_hash, "pkce_verifier": "sealed", "not_before": soon}
    await put(stores, before(Status.AUTHENTICATING, **asked, **kind))
    job = await stores.jobs.spend(state, "google")
    assert job
    assert await stores.jobs.consent(job, TOKENS)
    assert await stores.leases.claim(state.job_id, USER)


@pytest.mark.parametrize("kind", [{}, {"kind": "import"}], ids=["without a kind", "with its kind"])
@pytest.mark.parametrize("status", [Status.FETCHING, Status.PROCESSING])
@pytest.mark.gen_test
async def test_an_import_that_was_begun_before_is_found_and_brought_to_its_end(
    stores: Stores, status: Status, kind: Document
) -> None:
    left = before(status, not_before=LONG_AGO, fence=4, begun=4, lease_owner="a node that is gone", **TOKENS, **kind)
    job_id, _ = await put(stores, left)
    # One contact has its row, the other was made by a worker that was killed before it could write one.
    for name in ("ada", "bob"):
        made = {"email": f"{name}@example.org", "display_name": name, "provider_contact_id": name}
        await stores.database[CONTACTS].insert_one({**CONTACT_BEFORE, **made, "import_job_id": job_id})
    row = {"import_job_id": job_id, "provider_contact_id": "ada", "display_name": "ada"}
    await stores.database[LEDGER].insert_one({**ROW_BEFORE, **row})

    assert [job.id for job in await stores.jobs.due(frozenset({status}), 9)] == [job_id]
    lease = await stores.started(stores.leases, msgspec.convert(left, Job))
    tally = await stores.page(lease, [*people("ada", "bob", "cyd"), entry("dan")], recovering=True)
    assert tally == Tally(imported=3, skipped=1)
    await stores.leases.finish(lease, tally)

    ended = await stores.stored(job_id)
    assert (ended["status"], ended["imported_contacts"], ended["skipped_contacts"]) == ("completed", 3, 1)
    assert await stores.ledger.count(lease.job) == tally.fields


@pytest.mark.gen_test
async def test_what_failed_was_cancelled_or_waits_to_be_told_before_goes_on(stores: Stores) -> None:
    failed = before(Status.FAILED, completed_at=THEN, not_before=THEN, error_message="It failed.", **TOKENS)
    cancelled = before(Status.CANCELLED, completed_at=THEN, not_before=LONG_AGO, fence=1, lease_owner="gone")
    end = {"status": "completed", "version": 3, "completed_at": THEN, "imported_contacts": 7}
    completed = before(Status.COMPLETED, completed_at=THEN, unannounced=[end], announce_at=LONG_AGO)
    for document in (failed, cancelled, completed):
        await put(stores, document)

    retried = await stores.jobs.retry(failed["_id"], USER)
    assert retried
    assert retried.status is Status.FETCHING
    (due,) = await stores.jobs.due(frozenset({Status.CANCELLED}), 9)
    settled = await stores.jobs.settle(due, NO_COUNTS)
    assert settled
    assert not settled.settling
    (told,) = await Outbox(stores.database).take(Ended(completed["_id"], USER))
    assert (told.status, told.imported_contacts) == (Status.COMPLETED, 7)
    shown = await stores.jobs.get(completed["_id"], USER)
    assert shown
    assert shown.kind == "import"


@pytest.mark.gen_test
async def test_whatever_we_write_is_read_by_the_version_before(stores: Stores) -> None:
    async def check(job_id: str) -> JobBefore:
        document = await stores.stored(job_id)
        job, theirs = msgspec.convert(document, Job), msgspec.convert(document, JobBefore)
        seen = msgspec.to_builtins(theirs)
        assert {name: value for name, value in msgspec.to_builtins(job).items() if name in seen} == seen
        return theirs

    lease = await stores.leased()
    for step in range(3):
        await check(lease.job.id)
        await stores.commit(lease, [*people(f"person {step}"), entry(f"nobody {step}")])
    await stores.leases.postpone(lease, 5)
    assert (await check(lease.job.id)).imported_contacts == 3
    await stores.abandon(lease.job.id)
    lease = await stores.taken_over(lease)
    await stores.other_node.fail(lease, "It failed.", await stores.ledger.count(lease.job))
    await check(lease.job.id)
    assert await stores.jobs.retry(lease.job.id, USER)
    assert await stores.jobs.cancel(lease.job.id, USER)
    assert (await check(lease.job.id)).status is Status.CANCELLED

    job_id = str(uuid.uuid4())
    await stores.jobs.receive(job_id, USER, provider="csv", name=None, reading=Reading(size=3), options=Options())
    assert (await check(job_id)).status is Status.PENDING
    for row in await stores.rows(import_job_id=lease.job.id):
        assert row.keys() >= ROW_BEFORE.keys()
        assert {"created", "skipped", "failed"} >= {row["action"]}
    for contact in await stores.people(import_job_id=lease.job.id):
        assert contact.keys() >= CONTACT_BEFORE.keys()


def test_no_field_of_a_job_changed_its_type_and_each_new_one_may_be_absent() -> None:
    ours, theirs = typing.get_type_hints(Job), typing.get_type_hints(JobBefore)
    assert {name: kind for name, kind in theirs.items() if kind is not CursorBefore and ours[name] != kind} == {}
    own = [field for field in msgspec.structs.fields(Job) if field.name not in theirs]
    assert [field.name for field in own if field.required] == []


def test_the_words_of_the_rows_before_are_still_words() -> None:
    assert set(Action) >= {"created", "skipped", "failed"}
    assert set(SkipReason) >= {"duplicate", "no_email", "unusable_email"}
