"""The composition root: the only place that knows everything, makes it in order and ends it in reverse."""

import logging
import uuid
from typing import Final, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from everreach.config import Config
from everreach.errors import TransientError
from everreach.importer import Importer
from everreach.jwks import KeySet
from everreach.runner import Runner
from everreach.tokens import Authenticator
from everreach.vault import Vault
from handlers import routes
from handlers.base import NotFoundHandler
from handlers.services import Services
from providers import connect as connect_providers
from providers.http import Http
from storage.contacts import ContactStore
from storage.embedded import EmbeddedMongod
from storage.indexes import ensure_indexes
from storage.jobs import JobStore
from storage.leases import LeaseStore
from storage.ledger import Ledger
from storage.mongo import connect, ping, verify
from storage.rate_limits import RateLimits

_HEADER_LIMIT: Final = 32768  # Bytes: a signed-in person's token may be several thousand.
_REQUEST_LIMIT: Final = 1024 * 1024  # Bytes: what is above our own limit, and below this, gets an answer in JSON.
_log = logging.getLogger(__name__)


class Node:
    """One server: its database client, its workers and its listening sockets. Nodes share nothing but the database."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._mongod = None if config.mongodb_uri else EmbeddedMongod(config.everreach_data_dir)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            if self._mongod:
                await self._mongod.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        config = self._config
        self._database = connect(await self._database_uri())
        await verify(self._database)
        await ensure_indexes(self._database)
        self._http = Http()
        self.services = self._services()
        self._server = HTTPServer(
            make_application(self.services), max_header_size=_HEADER_LIMIT, max_buffer_size=_REQUEST_LIMIT
        )
        sockets = bind_sockets(config.port, config.host)
        self.port: int = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)
        self.services.runner.start()
        _log.info("listening on port %d", self.port)

    async def stop(self) -> None:
        """Stop taking requests and jobs, hand back what is in flight, close everything."""
        self._server.stop()
        await self.services.runner.stop(self._config.everreach_shutdown_seconds)
        await self._server.close_all_connections()
        await self._http.close()
        self._database.client.close()
        if self._mongod:
            await self._mongod.stop()

    async def _database_uri(self) -> str:
        if self._mongod:
            return await self._mongod.start()
        assert self._config.mongodb_uri is not None  # noqa: S101 - __init__ made a mongod otherwise.
        return self._config.mongodb_uri.get_secret_value()

    def _services(self) -> Services:
        config, database = self._config, self._database
        keep = config.token_retention == "keep"
        vault, jobs, ledger = Vault(config.encryption_keys()), JobStore(database, keep_tokens=keep), Ledger(database)
        providers = connect_providers(config, self._http)
        leases = LeaseStore(database, uuid.uuid4().hex, config.everreach_lease_seconds, keep_tokens=keep)
        importer = Importer(
            jobs=jobs,
            leases=leases,
            contacts=ContactStore(database, ledger),
            ledger=ledger,
            providers=providers,
            vault=vault,
            max_contacts=config.everreach_max_contacts,
        )
        return Services(
            config=config,
            authenticator=make_authenticator(config, self._http),
            limits=RateLimits(database),
            jobs=jobs,
            ledger=ledger,
            providers=providers,
            vault=vault,
            runner=Runner(
                jobs,
                leases,
                importer,
                limit=config.everreach_max_imports,
                lease_seconds=config.everreach_lease_seconds,
            ),
            ping=lambda: ping(database),
        )


def make_authenticator(config: Config, http: Http) -> Authenticator:
    """Who may call: HS256 by the secret, ES256 and RS256 by the keys that Supabase publishes."""
    secret = config.supabase_jwt_secret.get_secret_value() if config.supabase_jwt_secret else None
    if config.supabase_url is None:
        return Authenticator(secret=secret, issuer=None, keys=None)
    issuer = f"{config.supabase_url}/auth/v1"

    async def fetch() -> bytes:
        reply = await http.get(f"{issuer}/.well-known/jwks.json")
        if reply.status != 200:
            raise TransientError
        return reply.body

    return Authenticator(secret=secret, issuer=issuer, keys=KeySet(fetch))


def make_application(services: Services) -> Application:
    """The routes, with a log that holds no query string."""
    return Application(
        routes(services),
        default_handler_class=NotFoundHandler,
        default_handler_args={"services": services},
        log_function=_log_request,
    )


def _log_request(handler: RequestHandler) -> None:
    request = handler.request
    request_id = getattr(handler, "request_id", "-")
    milliseconds = 1000 * request.request_time()
    # The route's name and not the path: a path may be anything that a stranger typed.
    route = type(handler).__name__
    _log.info("%s %s %d %.1fms request=%s", request.method, route, handler.get_status(), milliseconds, request_id)
