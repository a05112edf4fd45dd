"""The files that people sent, as a source of contacts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from everreach.errors import FileGoneError, ProviderError
from everreach.jobs.job import Job, Lease
from everreach.uploads.open_cards import OpenCards, restored
from everreach.uploads.open_rows import OpenRows
from providers.paging import Smaller
from providers.source import Reading
from storage.files.uploads import Upload, UploadStore


class FileSource:
    """The files of all jobs that read one."""

    title = "The file"
    counts_more = False

    def __init__(self, uploads: UploadStore) -> None:
        self._uploads = uploads

    @asynccontextmanager
    async def open(self, lease: Lease) -> AsyncIterator[Reading]:
        """Open the job's file. Raises ProviderError where it is no longer kept."""
        try:
            yield await self._opened(lease.job)
        except FileGoneError as error:
            raise ProviderError(error.message) from None

    async def _opened(self, job: Job) -> Reading:
        if job.reading is None or job.upload_id is None:
            raise FileGoneError
        upload = Upload(job.upload_id, job.user_id)
        if job.provider == "csv":
            return OpenRows(job.reading, lambda n: self._uploads.piece(upload, n))
        overview = restored(await self._uploads.overview(upload))
        return OpenCards(job.reading, lambda n: self._uploads.piece(upload, n), overview)

    def smaller(self, position: str | None) -> Smaller | None:
        """A file gives what it has, whatever the size of a page."""
        return None
