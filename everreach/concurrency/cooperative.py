"""Long work in short steps, so that whoever asks for a status meanwhile is answered between two of them."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

STEP: Final = 32
"""Contacts worked on at a time: about a millisecond."""

T = TypeVar("T")
R = TypeVar("R")

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def map_cooperatively(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The result of `work` for each item, in order. Items are taken one by one, so they may be made on the way.

    However many imports there are on this loop, one of them takes one step before everybody else is heard again.
    """
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    results: list[R] = []
    left = iter(items)
    while True:
        async with turn:
            step = [work(item) for item in islice(left, STEP)]
            results += step
            if len(step) < STEP:
                return results
            await asyncio.sleep(0)
