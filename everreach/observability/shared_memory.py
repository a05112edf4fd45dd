"""Numbers that the workers of one parent share: each has a row of its own, in memory that outlives it.

prometheus_client's way with several processes picks its kind of value by an environment variable at import, leaves
files behind, and takes microseconds for each number. Here every number gets its cell before the parent forks, so that
it is the same one in each row. Who replaces a dead worker goes on in its row, and nothing that was counted is lost.
"""

import mmap
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

PLACES: Final = 257
"""Rows: one for the process that forks, or serves alone, and one for each worker."""

_WIDTH: Final = 8192  # Cells in a row. What nobody touches takes no memory.


class _Shared:
    """The rows, and which of them is ours. Only the event loop's thread writes, and each process to its own row."""

    def __init__(self) -> None:
        self._all = memoryview(mmap.mmap(-1, PLACES * _WIDTH * 8)).cast("d")
        self._passing: list[int] = []
        self._used = 0
        self._forked = False
        self.places = 1
        self.row = self._all[:_WIDTH]

    def claim(self, *, passing: bool) -> int:
        """A new cell's number. `passing` says that its number ends with its process."""
        if self._forked or self._used == _WIDTH:
            raise RuntimeError("every number needs its cell before the workers are forked")
        self._used += 1
        if passing:
            self._passing.append(self._used - 1)
        return self._used - 1

    def column(self, cell: int) -> "memoryview[float]":
        """The cell of every row."""
        return self._all[cell : self.places * _WIDTH : _WIDTH]

    def settle(self, place: int) -> None:
        """From here on this process writes to that row."""
        self._forked, self.row = True, self._all[place * _WIDTH : (place + 1) * _WIDTH]

    def clear(self, place: int) -> None:
        """Forget what ended with the process that wrote to that row."""
        for cell in self._passing:
            self._all[place * _WIDTH + cell] = 0.0


_shared = _Shared()


def share(count: int) -> None:
    """Say, in the parent, how many workers there will be."""
    _shared.places = count + 1


def settle(place: int) -> None:
    """Be the worker at that place, counted from 1, in its process."""
    _shared.settle(place)


def clear(place: int) -> None:
    """The worker at that place has ended: what it counted stays, what it measured goes."""
    _shared.clear(place)


class SharedValue:
    """One number, in the shape in which prometheus_client keeps those of its metrics; read, it is that of all rows."""

    _multiprocess = False

    def __init__(self, kind: str, *_: object, multiprocess_mode: str = "", **__: object) -> None:
        self._cell = _shared.claim(passing=kind == "gauge")
        self._of_all: Callable[[Iterable[float]], float] = max if "max" in multiprocess_mode else sum

    def inc(self, amount: float) -> None:
        """Add to ours."""
        _shared.row[self._cell] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Set ours."""
        _shared.row[self._cell] = value

    def get(self) -> float:
        """That of all."""
        return self._of_all(_shared.column(self._cell))

    def set_exemplar(self, exemplar: Any) -> None:
        """Nothing keeps exemplars."""

    def get_exemplar(self) -> None:
        """None: there are none."""


class Heartbeat:
    """The moment of a last sign of life, on the clock that all processes of a machine share."""

    def __init__(self) -> None:
        self._cell = _shared.claim(passing=True)

    def give(self) -> None:
        """Now."""
        _shared.row[self._cell] = time.monotonic()

    def end(self) -> None:
        """No more is to be expected of this process."""
        _shared.row[self._cell] = 0.0

    def age(self) -> float:
        """Seconds since it came from that process of ours from which it came longest ago; 0 before the first."""
        given = [moment for moment in _shared.column(self._cell) if moment]
        return max(0.0, time.monotonic() - min(given)) if given else 0.0
