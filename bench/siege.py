"""`make siege`: strangers against one node, while a hundred people import and follow. Fails where a line is missed."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import IO, Final, NamedTuple

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from bench import probe, strangers
from bench.hostile import HURTING, Hostile
from bench.people import PEOPLE, People
from bench.process import Process
from bench.processes import Bench
from bench.standing import bury, refuse, stand
from bench.supabase import Supabase

LIMITS: Final = {"RATE_LIMIT_START": "5/hour", "RATE_LIMIT_STATUS": "60/minute"}
FILES: Final = 2048
"""The server's hard limit; it begins with half of that, as most shells have it."""
ROWS: Final = 400_000
FOLDERS: Final = 400
OTHERS: Final = 100
"""Jobs of others, whose status is asked for in turn, A_SECOND times a second."""
A_SECOND: Final = 20
IDLE_SECONDS: Final = 10.0
WRONG_SHOWN: Final = 5
MIB: Final = 1024 * 1024

_console = Console(highlight=False)
_Counts = Mapping[str, Mapping[str, int]]


class Line(NamedTuple):
    """What was asked for, what came, and whether that is as it should be."""

    name: str
    bound: str
    figure: str
    held: bool


class Outcome(NamedTuple):
    """All that was seen."""

    people: People
    idle: probe.Probed
    busy: probe.Probed
    told: _Counts
    fetches: int
    peak_mib: float
    log_bytes: int
    seconds_to_end: float
    code: int


class Siege:
    """One node, and everybody who goes for it."""

    def __init__(self, bench: Bench, supabase: Supabase, log: IO[bytes], seconds: float) -> None:
        self._bench, self._supabase, self._log, self._seconds = bench, supabase, log, seconds
        self._database = bench.database("siege")
        self.server = bench.server(self._database.name, SUPABASE_URL=supabase.url, **LIMITS)
        self.server.confine(FILES)
        self.server.log_to(log.fileno())
        self.server.claims = {"iss": supabase.issuer}

    async def lay(self) -> Outcome:
        """Look at the node idle and besieged, and end it while the strangers are still there."""
        bench, server, database = self._bench, self.server, self._database
        others = await stand(bench, server, database, OTHERS)
        watched = await stand(bench, server, database, strangers.SOCKETS + 1)
        _console.print(f"Writing {ROWS:,} rows …")
        deep, refused = await bury(bench, server, database, ROWS), await refuse(bench, server)
        idle = await self._probe(others, IDLE_SECONDS)
        _console.print(f"{PEOPLE} people import, and strangers come, for {self._seconds:.0f} s …")
        people, hostile = People(bench, server, database), Hostile(bench, server)
        plan = strangers.Plan(server.port, 10 * self._seconds, deep, ROWS, refused, watched)
        besieging = Process("bench.strangers", bench.plan(plan))
        besieging.log_to(sys.stderr.fileno())
        async with besieging:
            seconds = self._seconds
            busy, _, _ = await asyncio.gather(self._probe(others, seconds), people.live(seconds), hostile.live(seconds))
            peak, began = server.peak_mib(), time.monotonic()
            code = await server.end(signal.SIGTERM)
            took = time.monotonic() - began
            await besieging.end(signal.SIGTERM)
            told = msgspec.json.decode(await besieging.rest(), type=strangers.Told)
        told_of_all = {**told.answers, **hostile.ends}
        log_bytes = self._log.seek(0, os.SEEK_END)
        return Outcome(people, idle, busy, told_of_all, self._supabase.fetches, peak, log_bytes, took, code)

    async def _probe(self, jobs: list[tuple[str, str]], seconds: float) -> probe.Probed:
        plan = probe.Plan(self.server.port, seconds, A_SECOND, jobs)
        async with Process("bench.probe", self._bench.plan(plan)) as asking:
            return msgspec.json.decode(await asking.line(), type=probe.Probed)


def judge(seen: Outcome, seconds: float) -> Iterator[Line]:
    """What has to hold, line by line."""
    exact, imports = seen.people.exact, seen.people.exact + len(seen.people.wrong)
    yield Line("imports that ended exactly", "all", f"{exact:,} of {imports:,}", exact == imports >= PEOPLE)
    answered, asked = seen.busy.answers.get("200", 0), len(seen.busy.seconds)
    yield Line("others' status, answered", "all", f"{answered:,} of {asked:,}", answered == asked)
    idle, busy = seen.idle.p99_ms, seen.busy.p99_ms
    slowest = max(100.0, 10 * idle)
    yield Line("others' status, p99", f"{slowest:.0f} ms", f"{busy:.0f} ms (idle {idle:.0f} ms)", busy < slowest)
    hurt = {kind: set(ends) for kind, ends in seen.told.items() if kind in HURTING}
    unharmed = all(hurt.get(kind) == {"completed"} for kind in HURTING)
    yield Line("hostile accounts", "completed", ", ".join(sorted(set().union(*hurt.values()))) or "none", unharmed)
    pages = seen.told.get("retry", {}).get("200", 0)
    yield Line("consent pages by retry", "5", f"{pages:,}", pages <= 5)
    most = 6 * (1 + seconds / 60)
    yield Line("fetches of Supabase's keys", f"{most:.0f}", f"{seen.fetches:,}", seen.fetches <= most)
    yield Line("peak memory", "256 MiB", f"{seen.peak_mib:.0f} MiB", seen.peak_mib < 256)
    yield Line("log", "1 MiB", f"{seen.log_bytes / MIB:.2f} MiB", seen.log_bytes < MIB)
    ended = seen.code == 0 and seen.seconds_to_end < 10
    yield Line("SIGTERM to exit 0", "10 s", f"{seen.seconds_to_end:.1f} s, exit {seen.code}", ended)


def table(lines: list[Line]) -> Table:
    """All lines."""
    shown = Table("Under siege", "Bound", "Measured", "", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for line in lines:
        shown.add_row(line.name, line.bound, line.figure, "held" if line.held else "MISSED")
    return shown


def _show(seen: Outcome, lines: list[Line]) -> None:
    for name, counts in seen.told.items():
        _console.print(f"{name}: {', '.join(f'{count:,} {what}' for what, count in sorted(counts.items()))}")
    for sentence in seen.people.wrong[:WRONG_SHOWN]:
        _console.print(sentence)
    _console.print(table(lines))


async def main(seconds: float) -> int:
    """Besiege, print, judge. Returns the exit code."""
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryFile() as log:
        async with AsyncExitStack() as stack:
            bench = await stack.enter_async_context(Bench(folders=FOLDERS))
            siege = Siege(bench, await stack.enter_async_context(Supabase()), log, seconds)
            await stack.enter_async_context(siege.server)
            await siege.server.ready(bench.http)
            seen = await siege.lay()
    lines = list(judge(seen, seconds))
    _show(seen, lines)
    return 0 if all(line.held for line in lines) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.siege", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S", help="%(default)s")
    sys.exit(asyncio.run(main(parser.parse_args().seconds)))
