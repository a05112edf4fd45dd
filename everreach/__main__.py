"""The command line: serve, demo, check."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import uvloop

from everreach import logs
from everreach.app import Node
from everreach.check import check
from everreach.config import Config
from everreach.demo import Demo
from everreach.errors import EverReachError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code: 0 for success, 1 where it could not do its work."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options.command(options))
    except EverReachError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="everreach", description="Imports contacts from Google and Microsoft.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the server in the foreground")
    serve.set_defaults(command=lambda _: _serve())
    demo = commands.add_parser("demo", help="show two whole imports, without any account")
    demo.add_argument("--contacts", type=int, default=5000, metavar="N", help="contacts in each address book")
    demo.add_argument("--keep", action="store_true", help="keep everything running afterwards")
    demo.set_defaults(command=lambda options: Demo(options.contacts, keep=options.keep).run())
    checked = commands.add_parser("check", help="say what is wrong with the settings and the database")
    checked.set_defaults(command=lambda _: check())
    return parser


def _run(command: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(command)


async def _serve() -> int:
    logs.configure()
    config = Config.load()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Node(config):
        # A page makes thousands of small objects that all die young; looking for cycles among them finds none. What
        # lives as long as the process is not looked at again.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        await stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
