"""Takes a file in as it comes: unpacks it, counts it, and stores it in pieces, of which it keeps one at the most."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from everreach.errors import BadRequestError, FileGoneError, PayloadTooLargeError
from everreach.uploads.gunzip import MAGIC, Gunzip
from storage.files.uploads import PIECE_BYTES, SILENCE_SECONDS, Upload, UploadStore

_SIGN_SECONDS: Final = SILENCE_SECONDS / 4
_EMPTY: Final = "The file is empty."


class Reception:
    """One file on its way in, at most `limit` bytes of it as received and as unpacked.

    `see` is shown all of its bytes, in order. Whatever is raised, discard() leaves nothing behind.
    """

    def __init__(self, uploads: UploadStore, upload: Upload, limit: int, see: Callable[[bytes], object]) -> None:
        self._uploads = uploads
        self.upload = upload
        self._limit = limit
        self._see = see
        self._received = 0
        self.size = 0
        """Bytes of the file, unpacked."""
        self._head: bytes | None = b""
        self._gunzip: Gunzip | None = None
        self._piece = bytearray()
        self._stored = 0
        self._signed = time.monotonic()
        self._taking = asyncio.Lock()
        self._over = False

    async def take(self, sent: bytes) -> None:
        """Take the next bytes; when this returns, no more than a piece of the file is in memory.

        Raises PayloadTooLargeError, BadRequestError for a packed file that is damaged, FileGoneError, DatabaseError.
        """
        async with self._taking:
            if self._over:
                raise FileGoneError
            self._received = self._within(self._received + len(sent))
            await self._pass_on(self._begun(sent))
            if time.monotonic() > self._signed + _SIGN_SECONDS:
                await self._uploads.touch(self.upload)
                self._signed = time.monotonic()

    async def finish(self) -> None:
        """The file is whole: store what is left of it. Raises BadRequestError where it is empty or damaged."""
        async with self._taking:
            if self._head is not None:
                await self._pass_on(self._head)
            if self._gunzip:
                self._gunzip.finish()
            if not self.size:
                raise BadRequestError(_EMPTY)
            if self._piece:
                await self._store(len(self._piece))
            else:
                await self._uploads.touch(self.upload)

    async def discard(self) -> None:
        """Leave nothing behind, as soon as what is under way is over."""
        self._over = True
        async with self._taking:
            await self._uploads.delete(self.upload)

    def _begun(self, sent: bytes) -> bytes:
        """What can be judged of the bytes so far: the first few say whether the file is packed."""
        if self._head is None:
            return sent
        self._head += sent
        if len(self._head) < len(MAGIC):
            return b""
        head, self._head = self._head, None
        self._gunzip = Gunzip() if head.startswith(MAGIC) else None
        return head

    async def _pass_on(self, sent: bytes) -> None:
        for data in self._gunzip.feed(sent) if self._gunzip else (sent,):
            await self._keep(data)

    async def _keep(self, data: bytes) -> None:
        self.size = self._within(self.size + len(data))
        self._see(data)
        self._piece += data
        while len(self._piece) >= PIECE_BYTES:
            await self._store(PIECE_BYTES)

    async def _store(self, length: int) -> None:
        data = bytes(memoryview(self._piece)[:length])
        await self._uploads.add(self.upload, self._stored, data)
        del self._piece[:length]
        self._stored += 1
        self._signed = time.monotonic()

    def _within(self, size: int) -> int:
        if size > self._limit:
            raise PayloadTooLargeError(f"The file is too large: {self._limit} bytes are the most, packed or not.")
        return size
