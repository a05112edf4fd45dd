"""A person's jobs: the list, an end or a new try by the person's will, and what became of each contact."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from everreach.errors import (
    BadRequestError,
    ConflictError,
    DatabaseError,
    FileGoneError,
    InvalidProviderError,
    JobNotFoundError,
    NotConfiguredError,
    TooManyRequestsError,
    UnavailableError,
)
from everreach.jobs.job import Job, Status
from everreach.jobs.outcome import Action
from everreach.jobs.status_document import JobSummary, StatusDocument, whole_seconds
from everreach.observability.logs import about_job
from everreach.security.authenticator import Caller
from everreach.security.oauth_state import is_job_id
from everreach.uploads.failed_records import FailedRecords
from handlers.base import BaseHandler
from handlers.bodies import ContactOutcome, ContactPage, JobPage, Retried
from handlers.operation import Answer, Tag, operation
from handlers.parameters import JOB_ID, Choice, Text, Whole
from handlers.start import ConsentHandler
from providers import REGISTRY
from providers.files import FILES
from storage.ledger import ACTIONS

_LIMIT: Final = Whole("limit", "The most on one page; more than 100 counts as 100.", 20, default=20, least=1, cap=100)
_OFFSET: Final = Whole("offset", "How many to leave out from the beginning.", 0, default=0)
_JOB_BEFORE: Final = Text(
    "after", "The id of the job behind which the page begins; `offset` counts from there.", JOB_ID.example
)
_CONTACT_BEFORE: Final = Text(
    "after", "The `provider_contact_id` behind which the page begins; `offset` counts from there.", "people/c4521"
)
_PROVIDER: Final = Choice("provider", "Only jobs of this one.", "google", [one.name for one in REGISTRY])
_STATUS: Final = Choice("status", "Only jobs with this one.", "completed", tuple(Status))
_ACTION: Final = Choice("action", "Only contacts of which this became.", "skipped", ACTIONS)
_FORMAT: Final = Choice(
    "format", "What failed as a CSV, to be mended and uploaded again; with `action=failed`.", "csv", ("json", "csv")
)
_ALWAYS: Final = (TooManyRequestsError, UnavailableError)
_OF_A_JOB: Final = (JobNotFoundError, *_ALWAYS)


class JobHandler(BaseHandler):
    """Whatever concerns the caller's jobs, and is no question for a status."""

    async def count(self, user_id: str) -> None:
        """Count one request. Raises TooManyRequestsError."""
        await self.services.limits.hit(self.services.config.jobs_rate, "jobs", user_id)

    async def job_of(self, user_id: str, job_id: str) -> Job:
        """The job; counts as a request. A stranger's, an unknown and a malformed id raise the same JobNotFoundError."""
        await self.count(user_id)
        job = await self.services.jobs.get(job_id, user_id) if is_job_id(job_id) else None
        if job is None:
            raise JobNotFoundError
        about_job(job.id)
        return job


class ListHandler(JobHandler):
    """The caller's jobs, newest first."""

    @operation(
        "listJobs",
        Tag.JOBS,
        takes=(_LIMIT, _OFFSET, _JOB_BEFORE, _PROVIDER, _STATUS),
        answers=(Answer(200, "A page of jobs.", JobPage),),
        errors=_ALWAYS,
    )
    async def get(
        self, caller: Caller, *, limit: int, offset: int, after: str | None, provider: str | None, status: str | None
    ) -> None:
        """List your imports

        The newest first. `total` counts what the filters leave; an offset past the end gives an empty page. To read a
        long list to its end, name the last job of a page as `after` of the next.

        600 in any minute for each person, together with `contacts`, `cancel` and `retry`.
        """
        await self.count(caller.user_id)
        query = {"user_id": caller.user_id, "provider": provider, "status": status}
        chosen = {name: value for name, value in query.items() if value is not None}
        async with self.services.lanes.lane(caller.user_id):
            jobs, total = await self.services.pages.jobs(chosen, limit, offset, after)
        self.write_json(JobPage(jobs=[JobSummary.of(job) for job in jobs], total=total, limit=limit, offset=offset))


class CancelHandler(JobHandler):
    """The person ends a job."""

    @operation(
        "cancelJob",
        Tag.JOBS,
        takes=(JOB_ID,),
        answers=(Answer(200, "The job, cancelled.", StatusDocument),),
        errors=(*_OF_A_JOB, ConflictError),
    )
    async def post(self, job_id: str, caller: Caller) -> None:
        """Cancel an import

        Ends a job that has not ended. Contacts that were imported stay. The answer has the last counters, for which it
        waits two seconds at most; they grow afterwards only where the job's worker is gone.
        """
        user_id = caller.user_id
        await self.job_of(user_id, job_id)
        job = await self.services.commands.cancel(job_id, user_id)
        if job is None:
            raise ConflictError
        self.write_json(await self._settled(job))

    async def _settled(self, job: Job) -> msgspec.Raw | StatusDocument:
        try:
            return msgspec.Raw((await self.services.hub.view(job.id, job.user_id)).body)
        except DatabaseError:
            # It is cancelled all the same, and somebody settles it.
            return StatusDocument.of(job)


class RetryHandler(ConsentHandler, JobHandler):
    """The person wants a failed job to go on."""

    @operation(
        "retryJob",
        Tag.JOBS,
        takes=(JOB_ID,),
        answers=(Answer(200, "The job goes on, or waits for a new consent.", Retried),),
        errors=(*_OF_A_JOB, ConflictError, InvalidProviderError, NotConfiguredError),
    )
    async def post(self, job_id: str, caller: Caller) -> None:
        """Retry a failed import

        It goes on where it stopped. Where our access to the account is gone, the answer has an `authorization_url` to
        open, as that of `start`, and counts as one.
        """
        user_id = caller.user_id
        present = await self.job_of(user_id, job_id)
        if present.status is not Status.FAILED:
            raise ConflictError("Only a failed import job can be retried.")
        name = present.provider
        consent_page: str | UnsetType = UNSET
        if await self.services.commands.retry(job_id, user_id) is None:
            consent_page = await self._ask_again(job_id, user_id, name)
        self.write_json(Retried(job_id=job_id, provider=name, authorization_url=consent_page))

    async def _ask_again(self, job_id: str, user_id: str, name: str) -> str:
        if name in {kind.name for kind in FILES}:
            raise FileGoneError
        flow = self.flow(name)
        await self.count_consent(user_id)
        url = await self.services.consents.ask_again(job_id, user_id, flow, self.web_app())
        if url is None:
            raise ConflictError("Only a failed import job can be retried.")
        return url


class ContactsHandler(JobHandler):
    """What became of each contact."""

    @operation(
        "listContacts",
        Tag.JOBS,
        takes=(JOB_ID, _LIMIT, _OFFSET, _CONTACT_BEFORE, _ACTION, _FORMAT),
        answers=(
            Answer(200, "A page of outcomes.", ContactPage),
            Answer(200, "What failed.", media_type="text/csv", example="Name,E-mail,error\r\n"),
        ),
        errors=_OF_A_JOB,
    )
    async def get(
        self,
        job_id: str,
        caller: Caller,
        *,
        limit: int,
        offset: int,
        after: str | None,
        action: str | None,
        format: str | None,  # noqa: A002 - So clients call it.
    ) -> None:
        """What became of each contact

        One row for each contact that the provider sent: created, skipped or failed, and why. A contact is skipped as
        `duplicate` where the person has one with that e-mail address already, as `no_email` where it has none, and as
        `unusable_email` where it has only some that are no addresses (a remark, a name that leads to nobody outside a
        company); it fails where the provider sent something that cannot be read or stored.

        To read them all, name the last contact of a page as `after` of the next: an `offset` costs the more the larger
        it is. Of one person two pages are looked up at once and twenty wait; more are 429.

        `action=failed&format=csv` gives all that failed, to be mended and uploaded again: the file's own header and a
        column `error`; a card whole, in a column `card`.
        """
        job = await self.job_of(caller.user_id, job_id)
        if format == "csv":
            await self._failed(job, action)
            return
        async with self.services.lanes.lane(caller.user_id):
            rows, total = await self.services.pages.contacts(job, action, limit, offset, after)
        contacts = [_outcome(row) for row in rows]
        self.write_json(ContactPage(contacts=contacts, total=total, limit=limit, offset=offset))

    async def _failed(self, job: Job, action: str | None) -> None:
        if action != Action.FAILED:
            raise BadRequestError("Only what failed can be had as a CSV: ask for action=failed, too.")
        records = FailedRecords(job.provider, await self.services.jobs.reading(job.id, job.user_id))
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="failed.csv"')
        self.write(f"\ufeff{records.header()}")
        async with self.services.lanes.lane(job.user_id):
            async for rows in self.services.pages.failed(job):
                self.write(records.lines(rows))
                await self.flush()


def _outcome(row: dict[str, Any]) -> ContactOutcome:
    contact_id = str(row["contact_id"]) if row["contact_id"] else None
    return ContactOutcome(**{**row, "contact_id": contact_id, "created_at": whole_seconds(row["created_at"])})
