"""Coroutines that outlive the request that began them: owned until they are over, and their failures told."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from everreach.errors import CallbackError, EverReachError, ProviderError
from everreach.observability.logs import describe
from providers.oauth import OPERATORS_ERRORS

_log = logging.getLogger(__name__)

T = TypeVar("T")


class OwnedTasks:
    """The tasks that nobody may be waiting for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Begin; `name` says in the log what failed."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    async def stop(self, seconds: float) -> None:
        """Wait so long for what is under way, and for what that begins; then break it off."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._tasks and (left := until - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        for task in self._tasks:
            task.cancel()

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, EverReachError):
            _tell(task.get_name(), error)
        elif error:
            _log.error("the %s failed on %s", task.get_name(), describe(error))


def _tell(name: str, error: EverReachError) -> None:
    """The provider's own text stays out of the log; only a known word of its is in it."""
    if isinstance(error, CallbackError):
        return  # An answer, and no failure: the app is told.
    word = error.oauth_error if isinstance(error, ProviderError) else None
    level = logging.ERROR if word in OPERATORS_ERRORS else logging.WARNING
    _log.log(level, "the %s failed: %s", name, word or type(error).__name__)
