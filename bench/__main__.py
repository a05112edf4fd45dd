"""`make bench`: every measurement in one run, one table, and the same as JSON."""

import argparse
import asyncio
import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.processes import Bench
from bench.throughput import Throughput, measure

RESULT = Path(__file__).with_name("results.json")


async def main(sizes: list[int]) -> None:
    """Measure, print, write."""
    console = Console(highlight=False)
    async with Bench() as bench:
        # The first import of a size fills the sandbox's cache: its generator is not what is measured.
        results = []
        for size in sizes:
            await measure(bench, size)
            results.append(await measure(bench, size))
            console.print(f"{size:,} contacts measured")
    console.print(_throughput_table(results))
    RESULT.write_text(json.dumps({"throughput": [result._asdict() for result in results]}, indent=1) + "\n")


def _throughput_table(results: list[Throughput]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("Contacts", "Ours/s", "Raw/s", "Loop/s", "Ours : raw", "Ours : loop", "Peak MiB", "µs each"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in results:
        ratios = (f"{row.ours / row.raw:.2f}", f"{row.ours / row.naive:.0f}")
        rates = (f"{rate:,.0f}" for rate in (row.ours, row.raw, row.naive))
        table.add_row(f"{row.contacts:,}", *rates, *ratios, f"{row.peak_mib:.0f}", f"{1e6 / row.ours:.0f}")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], metavar="N")
    asyncio.run(main(parser.parse_args().sizes))
