"""Which files nobody needs any more: looked after by every node, all the time."""

import logging
from typing import Final

from everreach.concurrency.backoff import Backoff
from everreach.concurrency.poller import Poller
from everreach.errors import DatabaseError
from everreach.observability.logs import describe
from storage.files.uploads import Upload, UploadStore

_DUE_LIMIT: Final = 100
_FAILURES: Final = 5  # So many in one look are the database's, and not the files'.
_log = logging.getLogger(__name__)


class UploadTidying:
    """Deletes uploads that broke, and files whose job has ended. Nodes may do the same at once; nothing goes wrong."""

    def __init__(self, uploads: UploadStore) -> None:
        self._uploads = uploads
        self._rests = Backoff()
        self._scan = Poller(self._look, "files to tidy")

    def start(self) -> None:
        """Begin to look."""
        self._scan.start()

    async def stop(self) -> None:
        """Look no longer; what was begun is finished by the next who looks."""
        await self._scan.stop()

    async def _look(self) -> None:
        """Tidy what is due. An upload for which that fails rests, and keeps no other waiting."""
        failures = 0
        due = await self._uploads.due(_DUE_LIMIT, self._rests.resting())
        for upload in due:
            try:
                await self._tidy(upload)
            except Exception as error:
                self._rests.lay(upload.id)
                failures += 1
                if isinstance(error, DatabaseError) or failures == _FAILURES:
                    raise
                _log.error("the file of job %s could not be tidied: %s", upload.id, describe(error))
        if len(due) == _DUE_LIMIT:
            self._scan.nudge()

    async def _tidy(self, upload: Upload) -> None:
        if await self._uploads.tidy(upload):
            _log.info("deleted the file of job %s, which nobody needs any more", upload.id)
