"""Work on many things one after the other, where one that cannot be done must keep no other waiting."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from everreach.concurrency.backoff import Backoff
from everreach.errors import DatabaseAwayError
from everreach.observability.logs import describe

FAILURES: Final = 5
"""So many in one look are the database's, and not the things'."""

_log = logging.getLogger(__name__)

T = TypeVar("T")


class OneByOne:
    """Does the same for each of many. One for which it fails rests, the longer the oftener; `sentence` is logged."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._rests = Backoff()

    def resting(self) -> list[Any]:
        """The ids of those that are to be left out of the next look."""
        return self._rests.resting()

    async def each(self, things: Iterable[T], id_of: Callable[[T], Any], do: Callable[[T], Awaitable[None]]) -> None:
        """Do it for each. Raises what ends a look: DatabaseAwayError, and the last of FAILURES."""
        failures = 0
        for thing in things:
            try:
                await do(thing)
            except Exception as error:
                self._rests.lay(id_of(thing))
                failures += 1
                if isinstance(error, DatabaseAwayError) or failures == FAILURES:
                    raise
                _log.error(self._sentence, id_of(thing), describe(error))
            else:
                self._rests.end(id_of(thing))
