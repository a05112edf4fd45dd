"""`python -m providers.sandbox --port 9400` serves a local Google and Microsoft until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from providers.sandbox.app import Sandbox, make_app


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m providers.sandbox", description="A local Google and Microsoft.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=9400, help="0 for any free one (%(default)s)")
    parser.add_argument("--size", type=int, default=500, help="contacts of an account (%(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each page takes (%(default)s)")
    parser.add_argument("--empty-folders", type=int, default=1, help="of a mailbox at Microsoft (%(default)s)")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(size=arguments.size, latency=arguments.latency, empty_folders=arguments.empty_folders)
    server = HTTPServer(make_app(sandbox))
    sockets = bind_sockets(arguments.port, arguments.host)
    server.add_sockets(sockets)
    sys.stdout.write(f"http://{arguments.host}:{sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    server.stop()
    # A request that is being stalled on purpose must not keep the process alive.
    with suppress(TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), 1)


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
