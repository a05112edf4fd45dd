"""Which files nobody needs any more: looked after by every node, all the time."""

import logging
from typing import Final

from everreach.concurrency.one_by_one import OneByOne
from everreach.concurrency.poller import Poller
from storage.files.uploads import Upload, UploadStore

_DUE_LIMIT: Final = 100
_log = logging.getLogger(__name__)


class UploadTidying:
    """Deletes uploads that broke, and files whose job has ended. Nodes may do the same at once; nothing goes wrong."""

    def __init__(self, uploads: UploadStore) -> None:
        self._uploads = uploads
        self._work = OneByOne("the file of job %s could not be tidied: %s")
        self._scan = Poller(self._look, "files to tidy")

    def start(self) -> None:
        """Begin to look."""
        self._scan.start()

    async def stop(self) -> None:
        """Look no longer; what was begun is finished by the next who looks."""
        await self._scan.stop()

    async def _look(self) -> None:
        """Tidy what is due."""
        due = await self._uploads.due(_DUE_LIMIT, self._work.resting())
        await self._work.each(due, lambda upload: upload.id, self._tidy)
        if len(due) == _DUE_LIMIT:
            self._scan.nudge()

    async def _tidy(self, upload: Upload) -> None:
        if await self._uploads.tidy(upload):
            _log.info("deleted the file of job %s, which nobody needs any more", upload.id)
