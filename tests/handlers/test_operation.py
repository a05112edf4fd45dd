"""A method is called with what its description says, and is described by what it is called with."""

from typing import Any, cast

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from everreach.errors import BadRequestError, ConflictError, KeysAwayError, UnauthorizedError
from handlers.base import BaseHandler
from handlers.operation import EVERYWHERE, Answer, Tag, operation, operation_of
from handlers.params import JOB_ID, Header, Whole

ANSWERS = (Answer(204, "Nothing."),)
LIMIT = Whole("limit", "How many.", 20, default=20, least=1, cap=100)
LAST = Header("Last-Event-ID", "What was seen.", "7")


class Asked:
    """As much of a handler as a described method needs."""

    def __init__(self, query: str = "", *, known: bool = True) -> None:
        self.request = HTTPServerRequest(
            start_line=RequestStartLine("GET", f"/?{query}", "HTTP/1.1"),
            headers=HTTPHeaders({"Host": "x", "last-event-id": "3"}),
        )
        self.known = known
        self.got: dict[str, Any] = {}

    def receive(self, *, form: bool) -> None:
        assert not form

    async def caller(self) -> str:
        if not self.known:
            raise UnauthorizedError
        return "ada"

    @operation("take", Tag.JOBS, answers=ANSWERS, takes=(JOB_ID, LIMIT, LAST), errors=(ConflictError,))
    async def take(self, job_id: str, **given: object) -> None:
        self.got = {"job_id": job_id, **given}

    @operation("tell", Tag.SERVICE, answers=ANSWERS, anyone=True)
    async def tell(self, **given: object) -> None:
        self.got = given

    @operation("send", Tag.SERVICE, answers=ANSWERS, anyone=True, whatever_comes=True)
    async def send(self) -> None:
        self.got = {}


async def got(asked: Asked, name: str, *path: str) -> dict[str, Any]:
    await getattr(Asked, name)(cast("BaseHandler", asked), *path)
    return asked.got


@pytest.mark.gen_test
async def test_a_method_gets_its_caller_and_each_parameter_by_its_name() -> None:
    assert await got(Asked("limit=7&other=1"), "take", "a-job") == {
        "job_id": "a-job",
        "caller": "ada",
        "limit": 7,
        "last_event_id": "3",
    }
    assert (await got(Asked(), "take", "a-job"))["limit"] == 20
    assert (await got(Asked("limit=101"), "take", "a-job"))["limit"] == 100


@pytest.mark.gen_test
async def test_who_is_calling_comes_before_what_they_say() -> None:
    with pytest.raises(UnauthorizedError):
        await got(Asked("limit=x", known=False), "take", "a-job")
    with pytest.raises(BadRequestError, match="limit"):
        await got(Asked("limit=x"), "take", "a-job")


@pytest.mark.gen_test
async def test_what_is_for_anyone_asks_for_nobody() -> None:
    assert await got(Asked(known=False), "tell") == {}


def test_a_description_knows_what_may_go_wrong() -> None:
    took, told, sent = (operation_of(getattr(Asked, name)) for name in ("take", "tell", "send"))
    assert took is not None
    assert took.takes == (JOB_ID, LIMIT, LAST)
    assert set(took.errors) == {*EVERYWHERE, UnauthorizedError, KeysAwayError, ConflictError}
    assert told is not None
    assert set(told.errors) == set(EVERYWHERE)
    assert sent is not None
    assert sent.errors == ()
    assert operation_of(Asked.caller) is None
