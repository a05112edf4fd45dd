"""A file as the body of a request: stored as it comes, at the pace of the database, and left behind by nobody."""

import asyncio
import uuid
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from typing import ClassVar, Final, cast

from tornado.http1connection import HTTP1Connection

from everreach.errors import (
    ApiError,
    DatabaseError,
    EverReachError,
    PayloadTooLargeError,
    UnsupportedFileError,
)
from everreach.observability.logs import about_job
from everreach.security.authenticator import Caller
from everreach.uploads.first_look import FileWatch
from everreach.uploads.gunzip import Gunzip
from everreach.uploads.reception import Reception
from handlers.base import BaseHandler
from handlers.multipart import FORM, FileForm
from handlers.parameters import Given
from storage.files.uploads import Upload

UPLOAD_SECONDS: Final = 3600.0
"""How long a file may take to come: the largest one at a quarter of a megabit a second."""

SILENT_SECONDS: Final = 30.0
"""How long nothing of it may come."""

_FORM_BYTES: Final = 65536  # What a form may have around its file.
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_PLAIN: Final = frozenset({"", "identity"})
_UNKNOWN_PACKING: Final = "A file may be packed by gzip, or not at all."


class IncomingFileHandler(BaseHandler):
    """Whatever takes a file as its body. Who sends it is known, and may, before any of it is read."""

    parameters: ClassVar[tuple[Given, ...]] = ()
    """What the query may say; it is read first."""
    reception: Reception | None = None
    """The file on its way in; None where nothing has been let in."""
    _leaving: AsyncExitStack | None = None
    _caller: Caller
    _kept = False
    _silence: asyncio.TimerHandle | None = None
    _form: FileForm | None = None

    def prepare(self) -> Awaitable[None] | None:
        """Let the person in, or answer before anything of the body is read."""
        if self.request.method != "POST":
            return super().prepare()
        self._allow_frontend()
        self._pieces = bytearray()
        self._leaving = AsyncExitStack()
        return self._admit()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next bytes; no more are read before these are stored."""
        return self._take(chunk) if self.reception else super().data_received(chunk)

    def receive(self, *, form: bool) -> None:
        """The body is whole: nobody can fall silent any more."""
        self._expect(None)

    async def caller(self) -> Caller:
        """Who was let in: a token may end while a file comes."""
        return self._caller

    async def refuse(self, error: EverReachError) -> None:
        """Answer with the error; what was taken is given back before what still comes is waited for."""
        self._leave()
        await super().refuse(error)

    @property
    def filename(self) -> str | None:
        """What the form calls the file."""
        return self._form.filename if self._form else None

    async def whole(self) -> Reception:
        """The file, all of it stored. Raises BadRequestError where something is missing."""
        reception = cast(Reception, self.reception)
        if self._gunzip:
            self._gunzip.finish()
        if self._form:
            self._form.finish()
        await reception.finish()
        return reception

    def keep(self) -> None:
        """The file is a job's now."""
        self._kept = True

    def on_finish(self) -> None:
        """Leave nothing of a file that is no job's."""
        self._leave()

    def on_connection_close(self) -> None:
        """The same for one that broke off."""
        super().on_connection_close()
        self._leave()

    async def _admit(self) -> None:
        try:
            self._caller = await super().caller()
            self._check()
            user_id = self._caller.user_id
            await cast(AsyncExitStack, self._leaving).enter_async_context(self.services.upload_lanes.lane(user_id))
            await self.services.limits.hit(self.services.config.uploads_rate, "uploads", user_id)
            await self._open(user_id)
        except (ApiError, DatabaseError) as error:
            await self.refuse(error)

    def _check(self) -> None:
        """Raise for what the head says already."""
        for parameter in self.parameters:
            parameter.read(self.request)
        length = self.request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:16]) > self._most:
            raise self._too_large()
        packing = self.request.headers.get("Content-Encoding", "").strip().lower()
        if packing not in _GZIP | _PLAIN:
            raise UnsupportedFileError(_UNKNOWN_PACKING)
        self._gunzip = Gunzip() if packing in _GZIP else None
        kind = self.request.headers.get("Content-Type", "")
        self._form = FileForm(kind) if kind.lower().startswith(FORM) else None

    async def _open(self, user_id: str) -> None:
        upload = Upload(str(uuid.uuid4()), user_id)
        about_job(upload.id)
        self._received = 0
        self.look = FileWatch()
        await self.services.uploads.open(upload)
        self.reception = Reception(
            self.services.uploads, upload, self.services.config.everreach_max_upload, self.look.see
        )
        cast(HTTP1Connection, self.request.connection).set_body_timeout(UPLOAD_SECONDS)
        self._expect(SILENT_SECONDS)

    async def _take(self, chunk: bytes) -> None:
        self._expect(None)
        try:
            self._received += len(chunk)
            if self._received > self._most:
                raise self._too_large()
            for data in self._file_of(chunk):
                await cast(Reception, self.reception).take(data)
        except (ApiError, DatabaseError) as error:
            await self.refuse(error)
        else:
            self._expect(SILENT_SECONDS)

    def _file_of(self, chunk: bytes) -> Iterator[bytes]:
        """What these bytes of the body hold of the file."""
        for data in self._gunzip.feed(chunk) if self._gunzip else (chunk,):
            yield from self._form.feed(data) if self._form else (data,)

    def _expect(self, seconds: float | None) -> None:
        """Close the line where nothing comes for so long; wait for nothing with None."""
        if self._silence:
            self._silence.cancel()
        stream = cast(HTTP1Connection, self.request.connection).stream
        self._silence = asyncio.get_running_loop().call_later(seconds, stream.close) if seconds else None

    def _leave(self) -> None:
        """Give back what was taken, once."""
        leaving, self._leaving = self._leaving, None
        if leaving is None:
            return
        self._expect(None)
        self.services.tasks.start(leaving.aclose(), "end of an upload")
        if self.reception and not self._kept:
            self.services.tasks.start(self.reception.discard(), "deletion of an upload")

    @property
    def _most(self) -> int:
        return self.services.config.everreach_max_upload + _FORM_BYTES

    def _too_large(self) -> PayloadTooLargeError:
        return PayloadTooLargeError(
            f"The file is too large: at most {self.services.config.everreach_max_upload} bytes."
        )
