"""The arrows of the consent: from the question to the tokens, or to an end. JobStore has the rest of a job's life.

A state serves once. The hash of the one that was spent stays in the job (`consent_hash`), so that a browser that brings
the same answer again can be told what has become of it.
"""

from pymongo.read_concern import ReadConcern

from everreach.jobs.job import Job, Status
from everreach.jobs.transitions import Transition
from everreach.security.oauth_state import State
from storage.indexes import JOBS
from storage.mongo import Database, Document, prompt, translated
from storage.transitions import (
    DUE,
    NEVER,
    NO_TOKENS,
    NOW,
    RETRY_WINDOW_SECONDS,
    after,
    apply,
    as_job,
    begins,
    change,
    end,
    ending,
    leads,
    quietly,
    telling,
)

EXCHANGE_SECONDS = 60
"""How long an exchange of the code may take before its job counts as abandoned."""

AGAIN: Document = {
    "error_message": None,
    "completed_at": None,
    "takeovers": 0,
    "tries": 0,
    "throttled_since": None,
    "raw_forgotten": None,
}
"""What a job that failed forgets when it goes on."""


class ConsentStore:
    """The jobs as the OAuth flow sees them. `announce` says whether anybody is told of a job's end by webhook."""

    def __init__(self, database: Database, *, keep_tokens: bool = False, announce: bool = False) -> None:
        self._jobs = database[JOBS]
        self._keep_tokens = keep_tokens
        self._erased = {} if keep_tokens else NO_TOKENS
        self._told = telling(announce)
        # A status once shown never goes back, not even when a primary is lost: only what a majority holds is shown.
        self._shown = self._jobs.with_options(read_concern=ReadConcern("majority"))

    @prompt
    async def spend(self, state: State, provider: str) -> Job | None:
        """Spend: the state served, once; the job now waits for the exchange. None where the state does not serve."""
        spent = {"state_hash": None, "consent_hash": state.nonce_hash}
        query = _waiting(state, provider, Transition.SPEND)
        return await apply(self._jobs, query, quietly(spent, not_before=after(EXCHANGE_SECONDS)))

    @prompt
    async def deny(self, state: State, provider: str) -> Job | None:
        """Deny: the person said no at the consent page. None where the state does not serve."""
        message = "You did not allow access to your contacts. Start the import again to try once more."
        values = {**leads(Transition.DENY), "error_message": message, "state_hash": None, **NO_TOKENS}
        return await end(self._jobs, _waiting(state, provider, Transition.DENY), self._told(change(values, **ending())))

    @prompt
    async def expired(self, state: State, provider: str) -> bool:
        """Whether this state would have served, had it come in time."""
        query = {"_id": state.job_id, "user_id": state.user_id, "provider": provider, "expired_state": state.nonce_hash}
        late = {**_waiting(state, provider, Transition.SPEND), **DUE}
        return await self._jobs.find_one({"$or": [query, late]}, {"_id": 1}) is not None

    @prompt
    async def consent(self, job: Job, tokens: Document) -> Job | None:
        """Consent: sealed tokens stored and the import set going, in one statement. None where the job has ended."""
        values = {**leads(Transition.CONSENT), "pkce_verifier": None, **tokens}
        going = change(values, not_before=NOW, set_going_at=NOW)
        return await apply(self._jobs, _exchanging(job, Transition.CONSENT), going)

    @prompt
    async def refuse(self, job: Job, message: str) -> Job | None:
        """Refuse: the exchange failed, and with it the job. None where the job has ended."""
        values = {**leads(Transition.REFUSE), "error_message": message, **NO_TOKENS}
        return await end(self._jobs, _exchanging(job, Transition.REFUSE), self._told(change(values, **ending())))

    @prompt
    async def reauthorize(self, state: State, verifier: str, ttl_seconds: float) -> Job | None:
        """Reauthorize: a failed job whose tokens are gone waits for a new consent. None where there is none such."""
        query = {**begins(state.job_id, state.user_id, Transition.REAUTHORIZE), "access_token": None}
        values = {**AGAIN, **leads(Transition.REAUTHORIZE), "state_hash": state.nonce_hash, "pkce_verifier": verifier}
        # Whose address book it was stays known; the name is asked for again, to see that it is the same one.
        values |= {"provider_account_name": None, "reconsented": True, "set_going_at": None, "consent_hash": None}
        return await apply(self._jobs, query, change(values, not_before=after(ttl_seconds)))

    @prompt
    async def consented(self, state: State, provider: str) -> Job | None:
        """The job that this state was spent for, if no other was since."""
        query = {"_id": state.job_id, "user_id": state.user_id, "provider": provider}
        document = await self._shown.find_one({**query, "consent_hash": state.nonce_hash})
        return as_job(document) if document else None

    @translated
    async def keep(self, job: Job, tokens: Document) -> Job | None:
        """Keep: tokens that came after their job had failed serve its retry. None where it has moved on by then."""
        query = begins(job.id, job.user_id, Transition.KEEP)
        query |= {"consent_hash": job.consent_hash, "access_token": None}
        kept_until = NEVER if self._keep_tokens else after(RETRY_WINDOW_SECONDS)
        return await apply(self._jobs, query, quietly(tokens, not_before=kept_until))

    @translated
    async def grants_beside(self, job: Job) -> bool:
        """Whether the job's person has tokens of its provider by another consent than this one, or is about to."""
        exchanging = {"status": Status.AUTHENTICATING, "state_hash": None}
        others = {"user_id": job.user_id, "provider": job.provider, "consent_hash": {"$ne": job.consent_hash}}
        query = {**others, "$or": [{"access_token": {"$ne": None}}, exchanging]}
        return await self._jobs.find_one(query, {"_id": 1}) is not None


def _waiting(state: State, provider: str, transition: Transition) -> Document:
    whose = {**begins(state.job_id, state.user_id, transition), "provider": provider}
    return {**whose, "state_hash": state.nonce_hash, "$expr": {"$gt": ["$not_before", NOW]}}


def _exchanging(job: Job, transition: Transition) -> Document:
    return {**begins(job.id, job.user_id, transition), "state_hash": None, "consent_hash": job.consent_hash}
