"""A file as a source: it comes in, its columns are named, and the import begins."""

from typing import Final

from msgspec.structs import astuple

from everreach.errors import (
    ConflictError,
    JobNotFoundError,
    TooManyRequestsError,
    UnavailableError,
    UnsupportedFileError,
)
from everreach.jobs.job import Job, Status
from everreach.jobs.options import Options
from everreach.jobs.status_document import StatusDocument
from everreach.security.authenticator import Caller
from everreach.uploads.first_look import Seen, Ways
from handlers.asked import HowToRead, Wishes
from handlers.bodies import SeenColumn, Uploaded
from handlers.incoming_file import IncomingFileHandler
from handlers.jobs import JobHandler
from handlers.operation import Answer, Tag, operation
from handlers.parameters import JOB_ID, Choice, Region, Text

_FILENAME: Final = Text("filename", "What the file is called, for its owner to recognise it.", "contacts.csv")
_REGION: Final = Region("region", "Where phone numbers without a country are from, ISO 3166.", "GB")
_BEGIN: Final = Choice("begin", "Whether to begin at once where nothing has to be asked.", "true", ("true", "false"))


class UploadHandler(IncomingFileHandler):
    """Takes a file, and makes a job that waits for its columns to be named."""

    parameters = (_FILENAME, _REGION, _BEGIN)

    @operation(
        "uploadFile",
        Tag.FILES,
        takes=parameters,
        answers=(Answer(201, "The file is stored, and its job waits for `begin`, or has begun.", Uploaded),),
        errors=(UnsupportedFileError, TooManyRequestsError, UnavailableError),
        media_types=("text/csv", "text/vcard", "application/octet-stream", "multipart/form-data"),
    )
    async def post(self, caller: Caller, *, filename: str | None, region: str | None, begin: str | None) -> None:
        """Upload a CSV or vCard file

        The body is the file, whatever its `Content-Type` says, or `multipart/form-data` with one file; packed by gzip
        or not. The answer says what was understood of it: `begin` names the columns where that is wrong. With
        `begin=true` the import begins at once where nothing has to be asked: a vCard, or a CSV whose columns with
        e-mail addresses, phones or names are certain.

        A file that nobody begins is deleted after a day. Ten in any hour for each person, two at once.
        """
        file = await self.whole()
        options = Wishes(region=region).over(self.services.config.import_options)
        seen = await self.services.files.receive(file, self.look, filename or self.filename, options)
        self.keep()
        job = await self._begun(file.upload.id, caller.user_id) if begin == "true" and seen.certain else None
        self.set_status(201)
        self.write_json(_uploaded(file.upload.id, seen, job))

    async def _begun(self, job_id: str, user_id: str) -> Job:
        job = await self.services.files.begin(job_id, user_id, Ways(), _as_said)
        self.services.commands.go(job)
        return job


class BeginHandler(JobHandler):
    """The person says how a file is to be read."""

    @operation(
        "beginImport",
        Tag.FILES,
        takes=(JOB_ID,),
        answers=(Answer(200, "The job, under way.", StatusDocument),),
        errors=(JobNotFoundError, ConflictError, TooManyRequestsError, UnavailableError),
        body=HowToRead,
    )
    async def post(self, job_id: str, caller: Caller, body: HowToRead) -> None:
        """Begin the import of a file

        What is left out stays as the upload's answer had it. `mapping` says what columns hold, by their index; `ignore`
        leaves one out. A column that is not there, a field that is unknown, and one that is named twice and can be
        there only once are 400. Once it has begun this is 409.
        """
        present = await self.job_of(caller.user_id, job_id)
        if present.status is not Status.PENDING:
            raise ConflictError("The import of this file has begun already, or has ended.")
        job = await self.services.files.begin(job_id, caller.user_id, body.ways, body.over)
        self.services.commands.go(job)
        self.write_json(StatusDocument.of(job))


def _as_said(options: Options) -> Options:
    return options


def _uploaded(job_id: str, seen: Seen, job: Job | None) -> Uploaded:
    reading = seen.reading
    return Uploaded(
        job_id=job_id,
        provider=seen.provider,
        status=job.status if job else Status.PENDING,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        header_row=reading.header_row,
        columns=[SeenColumn(*astuple(column)) for column in seen.columns],
        records=seen.records,
        warnings=list(seen.warnings),
    )
