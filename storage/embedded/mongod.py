"""The private, real mongod of a first run: a replica set of one, for this machine only, that lives as long as we do.

Its folder holds `lock`, `mongod.json` (the last port; the URI while it runs), `mongod.log`, the files in `db/` and
links to libraries in `lib/`.
Like any mongod without accounts it trusts every local user: it suits a laptop and a test; others set MONGODB_URI.
"""

import asyncio
import atexit
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from everreach.errors import DatabaseError
from storage.embedded.binary import find_mongod
from storage.embedded.process import HOST, PORT_TAKEN, MongodProcess, free_port, listens

with suppress(ImportError):
    # Windows has no fcntl. There the module still has to load, so that start() can say what to do.
    import fcntl

__all__ = ["EmbeddedMongod", "running_uri"]

_SET = "everreach"
_OPTIONS = f"--bind_ip {HOST} --nounixsocket --replSet {_SET} --oplogSize 128 --wiredTigerCacheSizeGB 1".split()
# Diagnostics would take 200 MB; a set of one has no other member to wait for when it ends.
_PARAMETERS = {"diagnosticDataCollectionEnabled": "false", "shutdownTimeoutMillisForSignaledShutdown": "500"}
_START_SECONDS = 60.0  # It takes half a second, but after a crash the journal has to be replayed first.
_STEP_SECONDS = 0.01
_LOCK_TRIES = 50  # Half a second, long enough to outlast a look by running_uri.
# Direct, for a set of one needs no discovery. The set's name makes the driver refuse any other server on that port.
_URI = f"mongodb://{HOST}:{{port}}/everreach?directConnection=true&replicaSet={_SET}"
_UNUSABLE = "The embedded MongoDB cannot use {}: {}."
_IN_USE = "Another EverReach process is already using {}. Stop it first, or set EVERREACH_DATA_DIR to another folder."
_Client = MongoClient[dict[str, Any]]


class EmbeddedMongod:
    """A mongod of our own on `data_dir`, which is made if missing and serves one EverReach process at a time.

    `parameters` are handed on as `--setParameter name=value`. A process that ends without stop() ends its mongod too,
    unless it is killed: then the next start on that folder does.
    """

    def __init__(self, data_dir: Path, *, parameters: Mapping[str, str] | None = None) -> None:
        self._folder = data_dir.resolve()
        self._parameters = {**_PARAMETERS, **(parameters or {})}
        self._mongod = MongodProcess(self._folder)
        self._lock: int | None = None
        self._turn = threading.Lock()
        self._stopping = False

    async def start(self) -> str:
        """Return the URI, once majority writes, transactions and change streams work. Takes about half a second.

        Raises DatabaseError, with one sentence to act on, where there is no mongod, it ends, or the folder is in use.
        """
        self._stopping = False
        return await asyncio.to_thread(self._start)

    async def stop(self, seconds: float | None = None) -> None:
        """End the mongod cleanly and free the folder; takes about a second, and does nothing the second time.

        It is killed if it has not ended after so many seconds, by default five.
        """
        self._stopping = True
        await asyncio.to_thread(self._stop, seconds)

    def _start(self) -> str:
        # A start() that was cancelled goes on in its thread; stop() waits here until it can end what that has begun.
        with self._turn, _in_words(self._folder):
            binary = find_mongod()
            self._lock = lock = _hold(self._folder)
            atexit.register(self._stop)
            try:
                return self._run(binary)
            except BaseException:
                self._release(lock)
                raise

    def _stop(self, seconds: float | None = None) -> None:
        with self._turn:
            if self._lock is not None:
                self._release(self._lock, seconds)

    def _release(self, lock: int, seconds: float | None = None) -> None:
        self._mongod.end(seconds)
        with suppress(OSError):
            _remember(self._folder, _last_port(self._folder), None)
        os.close(lock)
        self._lock = None
        atexit.unregister(self._stop)

    def _run(self, binary: Path) -> str:
        wanted = _last_port(self._folder)
        _remember(self._folder, wanted, None)
        self._mongod.end_orphans()
        # The same port again leaves the set's configuration as it is; on another it has to be forced.
        for attempt in (wanted, 0, 0):
            port = free_port(attempt)
            self._mongod.launch(binary, [*_OPTIONS, "--quiet", "--port", str(port)], self._parameters)
            if self._leads(port):
                _remember(self._folder, port, uri := _URI.format(port=port))
                return uri
            if self._mongod.exit_code != PORT_TAKEN:
                break
        raise self._mongod.failure()

    def _leads(self, port: int) -> bool:
        """Wait until it is a writable primary; False if it ends before."""
        deadline = time.monotonic() + _START_SECONDS
        while self._mongod.runs() and not listens(port):
            self._pause(deadline)
        # The client opens only now: one that was refused waits half a second before it tries again.
        client: _Client = MongoClient(HOST, port, directConnection=True, timeoutMS=5000)
        with client:
            while self._mongod.runs():
                with suppress(PyMongoError):
                    if self._is_mine(client) and _is_primary(client, f"{HOST}:{port}"):
                        return True
                self._pause(deadline)
        return False

    def _pause(self, deadline: float) -> None:
        if self._stopping:
            raise DatabaseError("The embedded MongoDB was stopped before it was ready.")
        if time.monotonic() > deadline:
            raise DatabaseError(f"The embedded MongoDB was not ready within a minute; its log is {self._mongod.log}.")
        time.sleep(_STEP_SECONDS)

    def _is_mine(self, client: _Client) -> bool:
        # Between our look at the port and mongod's another may have taken it: never configure a stranger's database.
        return str(self._mongod.files) in client.admin.command("getCmdLineOpts")["argv"]


def running_uri(data_dir: Path) -> str | None:
    """Return the URI of the mongod that a living EverReach process runs on that folder; None where none is ready."""
    folder = data_dir.resolve()
    with suppress(OSError, ValueError, TypeError, KeyError), (folder / "lock").open("rb") as lock:
        try:
            # A shared lock, so that two who look do not see each other. The kernel frees a killed process's own.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return str(json.loads((folder / "mongod.json").read_bytes())["uri"] or "") or None
    return None


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatabaseError(_UNUSABLE.format(error.filename or folder, error.strerror)) from error


def _hold(folder: Path) -> int:
    """Make the folder, take its lock and return the lock's descriptor; DatabaseError where another holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(_LOCK_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(_STEP_SECONDS)
    os.close(lock)
    raise DatabaseError(_IN_USE.format(folder))


def _is_primary(client: _Client, host: str) -> bool:
    """Do the next step towards a writable primary at `host`; True when there is none left."""
    hello = client.admin.command("hello")
    if hello["isWritablePrimary"]:
        # Only a write that a majority has proves that others will be taken.
        client.admin.command("appendOplogNote", data={"msg": "EverReach started"}, writeConcern={"w": "majority"})
        return True
    # mongod says isreplicaset while it has no configuration, and while the one it has does not name its own address.
    if hello.get("isreplicaset"):
        _configure(client, host)
    return False


def _configure(client: _Client, host: str) -> None:
    config = client["local"]["system.replset"].find_one()
    if config is None:
        client.admin.command("replSetInitiate", {"_id": _SET, "members": [{"_id": 0, "host": host}]})
    elif config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        # Without force a primary would have to agree, and there can be none before this.
        client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1}, force=True)


def _last_port(folder: Path) -> int:
    with suppress(OSError, ValueError, TypeError, KeyError):
        return int(json.loads((folder / "mongod.json").read_bytes())["port"])
    return 0


def _remember(folder: Path, port: int, uri: str | None) -> None:
    # Replaced in one step, so that a reader or a crash never finds half of it.
    draft = folder / "mongod.json.new"
    draft.write_text(json.dumps({"port": port, "uri": uri}))
    draft.replace(folder / "mongod.json")
