"""Files that people send: stored in pieces as they come, so that any node can read on, and gone when nobody needs them.

An upload has the id of the job that it is for. Its document says when it has to be looked at (`look_at`): whoever looks
finds a job that still needs it, or deletes it. So a broken upload, a file that nobody began and that of a job which has
ended disappear in one way, whoever was killed meanwhile. A TTL of a week does it again.
"""

from contextlib import suppress
from typing import Any, Final, NamedTuple

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from everreach.errors import FileGoneError
from everreach.jobs.job import RUNNING, Status
from storage.indexes import JOBS, UPLOAD_CHUNKS, UPLOADS
from storage.mongo import Database, Document, prompt, translated
from storage.transitions import NOW, after, quietly

PIECE_BYTES: Final = 1024 * 1024
"""Bytes of each piece but the last, so that the piece with any byte of the file follows from the byte's place."""

SILENCE_SECONDS: Final = 120
"""How long after its last sign an upload counts as broken."""

LOOK_SECONDS: Final = 60
"""How often a file that waits for its person is looked at again."""

LOOK_AGAIN_SECONDS: Final = 5
"""The same for one that is being imported: it goes soon after its job's end."""

KEPT_SECONDS: Final = 7 * 86400
"""When a file goes whatever else happens; a week of retries is enough."""

_SPARED: Final = (Status.COMPLETED, Status.CANCELLED)


class Upload(NamedTuple):
    """Whose file it is; its `id` is that of the job that it is for."""

    id: Any
    user_id: Any


class UploadStore:
    """The files as bytes. What they mean is for others to say."""

    def __init__(self, database: Database) -> None:
        self._uploads = database[UPLOADS]
        self._pieces = database[UPLOAD_CHUNKS]
        self._jobs = database[JOBS]

    @prompt
    async def open(self, upload: Upload) -> None:
        """Open: a file begins to come. For SILENCE_SECONDS after each sign of it nobody takes it for broken."""
        moments = {"look_at": after(SILENCE_SECONDS), "created_at": NOW, "expires_at": after(KEPT_SECONDS)}
        new = {**_of(upload), "received": {"$exists": False}}
        await self._uploads.update_one(new, quietly({"received": 0}, **moments), upsert=True)

    @prompt
    async def add(self, upload: Upload, n: int, data: bytes) -> None:
        """Add: piece `n` is stored, once however often it comes. Raises FileGoneError where the upload was given up."""
        piece = {"user_id": upload.user_id, "upload_id": upload.id, "n": n}
        # Of two that store the same piece at the same moment one is refused.
        with suppress(DuplicateKeyError):
            await self._pieces.update_one(piece, quietly({"data": data}, expires_at=after(KEPT_SECONDS)), upsert=True)
        await self._sign(upload, n * PIECE_BYTES + len(data), SILENCE_SECONDS)

    @prompt
    async def touch(self, upload: Upload) -> None:
        """Touch: more is coming, though no piece is whole yet. Raises FileGoneError where the upload was given up."""
        await self._sign(upload, 0, SILENCE_SECONDS)

    @prompt
    async def note(self, upload: Upload, overview: Document) -> None:
        """Note: what only the whole file says stands beside it. Raises FileGoneError where the upload was given up."""
        noted = await self._uploads.update_one(_of(upload), quietly({"overview": overview}))
        if not noted.matched_count:
            raise FileGoneError

    @translated
    async def overview(self, upload: Upload) -> Document:
        """What note() was given; nothing where it was given nothing. Raises FileGoneError."""
        found = await self._uploads.find_one(_of(upload), ["overview"])
        if found is None:
            raise FileGoneError
        return dict(found.get("overview") or {})

    @translated
    async def piece(self, upload: Upload, n: int) -> bytes:
        """The piece. Raises FileGoneError where it is not there (any more)."""
        found = await self._pieces.find_one({"user_id": upload.user_id, "upload_id": upload.id, "n": n}, ["data"])
        if found is None:
            raise FileGoneError
        return bytes(found["data"])

    @translated
    async def delete(self, upload: Upload) -> None:
        """Delete: the pieces first. As long as the upload's own document is there, somebody looks at it again."""
        await self._pieces.delete_many({"user_id": upload.user_id, "upload_id": upload.id})
        await self._uploads.delete_one(_of(upload))

    @translated
    async def due(self, limit: int, but: list[Any]) -> list[Upload]:
        """Uploads that have to be looked at now, the longest waiting first, `but` some."""
        query: Document = {"look_at": {"$exists": True}, "$expr": {"$lte": ["$look_at", NOW]}}
        query |= {"_id": {"$nin": but}} if but else {}
        found = self._uploads.find(query, {"user_id": 1}).sort("look_at", ASCENDING).limit(limit)
        return [Upload(one["_id"], one.get("user_id")) async for one in found]

    @translated
    async def tidy(self, upload: Upload) -> bool:
        """Tidy: delete the file unless a job needs it, and then look again later; whether it was deleted.

        A job needs its file until it has completed or was cancelled, and for as long as it could be retried.
        """
        needs = {"_id": upload.id, "user_id": upload.user_id, "upload_id": upload.id}
        if job := await self._jobs.find_one({**needs, "status": {"$nin": sorted(_SPARED)}}, ["status"]):
            seconds = LOOK_AGAIN_SECONDS if job["status"] in RUNNING else LOOK_SECONDS
            await self._uploads.update_one(_of(upload), quietly(look_at=after(seconds)))
            return False
        await self.delete(upload)
        return True

    async def _sign(self, upload: Upload, received: int, seconds: float) -> None:
        most = {"$max": ["$received", received]}
        signed = await self._uploads.update_one(_of(upload), quietly(received=most, look_at=after(seconds)))
        if not signed.matched_count:
            # Somebody took it for broken, or erased its person: what came later than that must not stay.
            await self._pieces.delete_many({"user_id": upload.user_id, "upload_id": upload.id})
            raise FileGoneError


def _of(upload: Upload) -> Document:
    return {"_id": upload.id, "user_id": upload.user_id}
