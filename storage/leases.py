"""What only the holder of a job's lease can do to it. A stale holder's statement matches nothing: LeaseLostError."""

import random
import time
from typing import Any, Final

import msgspec

from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Lease, Status, Tally
from everreach.observability.metrics import TAKEOVERS, of_provider
from storage.indexes import JOBS
from storage.mongo import Database, Document, translated
from storage.transitions import (
    DUE,
    KNOWN_KINDS,
    NEVER,
    NO_TOKENS,
    NOW,
    RETRY_WINDOW_SECONDS,
    RUNNING_FILTER,
    after,
    apply,
    change,
    ending,
    held,
    quietly,
    telling,
)

THROTTLE_LIMIT_SECONDS: Final = 900.0
"""How long in a row a provider's throttling is waited out."""

FIRST_WAIT_SECONDS: Final = 2.0
"""The first wait for a provider that throttles without advice; each further one takes as long as all before it."""

LONGEST_WAIT_SECONDS: Final = 64.0

_HANDED_BACK: Final[Document] = {"lease_owner": None, "begun": 0}


class LeaseStore:
    """Claims jobs for `owner`, this process, and writes to those it holds. A lease lasts `seconds` unless renewed.

    `announce` says whether anybody is to be told of a job's end by webhook.
    """

    def __init__(
        self, database: Database, owner: str, seconds: float, *, keep_tokens: bool, announce: bool = False
    ) -> None:
        self._jobs = database[JOBS]
        self._owner = owner
        self._seconds = seconds
        self._keep_tokens = keep_tokens
        self._erased = {} if keep_tokens else NO_TOKENS
        self._told = telling(announce)

    @translated
    async def claim(self, job_id: str, user_id: str) -> Lease | None:
        """Claim: one worker takes a running job that is due. None where another was faster or it is not yet due."""
        began = time.monotonic()
        job = await apply(
            self._jobs,
            {"_id": job_id, "user_id": user_id, **RUNNING_FILTER, **KNOWN_KINDS, **DUE},
            quietly({"lease_owner": self._owner}, fence={"$add": ["$fence", 1]}, not_before=after(self._seconds)),
        )
        return Lease(job, self._owner, job.fence, began + self._seconds) if job else None

    @translated
    async def begin(self, lease: Lease) -> None:
        """Begin: renew, see the job as the database has it, and sign for what this worker may leave half written.

        Whoever signed before and has neither handed the job back nor ended it may have left such a page: another
        worker, from whom the job is taken over, or this one, if an answer never came. A claim signs for nothing, so
        that one whose answer was lost counts as no takeover and hides none.
        """
        sent = time.monotonic()
        signed, another = {"$gt": ["$begun", 0]}, {"$ne": ["$begun", "$fence"]}
        pipeline = quietly(
            begun="$fence",
            takeovers={"$add": ["$takeovers", {"$cond": [{"$and": [signed, another]}, 1, 0]}]},
            half_written={"$or": ["$half_written", signed]},
            overlaps={"$or": ["$overlaps", signed]},
            not_before=after(self._seconds),
        )
        before = lease.job.takeovers
        await self._write(lease, pipeline)
        lease.valid_until = sent + self._seconds
        if lease.job.takeovers > before:
            TAKEOVERS.inc()

    @translated
    async def renew(self, lease: Lease) -> None:
        """Renew: the lease lasts its full time again."""
        began = time.monotonic()
        renewed = await self._jobs.update_one(held(lease), quietly(not_before=after(self._seconds)))
        if not renewed.matched_count:
            raise LeaseLostError
        lease.valid_until = began + self._seconds

    @translated
    async def release(self, lease: Lease) -> None:
        """Release: hand the job back, to be taken up by any worker.

        `half_written` is kept: what was found half written, and not yet written again, is still there.
        """
        await self._write(lease, quietly(_HANDED_BACK, not_before=NOW))

    @translated
    async def postpone(self, lease: Lease, seconds: float, cursor: Cursor | None = None) -> None:
        """Postpone: the page could not be had. Hand the job back until the next try, the first one at another cursor.

        The tries are counted until a page comes through.
        """
        tries = {"$add": [{"$ifNull": ["$tries", 0]}, 1]} if cursor is None else 0
        values = _HANDED_BACK | ({} if cursor is None else {"cursor": msgspec.to_builtins(cursor)})
        await self._write(lease, quietly(values, not_before=after(seconds), tries=tries))

    @translated
    async def wait_out(self, lease: Lease, advised: float | None) -> bool:
        """Wait out: the provider throttles. Hand the job back for as long as it advised, in seconds.

        Without advice the waits double, because a try that comes too early is often counted against us. False where
        that has gone on for THROTTLE_LIMIT_SECONDS; the moment when it began is kept until a page comes through.
        """
        since = {"$ifNull": ["$throttled_since", NOW]}
        waited = {"$subtract": [NOW, since]}
        doubled = {"$min": [{"$max": [waited, FIRST_WAIT_SECONDS * 1000]}, LONGEST_WAIT_SECONDS * 1000]}
        wait = doubled if advised is None else advised * 1000
        spread = {"$multiply": [wait, random.uniform(1.0, 1.2)]}  # noqa: S311
        left = {"$subtract": [THROTTLE_LIMIT_SECONDS * 1000, waited]}
        until = {"$add": [NOW, {"$toLong": {"$max": [100, {"$min": [spread, left]}]}}]}
        steps = {name: {"$literal": value} for name, value in _HANDED_BACK.items()} | {"not_before": until}
        patient = {name: {"$cond": [{"$gt": [left, 0]}, step, f"${name}"]} for name, step in steps.items()}
        await self._write(lease, quietly(**patient, throttled_since=since))
        return lease.job.lease_owner is None

    @translated
    async def identify(self, lease: Lease, account_id: str | None, account_name: str | None) -> None:
        """Identify: whose address book this is."""
        values = {"provider_account_id": account_id, "provider_account_name": account_name}
        await self._write(lease, change(values))

    @translated
    async def locate(self, lease: Lease, region: str | None) -> None:
        """Locate: where the book's phone numbers without a country are from, once for all of its pages."""
        await self._write(lease, quietly({"region": region or ""}))

    @translated
    async def store_tokens(self, lease: Lease, tokens: Document) -> None:
        """Refresh: the new sealed tokens are stored before anybody uses them."""
        await self._write(lease, quietly(tokens))

    @translated
    async def advance(self, lease: Lease, tally: Tally, cursor: Cursor, total: int | None) -> None:
        """Advance: one page's counters, and where the listing goes on, in one statement."""
        values = {"status": Status.PROCESSING, "cursor": msgspec.to_builtins(cursor)}
        values |= {"takeovers": 0, "half_written": False, "tries": 0}
        counted = _counted(tally)
        estimate = {"$max": ["$total_contacts", counted["processed_contacts"], {"$literal": total or 0}]}
        await self._write_page(lease, change(values, **counted, total_contacts=estimate, throttled_since=None))

    @translated
    async def finish(self, lease: Lease, tally: Tally, notice: str | None = None) -> None:
        """Finish: the last page's counters, what there is to tell the person, and the end, in one statement."""
        counted = _counted(tally)
        values = {"status": Status.COMPLETED, "notice": notice, "cursor": {}, **self._erased}
        end = ending(**counted, total_contacts=counted["processed_contacts"])
        await self._write_page(lease, self._told(change(values, **end)))

    @translated
    async def fail(
        self,
        lease: Lease,
        message: str,
        counts: dict[str, int],
        *,
        keep_tokens: bool = True,
        cursor: Cursor | None = None,
    ) -> None:
        """Fail: the job ends with a reason, with the counters that stand in the database, and where a retry begins.

        What stands there of a page that was half written, and of the one inserted ahead, is counted now; should the
        job be retried, these pages count only what they add. Tokens that are dead anyway are not kept for that.
        """
        values = {"status": Status.FAILED, "error_message": message, "overlaps": True, **counts}
        values |= {} if cursor is None else {"cursor": msgspec.to_builtins(cursor)}
        values |= {} if keep_tokens else NO_TOKENS
        total = {"$max": ["$total_contacts", counts["processed_contacts"]]}
        retried_until = after(RETRY_WINDOW_SECONDS)
        # The file stays as long as a retry may come, and no longer, whatever becomes of tokens.
        without_tokens = {"$cond": [{"$ifNull": ["$upload_id", False]}, retried_until, NEVER]}
        kept_until = retried_until if keep_tokens and not self._keep_tokens else without_tokens
        end = ending(total_contacts=total, not_before=kept_until, page={"$add": ["$page", 1]})
        await self._write(lease, self._told(change(values, **end)))

    async def _write_page(self, lease: Lease, pipeline: list[Document]) -> None:
        """Write what commits the page under way; a page that is committed already stays committed once."""
        pipeline[0]["$set"]["page"] = {"$add": ["$page", 1]}
        await self._write(lease, pipeline, page=lease.job.page)

    async def _write(self, lease: Lease, pipeline: list[Document], **expected: Any) -> None:
        async with lease.writing:
            job = await apply(self._jobs, {**held(lease), **expected}, pipeline)
            if job is None:
                raise LeaseLostError
            lease.job = job
            if job.status.ended:
                of_provider(job.provider).ended(job)


def _counted(tally: Tally) -> Document:
    added = {
        "processed_contacts": tally.processed,
        "imported_contacts": tally.imported,
        "skipped_contacts": tally.skipped,
        "failed_contacts": tally.failed,
    }
    # A job that an earlier version made lacks these, and a plain import needs none of them.
    later = {"updated_contacts": tally.updated, "deleted_contacts": tally.deleted}
    added |= {name: number for name, number in later.items() if number}
    return {name: {"$add": [{"$ifNull": [f"${name}", 0]}, number]} for name, number in added.items()}
