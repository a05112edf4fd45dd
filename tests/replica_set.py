"""A real replica set of three on loopback, each member a mongod of its own that can be killed and started again."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, PyMongoError

from bench.process import free_port
from storage.embedded.binary import find_mongod
from storage.embedded.process import HOST, MongodProcess

NAME = "three"
SIZE = 3

# Elections as quick as two busy cores allow: by default a set takes ten seconds to miss its primary.
_SETTINGS = {"electionTimeoutMillis": 1500, "heartbeatIntervalMillis": 300, "heartbeatTimeoutSecs": 2}
_OPTIONS = f"--bind_ip {HOST} --nounixsocket --quiet --replSet {NAME} --oplogSize 64 --wiredTigerCacheSizeGB 0.25"
_PARAMETERS = {
    "enableTestCommands": "1",
    "diagnosticDataCollectionEnabled": "false",
    "shutdownTimeoutMillisForSignaledShutdown": "100",
}
_PATIENCE_SECONDS = 60.0

T = TypeVar("T")
Client = MongoClient[dict[str, Any]]


class Member(MongodProcess):
    """One mongod of the set."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        super().__init__(folder)
        self._binary = find_mongod()
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start it, or start it again on the same port and files."""
        self.launch(self._binary, [*_OPTIONS.split(), "--port", str(self.port)], _PARAMETERS)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken it away."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def client(self) -> Client:
        """A client that talks to this member only, whatever its state."""
        return MongoClient(HOST, self.port, directConnection=True, timeoutMS=5000)


class ReplicaSet:
    """Use as a context manager. Every method blocks, so call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self.members = [Member(folder / str(number)) for number in range(SIZE)]

    def __enter__(self) -> Self:
        try:
            for member in self.members:
                member.start()
            _until(self._initiate)
            self.wait_whole()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A primary that is asked first would hand over to the others, one after the other.
        with ThreadPoolExecutor(SIZE) as all_at_once:
            list(all_at_once.map(MongodProcess.end, self.members))

    def uri(self, database: str) -> str:
        """The address for a client that finds the primary by itself."""
        addresses = ",".join(member.address for member in self.members)
        return f"mongodb://{addresses}/{database}?replicaSet={NAME}"

    def primary(self) -> Member:
        """The member that takes writes, as soon as there is one that the others follow."""
        return _until(lambda: next((member for member in self.members if _leads(member)), None))

    def kill_primary(self) -> Member:
        """SIGKILL the primary. Returns it, to be started again."""
        lost = self.primary()
        lost.kill()
        return lost

    def step_down(self) -> None:
        """Make the primary hand over to another member."""
        primary = self.primary()
        with primary.client() as client, suppress(AutoReconnect):
            client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=2)
        _until(lambda: self.primary() is not primary or None)

    def wait_whole(self) -> None:
        """Wait until one leads and all the others follow."""
        _until(lambda: sorted(self._states()) == ["PRIMARY", *["SECONDARY"] * (SIZE - 1)] or None)

    def _initiate(self) -> bool:
        hosts = [{"_id": number, "host": member.address} for number, member in enumerate(self.members)]
        with self.members[0].client() as client:
            client.admin.command("replSetInitiate", {"_id": NAME, "members": hosts, "settings": _SETTINGS})
        return True

    def _states(self) -> list[str]:
        with self.primary().client() as client:
            return [str(member["stateStr"]) for member in client.admin.command("replSetGetStatus")["members"]]


def _leads(member: Member) -> bool:
    if not member.runs():
        return False
    with member.client() as client:
        if not client.admin.command("hello")["isWritablePrimary"]:
            return False
        # One that was cut off may believe for a while that it leads still.
        client.admin.command("appendOplogNote", data={"msg": "who leads"}, writeConcern={"w": "majority"})
    return True


def _until(attempt: Callable[[], T | None]) -> T:
    """What comes of it, once something does; meanwhile the set may be without a primary."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(PyMongoError):
            if (result := attempt()) is not None:
                return result
        time.sleep(0.05)
    raise TimeoutError
