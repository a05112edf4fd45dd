"""The command line: serve, demo, check, and the families of operator commands that register themselves."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from everreach.cli import erase, import_file, keys, stats
from everreach.cli.check import check, check_live
from everreach.cli.demo import Demo
from everreach.config import Config
from everreach.errors import EverReachError
from everreach.observability import logs
from everreach.server.prefork import serve_together
from everreach.server.serve import live, run, serve, warn

_INTERRUPTED: Final = 130  # As a shell has it for Ctrl-C.
_FAMILIES: Final = (import_file, keys, erase, stats)
_MOST_WORKERS: Final = 256  # Who asks for more has mistyped.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code: 0 for success, 1 where it could not do its work."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
        return code
    except EverReachError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="everreach", description="Imports contacts from Google, Microsoft and files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    served = commands.add_parser("serve", help="run the server in the foreground")
    served.add_argument("--workers", type=_count, default=1, metavar="N", help="processes on one port (%(default)s)")
    served.set_defaults(command=lambda options: _serve(options.workers))
    demo = commands.add_parser("demo", help="show four whole imports, without any account")
    demo.add_argument("--contacts", type=int, default=5000, metavar="N", help="contacts in each address book")
    demo.add_argument("--keep", action="store_true", help="keep everything running afterwards")
    demo.set_defaults(command=lambda options: run(Demo(options.contacts, keep=options.keep).run()))
    checked = commands.add_parser("check", help="say what is wrong with the settings and the database")
    checked.add_argument("--live", action="store_true", help="only ask the server on this machine whether it answers")
    checked.set_defaults(command=lambda options: run(check_live() if options.live else check()))
    for family in _FAMILIES:
        family.register(commands)
    return parser


def _serve(workers: int) -> int:
    config = Config.load()
    logs.configure(config.log_level, config.everreach_log_format)
    warn(config)
    return live(serve(config)) if workers == 1 else serve_together(config, workers)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"give a whole number from 1 to {_MOST_WORKERS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
