"""Long work in short steps, so that whoever asks for a status meanwhile is answered between two of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

STEP: Final = 64
"""Contacts worked on at a time: about a millisecond."""

T = TypeVar("T")
R = TypeVar("R")

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def paced(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The result of `work` for each item, in order.

    However many imports there are on this loop, one of them takes one step before everybody else is heard again.
    """
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    results: list[R] = []
    for start in range(0, len(items), STEP):
        async with turn:
            results += [work(item) for item in items[start : start + STEP]]
            await asyncio.sleep(0)
    return results
