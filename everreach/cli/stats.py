"""`everreach stats`: how imports went, by day, provider and outcome, and why they failed."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from everreach.cli.base import Commands, opened
from everreach.config import Config
from everreach.maintenance.import_report import PERCENTILES, Failure, Kind, Sum, by_day, failures, in_all
from everreach.server.serve import run
from storage.statistics import Statistics

_MOST_DAYS: Final = 3660
_MOST_REASONS: Final = 10
_HEADINGS: Final = ("Day", "Provider", "Outcome", "Imports", "Contacts", "New", *(f"p{one} s" for one in PERCENTILES))
_WIDEST: Final = 500
_TEXTS: Final = 3  # Of the headings: what comes after them are numbers.


def register(commands: Commands) -> None:
    """Add `stats`."""
    stats = commands.add_parser("stats", help="show how imports went, and why they failed")
    stats.add_argument("--days", type=_days, default=30, metavar="N", help="today and the days before (%(default)s)")
    stats.add_argument("--json", action="store_true", help="print JSON, for a program")
    stats.set_defaults(command=lambda options: run(show(options.days, as_json=options.json)))


async def show(days: int, *, as_json: bool, console: Console | None = None) -> int:
    """Print the statistics of so many days, by UTC. Returns 0, also where there was no import."""
    console = console or Console(highlight=False)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=days - 1)
    async with opened(Config.load()) as database:
        groups = await Statistics(database).groups(since)
    lines, totals, reasons = by_day(groups), in_all(groups), failures(groups, _MOST_REASONS)
    if as_json:
        sys.stdout.write(_json(since, lines, totals, reasons))
    elif not lines:
        console.print(f"No import was started in the last {days} days." if days > 1 else "No import was started today.")
    else:
        _print_whole(console, _table(lines, totals))
        _print_reasons(console, reasons)
    return 0


def _print_whole(console: Console, table: Table) -> None:
    # Where the screen is too narrow its own line breaks are the lesser evil: a number cut short is another number.
    needed = Measurement.get(console, console.options.update(width=_WIDEST), table).maximum
    console.width = max(console.width, needed)
    console.print(table)


def _table(lines: Mapping[Kind, Sum], totals: Mapping[Kind, Sum]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    for place, name in enumerate(_HEADINGS):
        table.add_column(name, justify="right" if place >= _TEXTS else "left", no_wrap=True)
    shown = None
    for kind, one in [*lines.items(), *totals.items()]:
        day = kind.day or "all days"
        if shown not in {None, day}:
            table.add_section()
        table.add_row("" if day == shown else day, kind.provider, kind.outcome, *_cells(one))
        shown = day
    return table


def _cells(one: Sum) -> list[str]:
    percentiles = [one.percentile(per_cent) for per_cent in PERCENTILES]
    numbers = [f"{number:,}" for number in (one.imports, one.contacts, one.new)]
    return numbers + ["" if seconds is None else f"{seconds:,g}" for seconds in percentiles]


def _print_reasons(console: Console, reasons: Sequence[tuple[Failure, int]]) -> None:
    if reasons:
        console.print("Why imports failed, the most frequent reasons first:")
    for failure, number in reasons:
        console.print(f"{number:>7,}  {failure.provider}: {failure.reason}", markup=False, soft_wrap=True)


def _json(
    since: datetime, lines: Mapping[Kind, Sum], totals: Mapping[Kind, Sum], reasons: Sequence[tuple[Failure, int]]
) -> str:
    document = {
        "since": since.date().isoformat(),
        "imports": [_entry(kind, one) for kind, one in lines.items()],
        "totals": [_entry(kind, one) for kind, one in totals.items()],
        "failures": [{**failure._asdict(), "imports": number} for failure, number in reasons],
    }
    return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def _entry(kind: Kind, one: Sum) -> dict[str, Any]:
    about = {name: value for name, value in kind._asdict().items() if value is not None}
    seconds = {f"p{per_cent}": one.percentile(per_cent) for per_cent in PERCENTILES}
    return {**about, "imports": one.imports, "contacts": one.contacts, "new": one.new, "seconds": seconds}


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"give a whole number from 1 to {_MOST_DAYS}")
    return int(text)
