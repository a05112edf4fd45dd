"""`make soak`: ordinary life on one node, four imports at a time, and the memory that its server has meanwhile."""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Final, NamedTuple

from rich.console import Console

from bench.life import Account, Course, Person
from bench.processes import Bench, Server

AT_A_TIME: Final = 4
SIZES: Final = (300, 500, 800, 1200, 1800, 2500)
COURSES: Final = (Course.WHOLE,) * 14 + (Course.CANCELLED,) * 3 + (Course.RETRIED,) * 2 + (Course.DENIED,)
LOOKS: Final = 40
"""So often is the memory looked at."""

MOST_MIB: Final = 160.0
"""Of memory, however many imports there were."""
MOST_KIB_EACH: Final = 8.0
"""What an import may leave behind, from the second quarter of all to the last, while the caches are being filled."""

_console = Console(highlight=False)


class Look(NamedTuple):
    """The server's resident memory after so many imports."""

    imports: int
    mib: float


class Soak:
    """A server, and those who live with it."""

    def __init__(self, bench: Bench, server: Server, imports: int) -> None:
        self._bench = bench
        self._server = server
        self._database = bench.database("soak")
        self._left = iter(range(imports))
        self._done = 0
        self._every = max(1, imports // LOOKS)
        self._began = time.monotonic()
        self.looks: list[Look] = []

    async def live(self) -> None:
        """Make all imports."""
        async with asyncio.TaskGroup() as group:
            for place in range(AT_A_TIME):
                group.create_task(self._one_after_the_other(place))

    async def _one_after_the_other(self, place: int) -> None:
        for _ in self._left:
            name = f"soak{place}@sandbox.example"
            account = Account(random.choice(("google", "microsoft")), name, random.choice(SIZES))
            await Person(self._bench, self._server, self._database, account).live(random.choice(COURSES))
            self._done += 1
            if self._done % self._every == 0:
                self._look()

    def _look(self) -> None:
        self.looks.append(Look(self._done, self._server.resident_kib() / 1024))
        seconds = time.monotonic() - self._began
        _console.print(f"{self._done:8,} imports {self.looks[-1].mib:8.1f} MiB {seconds:8.0f} s")


def missed(looks: list[Look]) -> Iterator[str]:
    """What is wrong with the memory."""
    peak, each = max(look.mib for look in looks), kib_each(looks)
    if peak > MOST_MIB:
        yield f"{peak:.0f} MiB are more than {MOST_MIB:.0f}."
    if each > MOST_KIB_EACH:
        yield f"{each:.1f} KiB an import are more than {MOST_KIB_EACH:.0f}."


def kib_each(looks: list[Look]) -> float:
    """What an import left behind: between the middle of the second quarter of the looks and that of the last."""
    quarter = len(looks) // 4
    early, late = looks[quarter : 2 * quarter], looks[-quarter:]
    imports = median(look.imports for look in late) - median(look.imports for look in early)
    return 1024 * (median(look.mib for look in late) - median(look.mib for look in early)) / imports


async def main(imports: int) -> int:
    """Live, look, judge. Returns the exit code."""
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Bench() as bench, bench.server("soak") as server:
        await server.ready(bench.http)
        soak = Soak(bench, server, imports)
        await soak.live()
    _console.print(f"{kib_each(soak.looks):.1f} KiB an import")
    wrong = list(missed(soak.looks))
    for sentence in wrong:
        _console.print(sentence)
    return 1 if wrong else 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < LOOKS:
        raise argparse.ArgumentTypeError(f"give a whole number from {LOOKS}")
    return int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--imports", type=_count, default=1500, metavar="N", help="%(default)s; 20000 take an hour")
    sys.exit(asyncio.run(main(parser.parse_args().imports)))
