"""Status: one job now, or as soon as it has changed. Every client asks every two seconds: it must cost little."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from tornado.web import Finish

from everreach.documents import StatusDocument, View
from everreach.errors import JobNotFoundError, TooManyRequestsError, UnavailableError
from everreach.logs import about_job
from everreach.oauth_state import is_job_id
from everreach.tokens import Caller
from handlers.base import BaseHandler
from handlers.operation import Answer, Tag, operation
from handlers.params import JOB_ID, Header, Seconds, Whole

LONGEST_WAIT_SECONDS: Final = 45.0
"""Proxies cut a line on which nothing comes after 50 or 60 seconds."""

FOLLOWING: Final = (JobNotFoundError, TooManyRequestsError, UnavailableError)
"""What may befall whoever asks for the state of a job."""

_SINCE: Final = Whole(
    "since", "The version that the client knows already. Without one nothing is waited for.", 7, default=-1
)
_WAIT: Final = Seconds(
    "wait", "For how many seconds to wait for a version above `since`, without an exponent; above 45 counts as 45.", 30
)
_KNOWN: Final = Header("If-None-Match", "The `ETag` of the last answer.", '"7"')
_TAG: Final = {"ETag": "The version, in quotation marks."}


class ViewHandler(BaseHandler):
    """Whatever shows the states of one job to its owner."""

    _gone = False

    def on_connection_close(self) -> None:
        """Remember it: Tornado says so once, and that may be before anything was begun for this client."""
        super().on_connection_close()
        self._gone = True

    async def admit(self, job_id: str, caller: Caller) -> View:
        """The job now. Counts as one request; a stranger's job is JobNotFoundError.

        Where the client has gone meanwhile, the request ends here.
        """
        await self.services.limits.hit(self.services.config.status_rate, "status", caller.user_id)
        if not is_job_id(job_id):
            raise JobNotFoundError
        about_job(job_id)
        view = await self.services.watch.view(job_id, caller.user_id)
        if self._gone:
            raise Finish
        return view


class Alarm:
    """While inside, a timer runs; whatever happens, it ends with the block. Thousands are held, so it is kept small."""

    __slots__ = ("_ring", "_seconds", "_timer")

    def __init__(self, seconds: float, ring: Callable[[], None]) -> None:
        self._seconds = seconds
        self._ring = ring

    def __enter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._ring)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def seconds_left(caller: Caller) -> float:
    """How long what the caller's token allows may still be held."""
    return max(0.0, caller.expires_at - time.time())


class StatusHandler(ViewHandler):
    """The job now; with `since` and `wait` a long-poll."""

    frequent = True
    _waiting: "_Wait | None" = None

    @operation(
        "getStatus",
        Tag.JOBS,
        takes=(JOB_ID, _SINCE, _WAIT, _KNOWN),
        answers=(
            Answer(200, "The job now.", StatusDocument, headers=_TAG),
            Answer(304, "The client has it already.", headers=_TAG),
        ),
        errors=FOLLOWING,
    )
    async def get(self, job_id: str, caller: Caller, since: int, wait: float, if_none_match: str | None) -> None:
        """The job now, or as soon as it has changed

        Without parameters the job as it is. With `since` and `wait` a long-poll: it answers as soon as the job's
        version is greater than `since`, at once where the job has ended, and with the unchanged job when the time is
        up or the token expires. HEAD never waits.

        An import runs while its status is `fetching` or `processing`, also while it waits for a worker or for the
        provider. 60 in any minute for each person; a long-poll counts once.
        """
        view = await self.admit(job_id, caller)
        if wait and not view.ended and view.version <= since and self.request.method == "GET":
            view = await self._next(job_id, caller, since, min(wait, LONGEST_WAIT_SECONDS, seconds_left(caller)))
        self._answer(view, known=if_none_match is not None)

    def on_connection_close(self) -> None:
        """Wait for nobody."""
        super().on_connection_close()
        if self._waiting:
            self._waiting.leave()

    async def _next(self, job_id: str, caller: Caller, since: int, seconds: float) -> View:
        services, waiting = self.services, _Wait(since)
        self._waiting, self.held = waiting, True
        with (
            Alarm(seconds, waiting.leave),
            services.watch.following(job_id, waiting),
            services.followers.holding(waiting),
        ):
            # The state may have come between the look before and the following.
            waiting.show(await services.watch.view(job_id, caller.user_id))
            await waiting.over
            return await services.watch.view(job_id, caller.user_id)

    def _answer(self, view: View, *, known: bool) -> None:
        self.set_header("Etag", f'"{view.version}"')
        if known and self.check_etag_header():
            self.set_status(304)
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(view.body)


class _Wait:
    """A follower that wants one state: the first after `since`."""

    kind = "long_poll"

    def __init__(self, since: int) -> None:
        self._since = since
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def show(self, view: View) -> None:
        if view.version > self._since or view.ended:
            self.leave()

    def gone(self) -> None:
        self.leave()

    def beat(self) -> None:
        """A client that waits for less than a minute needs no sign of life."""

    def leave(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
