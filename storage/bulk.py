"""Many documents in one round trip, and what the database says of each that it refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from everreach.errors import DatabaseAwayError
from storage.mongo import PASSING_CODES, Collection

DUPLICATE: Final = 11000
"""The database's code for a document that a unique index refuses."""

DOCUMENT_LIMIT: Final = 16 * 1024 * 1024
"""Bytes, https://www.mongodb.com/docs/manual/reference/limits/."""

UNENCODABLE: Final = (bson.errors.BSONError, OverflowError, UnicodeError)


def encode(document: Mapping[str, Any]) -> RawBSONDocument:
    """The document as BSON, made once. Raises one of UNENCODABLE for what the database cannot hold."""
    encoded = bson.encode(document)
    if len(encoded) > DOCUMENT_LIMIT:
        raise bson.errors.InvalidDocument("The document is too large.")
    return RawBSONDocument(encoded)


async def insert_all(collection: Collection, documents: Sequence[RawBSONDocument]) -> dict[int, int]:
    """Insert what can be inserted. Returns the refused ones: place in `documents` -> the database's error code."""
    if not documents:
        return {}
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        refused = {problem["index"]: problem["code"] for problem in error.details["writeErrors"]}
        # Neither "not acknowledged by a majority" nor "the primary went away" says anything about a document.
        if error.details["writeConcernErrors"] or PASSING_CODES.intersection(refused.values()):
            raise DatabaseAwayError from error
        return refused
    return {}
