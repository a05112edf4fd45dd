"""A file becomes a job, which waits for its columns to be named, and goes."""

import asyncio
from collections.abc import Callable
from typing import Final

from everreach.contacts.texts import text
from everreach.errors import ConflictError
from everreach.jobs.job import Job
from everreach.jobs.options import Options
from everreach.uploads.first_look import FileWatch, Seen, Ways, look
from everreach.uploads.open_cards import stored
from everreach.uploads.reception import Reception
from storage.files.uploads import Upload, UploadStore
from storage.jobs import JobStore

NAME_LIMIT: Final = 255
"""Characters kept of a file's name."""

_BEGUN: Final = "The import of this file has begun already, or has ended."


class Files:
    """Makes jobs of files that have come."""

    def __init__(self, uploads: UploadStore, jobs: JobStore) -> None:
        self._uploads = uploads
        self._jobs = jobs

    async def receive(self, file: Reception, seen_by: FileWatch, name: str | None, options: Options) -> Seen:
        """Make a job of a file that is whole, and that its owner calls `name`.

        Raises UnsupportedFileError or BadRequestError for what cannot be one.
        """
        head = await self._uploads.piece(file.upload, 0)
        # An encoding that has to be guessed may take a tenth of a second.
        encoding = await asyncio.to_thread(seen_by.encoding)
        overview = seen_by.overview()
        seen = look(head, file.size, encoding, seen_by.records)
        if seen.provider == "vcard":
            await self._uploads.note(file.upload, stored(overview))
        shown = (text(name) or "")[:NAME_LIMIT] or None
        await self._jobs.receive(
            *file.upload, provider=seen.provider, name=shown, reading=seen.reading, options=options
        )
        return seen

    async def begin(self, job_id: str, user_id: str, ways: Ways, options: Callable[[Options], Options]) -> Job:
        """Let the import go. Raises ConflictError once it has begun, BadRequestError for `ways` that there are not."""
        job = await self._jobs.received(job_id, user_id)
        if job is None or job.reading is None:
            raise ConflictError(_BEGUN)
        head = await self._uploads.piece(Upload(job_id, user_id), 0)
        seen = look(head, job.reading.size, job.reading.encoding, 0, ways)
        begun = await self._jobs.set_off(job_id, user_id, seen.reading, options(job.options))
        if begun is None:
            raise ConflictError(_BEGUN)
        return begun
