"""`make bench`: every measurement in one run, one table, and the same as JSON."""

import argparse
import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import crowd, held, lag, polls, takeover, throughput
from bench.processes import Bench
from bench.report import other_table, throughput_table

SOURCES = ("google", *throughput.FILES)
FILE_SIZE = 50_000
"""The largest book that is also imported as a file."""

RESULT = Path(__file__).with_name("results.json")
_console = Console(highlight=False)


async def main(options: argparse.Namespace) -> None:
    """Measure, print, write."""
    task = asyncio.current_task()
    assert task
    # Whoever ends the bench ends what it has started, too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results: dict[str, Any] = {}
    async with Bench() as bench:
        if not options.followers_only:
            results["throughput"] = await _throughput(bench, options.sizes)
        if not (options.throughput_only or options.followers_only):
            results |= await _moves(bench, options.tries)
        if not options.throughput_only:
            results |= await _followers(bench)
        _console.print(other_table(results))
    RESULT.write_text(json.dumps(results, indent=1) + "\n")


async def _throughput(bench: Bench, sizes: list[int]) -> list[dict[str, float]]:
    figures = []
    for size in sizes:
        for source in SOURCES if size <= FILE_SIZE else SOURCES[:1]:
            # The first import of a size fills the sandbox's cache: its generator is not what is measured.
            await throughput.warm_up(bench, size, source)
            _console.print(f"Importing {size:,} contacts from {source} …")
            figures.append(await throughput.measure(bench, size, source))
    _console.print(throughput_table(figures))
    return [each._asdict() for each in figures]


async def _moves(bench: Bench, tries: int) -> dict[str, Any]:
    _console.print("Killing and stopping nodes …")
    moves = await takeover.measure(bench, tries)
    _console.print(f"{crowd.IMPORTS} imports of {crowd.CONTACTS:,} contacts at once …")
    return {"takeover": moves._asdict(), "crowd": (await crowd.measure(bench))._asdict()}


async def _followers(bench: Bench) -> dict[str, Any]:
    _console.print("Asking for the status …")
    polled = await polls.measure(bench)
    _console.print(f"Holding {held.FOLLOWERS:,} connections …")
    kept = await held.measure(bench)
    _console.print(f"Showing an import to {lag.FOLLOWERS:,} people on another node …")
    late = await lag.measure(bench)
    return {
        "polls": polled.figures(),
        "held": [each._asdict() for each in kept],
        "lag": [each._asdict() for each in late],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], metavar="N")
    parser.add_argument("--tries", type=int, default=3, help="how often each signal is sent")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--throughput-only", action="store_true", help="leave out the signals, the crowd, the followers")
    part.add_argument("--followers-only", action="store_true", help="only what those who watch cost, and what they see")
    asyncio.run(main(parser.parse_args()))
