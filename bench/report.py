"""What was measured, as tables for people."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich import box
from rich.table import Table

from bench import crowd
from bench.throughput import Throughput

_HEADINGS = ("Source", "Contacts", "Ours/s", "Raw/s", "Loop/s", "Ours : raw", "Ours : loop", "Peak MiB", "µs each")
_Rows = Iterator[tuple[str, str]]


def throughput_table(results: Iterable[Throughput]) -> Table:
    """One line for each size."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in _HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in results:
        ratios = (f"{row.ours_to_raw:.2f}", f"{row.ours_to_naive:.0f}")
        rates = (f"{rate:,.0f}" for rate in (row.ours, row.raw, row.naive))
        table.add_row(row.source, f"{row.contacts:,}", *rates, *ratios, f"{row.peak_mib:.0f}", f"{1e6 / row.ours:.0f}")
    return table


def other_table(results: dict[str, Any]) -> Table:
    """One line for each figure of whatever else was measured."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_header=False)
    for name, rows in (("takeover", _takeover), ("crowd", _crowd), ("polls", _polls), ("held", _held), ("lag", _lag)):
        for row in rows(results[name]) if name in results else ():
            table.add_row(*row)
    return table


def _takeover(moves: dict[str, Any]) -> _Rows:
    yield "SIGKILL to the next committed page, slowest", f"{max(moves['sigkill']):.1f} s"
    yield "SIGTERM to the next committed page, slowest", f"{max(moves['sigterm']):.1f} s"


def _crowd(crowded: dict[str, Any]) -> _Rows:
    yield "Imports at once that completed", f"{crowded['completed']} of {crowd.IMPORTS}"
    yield "Contacts a second, all together", f"{crowded['contacts_per_second']:,.0f}"
    yield "Status p99, idle", f"{crowded['idle_p99_ms']:.1f} ms"
    yield "Status p99, during the imports", f"{crowded['busy_p99_ms']:.1f} ms"


def _polls(polls: dict[str, Any]) -> _Rows:
    for title, name in (("at 60 a minute each", "limited"), ("without a limit", "unlimited"), ("bare Tornado", "bare")):
        speed, cost = polls[f"{name}_rate"], polls[f"{name}_cpu_us"]
        yield f"Status polls a second, {title}", f"{speed:,.0f} ({cost:.0f} µs of processor each)"
    yield "Status polls at 60 a minute each : bare Tornado", f"{polls['limited_ratio']:.2f}"
    yield "Status polls without a limit : bare Tornado", f"{polls['unlimited_ratio']:.2f}"


def _held(kinds: list[dict[str, Any]]) -> _Rows:
    for held in kinds:
        who = f"{held['followers']:,} {held['kind']}s"
        yield f"{who}, memory", f"{held['kib_each']:.1f} KiB each ({held['grown_kib_each']:.1f} above the idle process)"
        cost = f"({held['accept_cpu_us']:.0f} µs of processor each)"
        yield f"{who}, accepted", f"{held['accepted_per_second']:,.0f} a second {cost}"
        for name, what in ("change", "changed"), ("end", "ended"):
            # A bare server tells its followers nothing.
            if held[what]:
                seconds = held[f"{name}_seconds"]
                took = "not all of them" if seconds is None else f"{seconds:.2f} s"
                yield f"{who}, the job's {name} until all have it", f"{took} ({held[what]:,})"


def _lag(lags: list[dict[str, Any]]) -> _Rows:
    for lag in lags:
        jobs = "one job" if lag["jobs"] == 1 else f"{lag['jobs']} jobs"
        who = f"Commit to frame on another node, {lag['followers']:,} followers of {jobs}"
        figures = f"{lag['median_ms']:.0f} ms / {lag['p99_ms']:.0f} ms / {lag['last_ms']:.0f} ms"
        yield f"{who}, median / p99 / last", f"{figures} ({lag['whole']:.2%} came)"
