"""Many documents in one round trip, and what the database says of each that it refuses."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, Final
from weakref import WeakKeyDictionary

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from everreach.errors import DatabaseAwayError
from storage.mongo import PASSING_CODES, Collection

DUPLICATE: Final = 11000
"""The database's code for a document that a unique index refuses."""

DOCUMENT_LIMIT: Final = 16 * 1024 * 1024
"""Bytes, https://www.mongodb.com/docs/manual/reference/limits/."""

AT_ONCE: Final = 2
"""Bulk writes that a process has under way: more only keep each other, and whoever asks for a status, waiting."""

UNENCODABLE: Final = (bson.errors.BSONError, OverflowError, UnicodeError)

_LENGTH: Final = Struct("<i")
_OBJECT_ID: Final = Struct(">IQ")
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class ObjectIds:
    """New ids of one process, in the order of their making.

    ObjectId() asks the system for the process and takes a lock for each, which in a bulk adds up to a tenth of our
    time. The form is the same, https://www.mongodb.com/docs/manual/reference/bson-types/#objectid.
    """

    def __init__(self) -> None:
        self._process = int.from_bytes(os.urandom(5)) << 24
        self._count = itertools.count(int.from_bytes(os.urandom(3)))

    def __next__(self) -> ObjectId:
        seconds = int(time.time()) & 0xFFFFFFFF
        return ObjectId(_OBJECT_ID.pack(seconds, self._process | next(self._count) & 0xFFFFFF))


class Template:
    """Fields that many documents share, encoded once for all of them."""

    def __init__(self, shared: Mapping[str, Any]) -> None:
        # A document is its length, its fields one after the other, and a zero: https://bsonspec.org/spec.html.
        self._tail = bson.encode(shared)[_LENGTH.size :]

    def encode(self, own: Mapping[str, Any]) -> RawBSONDocument:
        """A document of its `own` fields and then the shared ones. Raises one of UNENCODABLE."""
        head = bson.encode(own)[_LENGTH.size : -1]
        size = _LENGTH.size + len(head) + len(self._tail)
        if size > DOCUMENT_LIMIT:
            raise bson.errors.InvalidDocument("The document is too large.")
        return RawBSONDocument(_LENGTH.pack(size) + head + self._tail)


async def insert_all(
    collection: Collection, documents: Sequence[RawBSONDocument], check: Callable[[], None] | None = None
) -> dict[int, int]:
    """Insert what can be inserted. Returns the refused ones: place in `documents` -> the database's error code.

    `check` is called last of all before they are sent, and may raise.
    """
    if not documents:
        return {}
    async with _gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        if check:
            check()
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            refused = {problem["index"]: problem["code"] for problem in error.details["writeErrors"]}
            # Neither "not acknowledged by a majority" nor "the primary went away" says anything about a document.
            if error.details["writeConcernErrors"] or PASSING_CODES.intersection(refused.values()):
                raise DatabaseAwayError from error
            return refused
    return {}
