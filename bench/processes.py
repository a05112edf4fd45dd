"""The programs under measurement: a mongod, a sandbox and servers, each a process of its own on loopback."""

import asyncio
import secrets
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from bench.process import Process, free_port
from everreach.cli.demo_client import DemoClient
from everreach.net.http import Http
from everreach.security.authenticator import issue
from everreach.security.key_strength import new_key
from handlers import BASE
from providers.sandbox.app import Sandbox
from providers.sandbox.faults import Fault
from storage.embedded.mongod import EmbeddedMongod
from storage.mongo import Database, connect

_SERVER_CACHE = "cache_size=4G"
_USUAL = {"RATE_LIMIT_START": "100000/hour", "RATE_LIMIT_STATUS": "1000000/minute", "SUPABASE_URL": ""}

SECRET = secrets.token_urlsafe(48)

_KEY = new_key()  # One for all: a server opens what another sealed.


class Providers(Process):
    """A sandbox of the providers. `latency` is the seconds that each page takes, `folders` how many a mailbox has."""

    def __init__(self, latency: float, folders: int = 1) -> None:
        chosen = ("--latency", str(latency), "--empty-folders", str(folders))
        super().__init__("providers.sandbox", "--port", "0", *chosen)

    async def address(self) -> str:
        """Where it is. Ask once."""
        return (await self.line()).decode().strip()

    async def urls(self) -> dict[str, str]:
        """The same as settings. Ask once."""
        return Sandbox().urls(await self.address())


class Bench:
    """The surroundings: one mongod and one sandbox for all measurements; see Providers for the parameters."""

    def __init__(self, latency: float = 0, folders: int = 1) -> None:
        self._latency = latency
        self._folders = folders

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="everreach-bench-")
        self._mongod = EmbeddedMongod(Path(self._folder.name))
        self._uri = await self._mongod.start()
        # The private mongod is modest for a laptop's sake; the one of a server has gigabytes for its cache.
        admin = self.database("admin")
        await admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=_SERVER_CACHE)
        admin.client.close()
        self._sandbox = await Providers(self._latency, self._folders).__aenter__()
        self._address = await self._sandbox.address()
        self.http = Http()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self._sandbox.__aexit__(kind, error, trace)
        await self._mongod.stop()
        self._folder.cleanup()

    async def play(self, *faults: Fault) -> None:
        """Order faults of the sandbox."""
        await self.http.post(f"{self._address}/_sandbox/faults", msgspec.json.encode(faults), headers={})

    def database(self, name: str) -> Database:
        """A database of the mongod."""
        return connect(self.database_uri(name))

    def database_uri(self, name: str) -> str:
        """Its address."""
        return self._uri.replace("/everreach?", f"/{name}?")

    def plan(self, plan: msgspec.Struct) -> str:
        """Where a child finds what it has to do: too much for its command line."""
        path = Path(self._folder.name, f"{uuid.uuid4()}.json")
        path.write_bytes(msgspec.json.encode(plan))
        return str(path)

    def server(self, database: str, *arguments: str, **settings: str) -> "Server":
        """A server on that database, `arguments` on its command line; not yet started."""
        port = free_port()
        return Server(
            port,
            *arguments,
            HOST="127.0.0.1",
            PORT=str(port),
            NEXT_PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
            MONGODB_URI=self.database_uri(database),
            SUPABASE_JWT_SECRET=SECRET,
            TOKEN_ENCRYPTION_KEYS=_KEY,
            **{**Sandbox().urls(self._address), **Sandbox().credentials(), **_USUAL, **settings},
        )


class Server(Process):
    """`everreach serve` in a process of its own. Once ended it can be entered again: the same settings, a new life."""

    def __init__(self, port: int, *arguments: str, **environment: str) -> None:
        super().__init__("everreach", "serve", *arguments, **environment)
        self.port = port
        self._origin = f"http://127.0.0.1:{port}"
        self.claims: dict[str, str] = {}
        """What everybody's token has to say beside the usual."""

    async def ready(self, http: Http) -> None:
        """Wait until it answers."""
        for _ in range(3000):
            try:
                if (await http.get(f"{self._origin}/readyz")).status == 200:
                    return
            except Exception:
                pass
            await asyncio.sleep(0.02)
        raise TimeoutError

    def client(self, http: Http, user: str | None = None) -> DemoClient:
        """A person, or a new one, with the app."""
        user = user or str(uuid.uuid4())
        return DemoClient(http, f"{self._origin}{BASE}", user, self.token(user))

    def token(self, user: str) -> str:
        """That of a person."""
        return issue(SECRET, user, 36000, **self.claims)


class Bare(Process):
    """The least that Tornado can do, with answers and frames of so many bytes; see bench/bare.py."""

    def __init__(self, length: int) -> None:
        self.port = free_port()
        super().__init__("bench.bare", str(self.port), str(length), BENCH_SECRET=SECRET)


async def ended(client: DemoClient, job_id: str) -> dict[str, Any]:
    """The status document once the job has ended. Asks as often as is needed to tell its time to two per cent."""
    began = time.monotonic()
    while not (job := await client.get(f"/status/{job_id}"))["completed_at"]:
        await asyncio.sleep(min(2.0, 0.02 + 0.02 * (time.monotonic() - began)))
    return job
