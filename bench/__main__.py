"""`make bench`: every measurement in one run, one table, and the same as JSON."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench import crowd, takeover, throughput
from bench.processes import Bench

RESULT = Path(__file__).with_name("results.json")
_HEADINGS = ("Contacts", "Ours/s", "Raw/s", "Loop/s", "Ours : raw", "Ours : loop", "Peak MiB", "µs each")


async def main(options: argparse.Namespace) -> None:
    """Measure, print, write."""
    console = Console(highlight=False)
    async with Bench() as bench:
        sizes = [await _throughput(bench, size, console) for size in options.sizes]
        console.print(_throughput_table(sizes))
        results: dict[str, Any] = {"throughput": [size._asdict() for size in sizes]}
        if not options.throughput_only:
            console.print("Killing and stopping nodes …")
            results["takeover"] = (await takeover.measure(bench, options.tries))._asdict()
            console.print(f"{crowd.IMPORTS} imports of {crowd.CONTACTS:,} contacts at once …")
            results["crowd"] = (await crowd.measure(bench))._asdict()
            console.print(_other_table(results))
    RESULT.write_text(json.dumps(results, indent=1) + "\n")


async def _throughput(bench: Bench, size: int, console: Console) -> throughput.Throughput:
    # The first import of a size fills the sandbox's cache: its generator is not what is measured.
    await throughput.warm_up(bench, size)
    console.print(f"Importing {size:,} contacts …")
    return await throughput.measure(bench, size)


def _throughput_table(results: list[throughput.Throughput]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in _HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in results:
        ratios = (f"{row.ours / row.raw:.2f}", f"{row.ours / row.naive:.0f}")
        rates = (f"{rate:,.0f}" for rate in (row.ours, row.raw, row.naive))
        table.add_row(f"{row.contacts:,}", *rates, *ratios, f"{row.peak_mib:.0f}", f"{1e6 / row.ours:.0f}")
    return table


def _other_table(results: dict[str, Any]) -> Table:
    moves, crowded = results["takeover"], results["crowd"]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_header=False)
    table.add_row("SIGKILL to the next committed page, slowest", f"{max(moves['sigkill']):.1f} s")
    table.add_row("SIGTERM to the next committed page, slowest", f"{max(moves['sigterm']):.1f} s")
    table.add_row("Imports at once that completed", f"{crowded['completed']} of {crowd.IMPORTS}")
    table.add_row("Contacts a second, all together", f"{crowded['contacts_per_second']:,.0f}")
    table.add_row("Status p99, idle", f"{crowded['idle_p99_ms']:.1f} ms")
    table.add_row("Status p99, during the imports", f"{crowded['busy_p99_ms']:.1f} ms")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], metavar="N")
    parser.add_argument("--tries", type=int, default=3, help="how often each signal is sent")
    parser.add_argument("--throughput-only", action="store_true", help="leave out the signals and the crowd")
    asyncio.run(main(parser.parse_args()))
