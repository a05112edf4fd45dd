"""One server process: what it opens, in order, and closes in reverse. What it is made of stands in composition.py."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from socket import socket
from typing import Final, Self

from tornado.netutil import bind_sockets
from tornado.web import Application

from everreach.config import Config
from everreach.errors import EverReachError
from everreach.maintenance.retention import Retention
from everreach.net.http import BRIEF, Http, Reachable
from everreach.net.public_ip import is_public
from everreach.observability import tracing
from everreach.observability.loop_monitor import LoopMonitor
from everreach.server.composition import compose
from everreach.server.http_server import Server, room_for_connections
from everreach.server.shutdown_clock import ShutdownClock
from everreach.uploads.tidying import UploadTidying
from everreach.webhooks.dispatcher import Dispatcher
from everreach.webhooks.dispatcher import connect as connect_webhooks
from handlers import routes
from handlers.access_log import answered
from handlers.base import NotFoundHandler
from handlers.services import Services
from storage.embedded.address import database_uri
from storage.indexes import ensure_indexes
from storage.mongo import connect, disconnect, verify
from storage.raw_data import RawData

_HANG_UP_SECONDS: Final = 0.5
_BACKLOG: Final = 4096  # Connections that wait to be taken: a burst shall wait a moment and not be turned away.


class Node:
    """One server: its database client, its workers and its listening sockets. Nodes share nothing but the database.

    Those that one parent forked share its `sockets` too; without any a node opens its own. `reachable` says to which
    addresses webhooks may go.
    """

    def __init__(self, config: Config, sockets: Sequence[socket] = (), *, reachable: Reachable = is_public) -> None:
        self._config = config
        self._given = sockets
        self._reachable = reachable
        self._parting = ShutdownClock(config.everreach_shutdown_seconds)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            # From here on stop() ends what was begun; before, a failure did.
            self._begun = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop taking requests and jobs, hand back what is in flight, close everything, in the reverse order.

        No step of it waits without limit for anybody.
        """
        self._parting.begin()
        await self._begun.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        tracing.start(self._config.otel_exporter_otlp_endpoint)
        stack.push_async_callback(tracing.stop)
        await stack.enter_async_context(LoopMonitor())
        place = self._config.mongodb_uri, self._config.everreach_data_dir
        uri = database_uri(*place, running=False, left=self._parting.left)
        self._database = connect(await stack.enter_async_context(uri))
        stack.push_async_callback(disconnect, self._database)
        await verify(self._database)
        await ensure_indexes(self._database)
        self._http = await stack.enter_async_context(Http())
        self.services = compose(self._config, self._database, self._http)
        self._webhooks: Dispatcher | None = None
        if self._config.webhook_urls:
            outward = await stack.enter_async_context(Http(timeout=BRIEF, reachable=self._reachable))
            self._webhooks = connect_webhooks(self._config, self._database, outward)
        self.services.hub.start()
        stack.push_async_callback(self.services.hub.stop)
        sockets = self._given or listen(self._config)
        self.port: int = sockets[0].getsockname()[1]
        server = Server(make_application(self.services), room=room_for_connections())
        server.add_sockets(sockets)
        stack.push_async_callback(_hang_up, server)
        stack.push_async_callback(self.services.followers.gone)
        stack.push_async_callback(self._drain)
        stack.push_async_callback(self.services.followers.dismiss)
        stack.callback(server.stop)
        self.services.followers.start()
        self.services.runner.start()
        if self._webhooks:
            self._webhooks.start()
        tidying = UploadTidying(self.services.uploads)
        tidying.start()
        stack.push_async_callback(tidying.stop)
        if self._config.raw_data_kept:
            retention = Retention(RawData(self._database), self._config.raw_data_kept)
            retention.start()
            stack.push_async_callback(retention.stop)

    async def _drain(self) -> None:
        """Hand back what is in flight, all within the time that a stop may take."""
        owners = (self.services.tasks, self.services.runner, self._webhooks)
        workers = [worker for worker in owners if worker]
        await asyncio.gather(*(worker.stop(self._config.everreach_shutdown_seconds) for worker in workers))


async def _hang_up(server: Server) -> None:
    """Close every connection. A request under way is answered to nobody; it may wait for a database that hangs."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_HANG_UP_SECONDS):
            await server.close_all_connections()


def listen(config: Config) -> list[socket]:
    """Open the listening sockets. Raises EverReachError where the port cannot be had."""
    try:
        return bind_sockets(config.port, config.host, backlog=_BACKLOG)
    except OSError as error:
        raise EverReachError(f"Cannot listen on port {config.port}: {error.strerror}. Set PORT to another.") from None


def make_application(services: Services) -> Application:
    """The routes, with a log that holds no query string."""
    return Application(
        routes(services),
        default_handler_class=NotFoundHandler,
        default_handler_args={"services": services},
        log_function=answered,
    )
