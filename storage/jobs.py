"""What people do to a job, and reading it. Each arrow is one statement whose filter holds the status it starts from."""

from collections.abc import Sequence

import msgspec
from pymongo import ASCENDING

from everreach.jobs.job import ENDS, Job, Status
from everreach.jobs.options import DEFAULTS, Options
from everreach.security.oauth_state import State
from storage.consents import AGAIN, failed
from storage.files.arrows import FileJobStore
from storage.mongo import prompt, translated
from storage.quarantine import readable
from storage.transitions import (
    DUE,
    DUE_FIELDS,
    KNOWN_KINDS,
    NEVER,
    NO_TOKENS,
    NOW,
    SHOWN,
    apply,
    as_job,
    bear,
    change,
    end,
    ending,
    if_readable,
    quietly,
)


class JobStore(FileJobStore):
    """The jobs as people and the OAuth flow see them; what only a lease holder may do is in LeaseStore.

    `announce` says whether anybody is to be told of a job's end by webhook.
    """

    @prompt
    async def create(
        self, state: State, provider: str, verifier: str, ttl_seconds: float, options: Options = DEFAULTS
    ) -> None:
        """Create: a job that waits for consent until its state expires. `verifier` is sealed."""
        values = {"provider": provider, "status": Status.AUTHENTICATING, "state_hash": state.nonce_hash}
        values |= {"pkce_verifier": verifier, "options": msgspec.to_builtins(options)}
        await bear(self._jobs, state.job_id, state.user_id, values, ttl_seconds)

    @prompt
    async def cancel(self, job_id: str, user_id: str) -> Job | None:
        """Cancel: the person ends a job that has not ended. None where there is none such.

        A page may be under way. The lease's end stays as `not_before`, so that somebody settles the counters then;
        where nobody holds the job they can be settled at once.
        """
        values = {"status": Status.CANCELLED, "state_hash": None, "pkce_verifier": None, "cursor": {}, **self._erased}
        never_begun = {"$lte": ["$fence", 0]}
        settled_at = {"$cond": [{"$ifNull": ["$lease_owner", False]}, "$not_before", NOW]}
        not_before = {"$cond": [never_begun, NEVER, settled_at]}
        query = {"_id": job_id, "user_id": user_id, "status": {"$nin": sorted(ENDS)}}
        ended = change(values, completed_at=NOW, not_before=not_before)
        return await end(self._jobs, query, self._told(ended, never_begun))

    @prompt
    async def retry(self, job_id: str, user_id: str) -> Job | None:
        """Retry: a failed job goes on where it stopped. None where there is none, or its tokens or file are gone."""
        query = {**failed(job_id, user_id), "$or": [{"access_token": {"$ne": None}}, {"upload_id": {"$ne": None}}]}
        status = {"$cond": [{"$gt": ["$processed_contacts", 0]}, Status.PROCESSING, Status.FETCHING]}
        return await apply(self._jobs, query, change(AGAIN, status=status, not_before=NOW, set_going_at=NOW))

    @translated
    async def expire(self, job_id: str, user_id: str) -> Job | None:
        """Expire: the consent, or the end of the exchange, never came."""
        message = "The account was not connected in time. Please start the import again."
        values = {"status": Status.FAILED, "error_message": message, "state_hash": None, **NO_TOKENS}
        query = {"_id": job_id, "user_id": user_id, "status": Status.AUTHENTICATING, **DUE}
        return await end(self._jobs, query, self._told(change(values, **ending(expired_state="$state_hash"))))

    @translated
    async def forget(self, job_id: str, user_id: str) -> None:
        """Forget: a failed job gives up its tokens, or its file, when the time for a retry has passed."""
        query = {"_id": job_id, "user_id": user_id, "status": Status.FAILED, **DUE}
        await self._jobs.update_one(query, quietly({**NO_TOKENS, "upload_id": None}, not_before=NEVER))

    @translated
    async def settle(self, job: Job, counts: dict[str, int]) -> Job | None:
        """Settle: a cancelled job's counters become what stands in the database, and its end is told, once."""
        query = {"_id": job.id, "user_id": job.user_id, "status": Status.CANCELLED, "fence": job.fence}
        total = {"$max": ["$total_contacts", counts["processed_contacts"]]}
        settled = change(counts, lease_owner=None, not_before=NEVER, total_contacts=total)
        first = {"$ne": [{"$type": "$not_before"}, "missing"]}
        return await apply(self._jobs, query, self._told(settled, first))

    @prompt
    async def get(self, job_id: str, user_id: str) -> Job | None:
        """The job, if it is this person's."""
        document = await self._shown.find_one({"_id": job_id, "user_id": user_id}, SHOWN)
        return as_job(document) if document else None

    @translated
    async def these(self, job_ids: list[str]) -> dict[str, Job | None]:
        """Those of the jobs that there are, whoever's they are: for those who follow them, and were let in before.

        By their ids; None for one that cannot be read.
        """
        return {one["_id"]: if_readable(one) async for one in self._shown.find({"_id": {"$in": job_ids}}, SHOWN)}

    @translated
    async def due(self, statuses: frozenset[Status], limit: int, but: Sequence[str] = ()) -> list[Job]:
        """Jobs in one of these statuses that the engine has to look at now, the longest waiting first, `but` some."""
        query = {"not_before": {"$exists": True}, "status": {"$in": sorted(statuses)}, **KNOWN_KINDS, **DUE}
        query |= {"_id": {"$nin": but}} if but else {}
        found = self._jobs.find(query, DUE_FIELDS, sort=[("not_before", ASCENDING)], batch_size=limit)
        return await readable(self._jobs, found, limit)
