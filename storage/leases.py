"""What only the holder of a job's lease can do to it. A stale holder's statement matches nothing: LeaseLostError."""

import time
from typing import Any, Final

import msgspec

from everreach.errors import LeaseLostError
from everreach.jobs.cursor import Cursor
from everreach.jobs.job import Lease, Tally
from everreach.jobs.transitions import Transition
from everreach.observability.metrics import TAKEOVERS, of_provider
from storage.indexes import JOBS
from storage.mongo import Database, Document, translated
from storage.throttling import wait
from storage.transitions import (
    DUE,
    KNOWN_KINDS,
    NEVER,
    NO_TOKENS,
    NOW,
    RETRY_WINDOW_SECONDS,
    after,
    apply,
    begins,
    change,
    ending,
    held,
    leads,
    quietly,
    telling,
)

_HANDED_BACK: Final[Document] = {"lease_owner": None, "begun": 0}
_LITERALLY: Final[Document] = {name: {"$literal": value} for name, value in _HANDED_BACK.items()}


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
        query = {**begins(job_id, user_id, Transition.CLAIM), **KNOWN_KINDS, **DUE}
        fence = {"$add": ["$fence", 1]}
        taken = quietly({"lease_owner": self._owner}, fence=fence, not_before=after(self._seconds))
        job = await apply(self._jobs, query, taken)
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
        await self._write(lease, Transition.BEGIN, pipeline)
        lease.valid_until = sent + self._seconds
        if lease.job.takeovers > before:
            TAKEOVERS.inc()

    @translated
    async def renew(self, lease: Lease) -> None:
        """Renew: the lease lasts its full time again."""
        began = time.monotonic()
        renewed = await self._jobs.update_one(held(lease, Transition.RENEW), quietly(not_before=after(self._seconds)))
        if not renewed.matched_count:
            raise LeaseLostError
        lease.valid_until = began + self._seconds

    @translated
    async def release(self, lease: Lease) -> None:
        """Release: hand the job back, to be taken up by any worker.

        `half_written` is kept: what was found half written, and not yet written again, is still there.
        """
        await self._write(lease, Transition.RELEASE, quietly(_HANDED_BACK, not_before=NOW))

    @translated
    async def postpone(self, lease: Lease, seconds: float, cursor: Cursor | None = None) -> None:
        """Postpone: the page could not be had. Hand the job back until the next try, the first one at another cursor.

        The tries are counted until a page comes through.
        """
        tries = {"$add": [{"$ifNull": ["$tries", 0]}, 1]} if cursor is None else 0
        values = _HANDED_BACK | ({} if cursor is None else {"cursor": msgspec.to_builtins(cursor)})
        await self._write(lease, Transition.POSTPONE, quietly(values, not_before=after(seconds), tries=tries))

    @translated
    async def wait_out(self, lease: Lease, advised: float | None) -> bool:
        """Wait out: the provider throttles. Hand the job back for as long as it advised, in seconds.

        False where that has gone on for too long; the moment when it began is kept until a page comes through.
        """
        waiting = wait(advised)
        steps = waiting.or_stay({**_LITERALLY, "not_before": waiting.until})
        await self._write(lease, Transition.WAIT_OUT, quietly(**steps, throttled_since=waiting.since))
        return lease.job.lease_owner is None

    @translated
    async def identify(self, lease: Lease, account_id: str | None, account_name: str | None) -> None:
        """Identify: whose address book this is."""
        values = {"provider_account_id": account_id, "provider_account_name": account_name}
        await self._write(lease, Transition.IDENTIFY, change(values))

    @translated
    async def locate(self, lease: Lease, region: str | None) -> None:
        """Locate: where the book's phone numbers without a country are from, once for all of its pages."""
        await self._write(lease, Transition.LOCATE, quietly({"region": region or ""}))

    @translated
    async def store_tokens(self, lease: Lease, tokens: Document) -> None:
        """Store tokens: the new ones, sealed, before anybody uses them."""
        await self._write(lease, Transition.STORE_TOKENS, quietly(tokens))

    @translated
    async def advance(self, lease: Lease, tally: Tally, cursor: Cursor, total: int | None) -> None:
        """Advance: one page's counters, and where the listing goes on, in one statement."""
        values = {**leads(Transition.ADVANCE), "cursor": msgspec.to_builtins(cursor)}
        values |= {"takeovers": 0, "half_written": False, "tries": 0}
        counted = _counted(tally)
        estimate = {"$max": ["$total_contacts", counted["processed_contacts"], {"$literal": total or 0}]}
        pipeline = change(values, **counted, total_contacts=estimate, throttled_since=None)
        await self._write_page(lease, Transition.ADVANCE, pipeline)

    @translated
    async def finish(self, lease: Lease, tally: Tally, notice: str | None = None) -> None:
        """Finish: the last page's counters, what there is to tell the person, and the end, in one statement."""
        counted = _counted(tally)
        values = {**leads(Transition.FINISH), "notice": notice, "cursor": {}, **self._erased}
        end = ending(**counted, total_contacts=counted["processed_contacts"])
        await self._write_page(lease, Transition.FINISH, self._told(change(values, **end)))

    @translated
    async def fail(
        self, lease: Lease, message: str, counts: Document, *, keep_tokens: bool = True, cursor: Cursor | None = None
    ) -> None:
        """Fail: the job ends with a reason, with the counters that stand in the database, and where a retry begins.

        What stands there of a page that was half written, and of the one inserted ahead, is counted now; should the
        job be retried, these pages count only what they add. Tokens that are dead anyway are not kept for that.
        """
        values = {**leads(Transition.FAIL), "error_message": message, "overlaps": True, **counts}
        values |= {} if cursor is None else {"cursor": msgspec.to_builtins(cursor)}
        values |= {} if keep_tokens else NO_TOKENS
        total = {"$max": ["$total_contacts", counts["processed_contacts"]]}
        retried_until = after(RETRY_WINDOW_SECONDS)
        # The file stays as long as a retry may come, and no longer, whatever becomes of tokens.
        without_tokens = {"$cond": [{"$ifNull": ["$upload_id", False]}, retried_until, NEVER]}
        kept_until = retried_until if keep_tokens and not self._keep_tokens else without_tokens
        end = ending(total_contacts=total, not_before=kept_until, page={"$add": ["$page", 1]})
        await self._write(lease, Transition.FAIL, self._told(change(values, **end)))

    async def _write_page(self, lease: Lease, transition: Transition, pipeline: list[Document]) -> None:
        """Write what commits the page under way; a page that is committed already stays committed once."""
        pipeline[0]["$set"]["page"] = {"$add": ["$page", 1]}
        await self._write(lease, transition, pipeline, page=lease.job.page)

    async def _write(self, lease: Lease, transition: Transition, pipeline: list[Document], **expected: Any) -> None:
        async with lease.writing:
            job = await apply(self._jobs, {**held(lease, transition), **expected}, pipeline)
            if job is None:
                raise LeaseLostError
            lease.job = job
            if job.status.ended:
                of_provider(job.provider).ended(job)


def _counted(tally: Tally) -> Document:
    # A job that an earlier version made lacks some fields, and a plain import needs no more than it has.
    added = {name: number for name, number in tally.fields.items() if number or name == "processed_contacts"}
    return {name: {"$add": [{"$ifNull": [f"${name}", 0]}, number]} for name, number in added.items()}
