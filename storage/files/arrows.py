"""The arrows of a job that reads a file, up to the import: from the upload to how it is to be read, or to an end."""

from typing import Final

import msgspec

from everreach.jobs.job import Job, Status
from everreach.jobs.options import Options, Reading
from storage.consents import ConsentStore
from storage.mongo import Document, prompt, translated
from storage.transitions import DUE, DUE_FIELDS, NOW, apply, as_job, bear, change, end, ending

BEGIN_SECONDS: Final = 86400
"""How long a file waits for somebody to say how it is to be read."""

NOBODY_BEGAN: Final = "Nobody began the import of this file within a day. Please upload it again."


class FileJobStore(ConsentStore):
    """The jobs as those see them who bring a file."""

    @prompt
    async def receive(
        self, job_id: str, user_id: str, *, provider: str, name: str | None, reading: Reading, options: Options
    ) -> None:
        """Receive: a job whose file has come, and that waits for a day for its columns to be named.

        The upload has the job's own id; `name` is what the file is called.
        """
        values = {"provider": provider, "status": Status.PENDING, "upload_id": job_id, "provider_account_name": name}
        values |= {"reading": msgspec.to_builtins(reading), "options": msgspec.to_builtins(options)}
        await bear(self._jobs, job_id, user_id, values, BEGIN_SECONDS)

    @prompt
    async def received(self, job_id: str, user_id: str) -> Job | None:
        """The job with how its file is read, if it still waits for its columns to be named."""
        document = await self._jobs.find_one(_waiting(job_id, user_id), DUE_FIELDS)
        return as_job(document) if document else None

    @prompt
    async def reading(self, job_id: str, user_id: str) -> Reading | None:
        """How the job's file is read, also when it has ended; None where there is no file."""
        document = await self._jobs.find_one({"_id": job_id, "user_id": user_id}, ["reading"])
        found = (document or {}).get("reading")
        return msgspec.convert(found, Reading) if found else None

    @prompt
    async def set_off(self, job_id: str, user_id: str, reading: Reading, options: Options) -> Job | None:
        """Set off: it is known how the file is read, and the import goes. None where the job waits for that no more."""
        values = {"status": Status.FETCHING, "reading": msgspec.to_builtins(reading)}
        values |= {"options": msgspec.to_builtins(options)}
        going = change(values, not_before=NOW, set_going_at=NOW)
        return await apply(self._jobs, _waiting(job_id, user_id), going)

    @translated
    async def discard(self, job_id: str, user_id: str) -> Job | None:
        """Discard: nobody said in time how the file is to be read."""
        values = {"status": Status.FAILED, "error_message": NOBODY_BEGAN, "upload_id": None}
        query = {**_waiting(job_id, user_id), **DUE}
        return await end(self._jobs, query, self._told(change(values, **ending())))


def _waiting(job_id: str, user_id: str) -> Document:
    return {"_id": job_id, "user_id": user_id, "status": Status.PENDING, "upload_id": job_id}
