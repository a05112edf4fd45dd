"""A job: the document behind one import, the arrows of its life, and a worker's hold on it."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

import msgspec

from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.options import DEFAULTS, Options, Reading
from everreach.jobs.outcome import Action

LEASE_MARGIN_SECONDS: Final = 0.5
"""How long before its end a lease is no longer written under: the time that a statement may be on its way."""


class Status(StrEnum):
    """Where a job is. The last three are ends."""

    PENDING = "pending"
    AUTHENTICATING = "authenticating"
    FETCHING = "fetching"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to such a job by itself."""
        return self in ENDS


class Kind(StrEnum):
    """What a job does. A job of an earlier version has none, and is an import."""

    IMPORT = "import"


ENDS: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
RUNNING: Final = frozenset({Status.FETCHING, Status.PROCESSING})

ARROWS: Final[dict[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.FETCHING, Status.FAILED, Status.CANCELLED}),
    Status.AUTHENTICATING: frozenset({Status.FETCHING, Status.FAILED, Status.CANCELLED}),
    Status.FETCHING: frozenset({Status.PROCESSING, *ENDS}),
    Status.PROCESSING: frozenset({Status.PROCESSING, *ENDS}),
    Status.COMPLETED: frozenset(),
    # A retry goes on where the tokens are still there, and asks for consent again where they are gone.
    Status.FAILED: frozenset({Status.FETCHING, Status.PROCESSING, Status.AUTHENTICATING}),
    Status.CANCELLED: frozenset(),
}
"""Every status a job may step to, by the status it has."""


COUNTERS: Final = (
    "total_contacts",
    "processed_contacts",
    "imported_contacts",
    "skipped_contacts",
    "failed_contacts",
    "updated_contacts",
    "deleted_contacts",
)
"""The fields in which a job counts."""


class Tally(msgspec.Struct, frozen=True, gc=False):
    """What became of some contacts. Those that were `updated` or `deleted` are among the imported ones."""

    imported: int = 0
    skipped: int = 0
    failed: int = 0
    updated: int = 0
    deleted: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """The tally of so many rows by action."""
        updated, deleted = counts.get(Action.UPDATED, 0), counts.get(Action.DELETED, 0)
        imported = counts.get(Action.CREATED, 0) + updated + deleted
        return cls(imported, counts.get(Action.SKIPPED, 0), counts.get(Action.FAILED, 0), updated, deleted)

    @property
    def processed(self) -> int:
        """All of them."""
        return self.imported + self.skipped + self.failed


class Job(msgspec.Struct, kw_only=True, gc=False, rename={"id": "_id"}):
    """A job as stored: the fields of the contract and what the engine needs. Its repr shows only id and status."""

    id: str
    user_id: str
    provider: str
    kind: str = Kind.IMPORT
    """One of Kind, or what a newer version knows how to do."""
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
    """A sentence for the person about a job that completed all the same."""
    provider_account_id: str | None = None
    provider_account_name: str | None = None
    reconsented: bool = False
    """Whether somebody was asked for consent again: it may have been given for another account."""
    access_token: str | None = None
    refresh_token: str | None = None
    token_expires_at: datetime | None = None
    pkce_verifier: str | None = None
    consent_hash: str | None = None
    """The hash of the state that was spent for this job last."""
    options: Options = DEFAULTS
    """What the person asked for at the start."""
    upload_id: str | None = None
    """The file that it reads; None where there is none, or none any more."""
    reading: Reading | None = None
    """How that file is read."""
    region: str | None = None
    """Where the book's phone numbers without a country are from; "" where that is not known, None as long as not."""
    cursor: Cursor = Cursor()
    page: int = 0
    half_written: bool = False
    """Whether somebody who began may have left a part of the page under way in the database."""
    overlaps: bool = False
    """Whether contacts that are still to come may have rows: a page was left half written once, or the job failed."""
    fence: int = 0
    not_before: datetime | None = None
    """When the engine has to look at the job by itself; None where it need not any more."""
    lease_owner: str | None = None
    begun: int = 0
    """The fence of the worker that began last, until it hands the job back or ends it; else 0."""
    takeovers: int = 0
    throttled_since: datetime | None = None
    tries: int = 0
    """How often in a row the page at the cursor could not be had."""

    def __repr__(self) -> str:
        return f"Job({self.id}, {self.status})"

    @property
    def settling(self) -> bool:
        """Whether it was cancelled, and somebody has yet to make its counters what stands in the database."""
        return self.status is Status.CANCELLED and self.not_before is not None

    @property
    def undo(self) -> None:
        """What was taken back of it: no job can be undone so far."""
        return

    @property
    def listed(self) -> bool:
        """Whether something of an account's listing is in it."""
        return self.processed_contacts > 0 or self.cursor.position is not None

    @property
    def progress_percent(self) -> float:
        """0 to 100, and 100 as soon as the job has completed, even with an empty address book."""
        if self.status is Status.COMPLETED:
            return 100.0
        return (
            round(min(100.0, 100.0 * self.processed_contacts / self.total_contacts), 2) if self.total_contacts else 0.0
        )


class Lease(msgspec.Struct):
    """A worker's hold on a job. Every statement it makes carries `owner` and `fence`, and matches nothing once lost.

    `valid_until` is on this process's monotonic clock and always earlier than the database's own view of the end.
    """

    job: Job
    owner: str
    fence: int
    valid_until: float
    writing: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    """Held during a statement, so that `job` is never replaced by an older answer that came later."""

    def check(self) -> None:
        """Raise LeaseLostError where a statement sent now might arrive after somebody else has taken the job."""
        if time.monotonic() > self.valid_until - LEASE_MARGIN_SECONDS:
            raise LeaseLostError
