"""The API's description, for programs and for people. Both are made when somebody asks for them first."""

from collections.abc import Callable
from functools import lru_cache

import msgspec

from handlers.base import BaseHandler
from handlers.bodies import OpenApi
from handlers.docs.page import CONTENT_SECURITY_POLICY, render
from handlers.docs.schemas import Json
from handlers.operation import Answer, Tag, operation


class DocumentHandler(BaseHandler):
    """For programs."""

    @operation("getDocument", Tag.SERVICE, anyone=True, answers=(Answer(200, "An OpenAPI document.", OpenApi),))
    async def get(self) -> None:
        """This API, described for programs

        OpenAPI 3.1, to make clients and tests of.
        """
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(_document(self.services.describe))


class DocsHandler(BaseHandler):
    """For people."""

    cacheable = True

    @operation(
        "getDocs",
        Tag.SERVICE,
        anyone=True,
        answers=(Answer(200, "A page.", media_type="text/html", example="<!doctype html>…"),),
    )
    async def get(self) -> None:
        """This API, described for people

        The page that you may be reading. It needs no script, and nothing from another host.
        """
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.write(_page(self.services.describe))


@lru_cache(maxsize=1)
def _document(describe: Callable[[], Json]) -> bytes:
    return msgspec.json.encode(describe())


@lru_cache(maxsize=1)
def _page(describe: Callable[[], Json]) -> bytes:
    return render(describe())
