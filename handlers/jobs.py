"""A person's jobs: the list, an end or a new try by the person's will, and what became of each contact."""

from datetime import datetime
from typing import Any

from everreach.errors import ConflictError, JobNotFoundError
from everreach.job import Job, Status, iso
from everreach.logs import about_job
from everreach.oauth_state import is_job_id
from handlers import params
from handlers.base import BaseHandler
from handlers.start import ConsentHandler
from storage.ledger import ACTIONS


class JobHandler(BaseHandler):
    """Whatever concerns one job of the caller's."""

    async def job_of(self, user_id: str, job_id: str) -> Job:
        """The job. A stranger's, an unknown and a malformed id raise the same JobNotFoundError."""
        job = await self.services.jobs.get(job_id, user_id) if is_job_id(job_id) else None
        if job is None:
            raise JobNotFoundError
        about_job(job.id)
        return job


class ListHandler(BaseHandler):
    """The caller's jobs, newest first."""

    async def get(self) -> None:
        """A page of them."""
        user_id = (await self.caller()).user_id
        limit, offset = params.page(self.request)
        providers = self.services.providers
        query = {
            "user_id": user_id,
            "provider": params.choice(self.request, "provider", providers, ", ".join(providers)),
            "status": params.choice(self.request, "status", set(Status), ", ".join(Status)),
        }
        chosen = {name: value for name, value in query.items() if value is not None}
        jobs, total = await self.services.jobs.history(chosen, limit, offset)
        self.write_json({"jobs": [job.row() for job in jobs], "total": total, "limit": limit, "offset": offset})


class CancelHandler(JobHandler):
    """The person ends a job."""

    async def post(self, job_id: str) -> None:
        """The status document, or 409 where the job has ended already."""
        user_id = (await self.caller()).user_id
        await self.job_of(user_id, job_id)
        job = await self.services.jobs.cancel(job_id, user_id)
        if job is None:
            raise ConflictError
        self.services.runner.call_off(job_id)
        self.services.watch.offer(job)
        self.write_json(job.view())


class RetryHandler(ConsentHandler, JobHandler):
    """The person wants a failed job to go on."""

    async def post(self, job_id: str) -> None:
        """{"job_id", "provider"}, and an `authorization_url` where a new consent is needed; 409 unless it failed."""
        user_id = (await self.caller()).user_id
        present = await self.job_of(user_id, job_id)
        if present.status is not Status.FAILED:
            raise ConflictError("Only a failed import job can be retried.")
        name = present.provider
        answer = {"job_id": job_id, "provider": name}
        job = await self.services.jobs.retry(job_id, user_id)
        if job:
            self.services.watch.offer(job)
            self.services.runner.spawn(job)
        else:
            answer["authorization_url"] = await self._ask_again(job_id, user_id, name)
        self.write_json(answer)

    async def _ask_again(self, job_id: str, user_id: str, name: str) -> str:
        consent = self.new_consent(job_id, user_id, self.provider(name))
        ttl = self.services.config.oauth_state_ttl_seconds
        if await self.services.jobs.reauthorize(consent.state, consent.verifier, ttl) is None:
            raise ConflictError("Only a failed import job can be retried.")
        return consent.url


class ContactsHandler(JobHandler):
    """What became of each contact."""

    async def get(self, job_id: str) -> None:
        """A page of ledger rows."""
        user_id = (await self.caller()).user_id
        limit, offset = params.page(self.request)
        action = params.choice(self.request, "action", ACTIONS, ", ".join(ACTIONS))
        job = await self.job_of(user_id, job_id)
        rows, total = await self.services.ledger.page(job, action, limit, offset)
        self.write_json({"contacts": [_shown(row) for row in rows], "total": total, "limit": limit, "offset": offset})


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    made: datetime = row["created_at"]
    contact_id = row["contact_id"]
    return {**row, "contact_id": str(contact_id) if contact_id else None, "created_at": iso(made)}
