"""The programs under measurement: a mongod, a sandbox and servers, each a process of its own on loopback."""

import asyncio
import base64
import os
import secrets
import signal
import sys
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tornado.testing import bind_unused_port

from everreach.demo_client import DemoClient
from everreach.tokens import issue
from handlers import BASE
from providers.http import Http
from providers.sandbox.app import Sandbox
from storage.embedded import EmbeddedMongod
from storage.mongo import Database, connect

SECRET = secrets.token_urlsafe(48)


class Process:
    """A child that is ended with the bench, whatever happens to it in between."""

    def __init__(self, module: str, *arguments: str, **environment: str) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._environment = {**os.environ, **environment}

    async def __aenter__(self) -> Self:
        self.child = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end(signal.SIGTERM)

    async def end(self, number: signal.Signals) -> int:
        """Send the signal, unless the child is gone, and wait for its end. Returns its exit code."""
        if self.child.returncode is None:
            self.child.send_signal(number)
            # A stopped child would keep the signal waiting.
            self.child.send_signal(signal.SIGCONT)
        return await self.child.wait()

    def peak_mib(self) -> float:
        """The most memory that the child ever had resident."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


class Bench:
    """The surroundings: one mongod and one sandbox for all measurements. `latency` is the seconds of each page."""

    def __init__(self, latency: float = 0) -> None:
        self._latency = latency

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="everreach-bench-")
        self._mongod = EmbeddedMongod(Path(self._folder.name))
        self._uri = await self._mongod.start()
        self._sandbox = await Process("providers.sandbox", "--port", "0", "--latency", str(self._latency)).__aenter__()
        assert self._sandbox.child.stdout
        self.sandbox_url = (await self._sandbox.child.stdout.readline()).decode().strip()
        self.http = Http()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self._sandbox.__aexit__(kind, error, trace)
        await self._mongod.stop()
        self._folder.cleanup()

    def database(self, name: str) -> Database:
        """A database of the mongod."""
        return connect(self.database_uri(name))

    def database_uri(self, name: str) -> str:
        """Its address."""
        return self._uri.replace("/everreach?", f"/{name}?")

    def server(self, database: str, **settings: str) -> "Server":
        """A server on that database; not yet started."""
        reserved, port = bind_unused_port()
        reserved.close()
        sandbox = Sandbox()
        return Server(
            port,
            HOST="127.0.0.1",
            PORT=str(port),
            NEXT_PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
            MONGODB_URI=self.database_uri(database),
            SUPABASE_JWT_SECRET=SECRET,
            SUPABASE_URL="",
            TOKEN_ENCRYPTION_KEYS=base64.b64encode(b"b" * 32).decode(),
            RATE_LIMIT_START="100000/hour",
            RATE_LIMIT_STATUS="1000000/minute",
            **{**sandbox.urls(self.sandbox_url), **sandbox.credentials(), **settings},
        )


class Server(Process):
    """`everreach serve` in a process of its own. Once ended it can be entered again: the same settings, a new life."""

    def __init__(self, port: int, **environment: str) -> None:
        super().__init__("everreach", "serve", **environment)
        self._origin = f"http://127.0.0.1:{port}"

    async def ready(self, http: Http) -> None:
        """Wait until it answers."""
        for _ in range(500):
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
        return DemoClient(http, f"{self._origin}{BASE}", user, issue(SECRET, user, 36000))


async def ended(client: DemoClient, job_id: str) -> dict[str, Any]:
    """The status document once the job has ended."""
    while not (job := await client.get(f"/status/{job_id}"))["completed_at"]:
        await asyncio.sleep(0.05)
    return job
