"""The client, the database, and the refusal of one that cannot keep the promises."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from threading import Thread
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import motor.frameworks.asyncio
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ReadPreference
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from everreach.errors import DatabaseAwayError, DatabaseError

Document = dict[str, Any]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]

P = ParamSpec("P")
T = TypeVar("T")

POOL_SIZE: Final = 64
"""Connections, and threads to use them: Motor runs each call in a thread, and its default of five a core starves us."""

PATIENCE_SECONDS: Final = 4.0
"""How long a person is kept waiting for the database."""

PATIENCE_MS: Final = round(PATIENCE_SECONDS * 1000)
"""The same for the database's ear: a query that walks over many documents must not go on when nobody waits for it.

The driver's own timeout for a whole operation (pymongo.timeout) would say this to every statement. But it also tries
again for as long as the time lasts, and a database that refuses would be asked the more, and told of later.
"""

GOODBYE_SECONDS: Final = 0.5
"""How long a client that is closed may take for it."""

_DEFAULT_DATABASE = "everreach"
_STANDALONE_ADVICE = (
    "MongoDB runs standalone; it has to be a replica set (one node is enough). Start mongod with --replSet rs0, then "
    "run once: mongosh --eval 'rs.initiate()'"
)
# The primary is changing, shutting down, or not elected yet, or it forgot a cursor on the way: a moment later the same
# call may succeed.
PASSING_CODES = frozenset({6, 7, 43, 89, 91, 133, 134, 175, 189, 237, 262, 9001, 10107, 11600, 11602, 13435, 13436})

# Motor makes its threads anew in a forked process, as many as it finds here.
motor.frameworks.asyncio.max_workers = POOL_SIZE
motor.frameworks.asyncio._reset_global_executor()  # type: ignore[no-untyped-call]


def connect(uri: str) -> Database:
    """The database that the URI's path names (`everreach` without one). Does not touch the network yet."""
    try:
        client: Client = AsyncIOMotorClient(
            uri,
            tz_aware=True,
            # A moment outside of Python's years, which only a hand can have written, must not fail a whole answer.
            datetime_conversion="DATETIME_AUTO",
            # Nor must bytes that are no text, which some drivers store without a word.
            unicode_decode_error_handler="replace",
            maxPoolSize=POOL_SIZE,
            serverSelectionTimeoutMS=2500,
            connectTimeoutMS=2500,
            socketTimeoutMS=20000,
            waitQueueTimeoutMS=5000,
            appname="everreach",
            io_loop=asyncio.get_running_loop(),
        )
        return client.get_default_database(
            _DEFAULT_DATABASE,
            read_preference=ReadPreference.PRIMARY,
            # What was acknowledged survives the loss of the primary.
            write_concern=WriteConcern(w="majority"),
            read_concern=ReadConcern("local"),
        )
    except (PyMongoError, ValueError):
        # The driver's own text may quote the URI, which holds a password.
        raise DatabaseError("MONGODB_URI cannot be understood; its form is mongodb://host:27017/everreach") from None


def neighbour(uri: str, name: str) -> str:
    """The address of another database of the same server, for the same user."""
    parts = urlsplit(uri)
    # Unless it is said, the path also names the database that knows the user:
    # https://www.mongodb.com/docs/manual/reference/connection-string-options/#mongodb-urioption-urioption.authSource
    options = parse_qsl(parts.query)
    if "@" in parts.netloc and "authsource" not in {option.lower() for option, _ in options}:
        options.append(("authSource", parts.path.strip("/") or "admin"))
    return parts._replace(path=f"/{name}", query=urlencode(options)).geturl()


def translated(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Turn the driver's errors into ours: DatabaseAwayError where waiting may help, else DatabaseError."""

    @functools.wraps(method)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except PyMongoError as error:
            raise translate(error) from error

    return wrapper


def prompt(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The same for what a person waits for: a database that hangs counts as away after a few seconds."""
    patient = translated(method)

    @functools.wraps(method)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await patient(*args, **kwargs)
        except TimeoutError:
            raise DatabaseAwayError from None

    return wrapper


def translate(error: PyMongoError) -> DatabaseError:
    """Our error for the driver's; its text names no host and no user."""
    if is_passing(error):
        return DatabaseAwayError()
    return DatabaseError(f"The database refused a statement ({type(error).__name__}).")


def is_passing(error: PyMongoError) -> bool:
    """Whether the same statement may succeed a moment later."""
    away = (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError, WTimeoutError, WriteConcernError)
    if isinstance(error, away) or error.has_error_label("RetryableWriteError"):
        return True
    return isinstance(error, OperationFailure) and error.code in PASSING_CODES


async def verify(database: Database) -> None:
    """Refuse a database that is away, or a standalone one, with the way to mend it."""
    try:
        hello = await database.client.admin.command("hello")
    except ConfigurationError:
        raise DatabaseError("MONGODB_URI cannot be used; check its options and the name of its replica set") from None
    except OperationFailure:
        raise DatabaseError("The database refused our credentials; check user and password in MONGODB_URI") from None
    except PyMongoError:
        raise DatabaseAwayError("The database does not answer; check MONGODB_URI and that mongod is running") from None
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise DatabaseError(_STANDALONE_ADVICE)


async def disconnect(database: Database) -> None:
    """Close the client. It says goodbye to the database, and one that hangs is not waited for until it answers."""
    closing = Thread(target=database.client.close, name="goodbye", daemon=True)
    closing.start()
    await asyncio.to_thread(closing.join, GOODBYE_SECONDS)


@translated
async def drop(database: Database) -> None:
    """Remove the database with all that is in it."""
    await database.client.drop_database(database.name)


@prompt
async def ping(database: Database) -> None:
    """Ask the database for a sign of life; raises DatabaseAwayError within seconds."""
    await database.client.admin.command("ping")
