"""A file that lies on this machine, taken in like one that a person sends."""

import asyncio
import os
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO, Final

from everreach.errors import EverReachError
from everreach.jobs.options import Options
from everreach.uploads.files import Files
from everreach.uploads.first_look import FileWatch, Seen
from everreach.uploads.reception import Reception
from storage.files.uploads import Upload, UploadStore

_READ_BYTES: Final = 256 * 1024

Taken = Callable[[int, int], object]
"""Is told how many bytes of the file have been taken in, and of how many."""


class LocalFiles:
    """Takes files of at most `limit` bytes in, for any person."""

    def __init__(self, uploads: UploadStore, files: Files, limit: int) -> None:
        self._uploads = uploads
        self._files = files
        self._limit = limit

    async def receive(self, path: Path, user_id: str, options: Options, taken: Taken) -> tuple[Upload, Seen]:
        """Store the file and make its job, which waits to be begun.

        Raises EverReachError where the file cannot be read or is none that can be imported; then nothing of it stays.
        """
        upload, watch = Upload(str(uuid.uuid4()), user_id), FileWatch()
        reception = Reception(self._uploads, upload, self._limit, watch.see)
        with _opened(path) as file:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(reception.discard)
                await self._uploads.open(upload)
                await _take(file, reception, taken)
                seen = await self._files.receive(reception, watch, path.name, options)
                # From here on the file is its job's.
                stack.pop_all()
        return upload, seen


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise EverReachError(f"The file {path} cannot be read: {error.strerror}.") from None


async def _take(file: BinaryIO, reception: Reception, taken: Taken) -> None:
    size, read = os.fstat(file.fileno()).st_size, 0
    while data := await asyncio.to_thread(file.read, _READ_BYTES):
        await reception.take(data)
        read += len(data)
        # A pipe has no size.
        taken(read, max(read, size))
    await reception.finish()
