"""Databases for the tests, one after the other: to empty one takes a tenth of the time that a new one does."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

MANY = 2000
"""With more documents than these in a collection a new database is the faster way."""


class Databases:
    """Those of one mongod. Whatever a test has done to one, the next test does not see it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: MongoClient[dict[str, Any]] = MongoClient(uri)
        self._clean: list[str] = []
        self._shape: dict[str, Any] = {}

    def close(self) -> None:
        """What was made goes with the mongod."""
        self._client.close()

    @contextmanager
    def one(self) -> Iterator[str]:
        """The address of a database that nobody else uses meanwhile."""
        name = self._clean.pop() if self._clean else f"test_{uuid.uuid4().hex}"
        yield self._uri.replace("/everreach?", f"/{name}?")
        if self._emptied(name):
            self._clean.append(name)
        else:
            self._client.drop_database(name)

    def learn(self, uri: str) -> None:
        """Take the collections and indexes of this database for those that every other is to have."""
        self._shape = self._shape_of(uri.partition("?")[0].rpartition("/")[2])

    def _emptied(self, name: str) -> bool:
        if self._shape_of(name) != self._shape:
            return False
        collections = [self._client[name][each] for each in self._shape]
        if any(each.estimated_document_count() > MANY for each in collections):
            return False
        for each in collections:
            each.delete_many({})
        return True

    def _shape_of(self, name: str) -> dict[str, Any]:
        database = self._client[name]
        return {
            each["name"]: (each["options"], database[each["name"]].index_information())
            for each in database.list_collections()
        }
