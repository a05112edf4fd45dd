"""`everreach demo`: whole imports from a local Google and Microsoft, a CSV and a vCard, through the real HTTP flow."""

import asyncio
import secrets
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import SecretStr
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from everreach.cli.demo_client import DemoClient
from everreach.config import Config
from everreach.net.http import Http
from everreach.security.authenticator import issue
from everreach.security.key_strength import new_key
from everreach.server.app import Node
from handlers import BASE
from providers.sandbox.app import Sandbox, make_app
from providers.sandbox.book import Book
from providers.sandbox.files.csv_file import google_csv
from providers.sandbox.files.vcard_file import vcards
from providers.sandbox.people import Person, person
from storage.mongo import connect, drop, neighbour

_HOST: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.1
_TOKEN_SECONDS: Final = 3600
_PAGE_SECONDS: Final = 0.4  # What a page takes at the real providers, more or less.
_ACCOUNTS: Final = {"google": "ada@gmail.example", "microsoft": "grace@outlook.example"}
_FILES: Final[dict[str, Callable[[Iterable[Person]], bytes]]] = {"csv": google_csv, "vcard": vcards}
_FILE_SIZE: Final = 2000
_TITLES: Final = {"google": "Google", "microsoft": "Microsoft", "csv": "CSV file", "vcard": "vCard file"}
_HEADINGS: Final = ("", "Contacts", "New", "Duplicate", "No e-mail", "Failed", "Seconds", "Per s")


class Outcome(NamedTuple):
    """An import that has ended: its status document, why contacts were skipped, and how long it took."""

    job: dict[str, Any]
    reasons: Counter[str]
    seconds: float


class Demo:
    """Starts a mongod, a sandbox and a server, and plays the person with the browser. Ends what it started.

    Where the environment has MONGODB_URI it starts no mongod: a new database there is the demo's own, and then dropped.
    """

    def __init__(self, contacts: int, *, keep: bool) -> None:
        self._contacts = contacts
        # A person at a terminal may want to try the addresses; a script wants its exit code.
        self._keep = keep or sys.stdout.isatty()
        self._console = Console(highlight=False)
        self._secret = secrets.token_urlsafe(48)
        self._sandbox = Sandbox(size=contacts)
        # An empty file is none.
        self._sources = [*_ACCOUNTS, *(_FILES if contacts else ())]
        self._users = {source: str(uuid.uuid4()) for source in self._sources}

    async def run(self) -> int:
        """Show it. Returns 0 where all imports completed."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with tempfile.TemporaryDirectory(prefix="everreach-demo-") as folder:
            given = self._config(Path(folder))
            place = "a new database at MONGODB_URI" if given.mongodb_uri else "a private mongod"
            self._console.print(f"Starting {place}, a local Google and Microsoft, and the server …")
            async with _own_database(given) as config, Node(config) as node, Http() as http:
                outcomes = await self._import_all(node, http)
                self._summarise(outcomes)
                if self._keep:
                    self._invite(node)
                    await stop.wait()
                else:
                    self._console.print("\nTo try it in a browser run: everreach demo --keep")
        return 0 if all(outcome.job["status"] == "completed" for outcome in outcomes) else 1

    def _config(self, folder: Path) -> Config:
        sandbox = self._sandbox
        server = HTTPServer(make_app(sandbox))
        sockets = bind_sockets(0, _HOST)
        server.add_sockets(sockets)
        port = _free_port()
        settings = {
            **sandbox.urls(f"http://{_HOST}:{sockets[0].getsockname()[1]}"),
            **sandbox.credentials(),
            "HOST": _HOST,
            "PORT": port,
            "NEXT_PUBLIC_BASE_URL": f"http://{_HOST}:{port}",
            "EVERREACH_DATA_DIR": folder,
            "SUPABASE_URL": None,
            "SUPABASE_JWT_SECRET": self._secret,
            "TOKEN_ENCRYPTION_KEYS": new_key(),
            # What the demo makes up is nobody's business.
            "WEBHOOK_URLS": (),
            # The demo polls faster than the app, and its visitor shall have more than the starts that it leaves.
            "RATE_LIMIT_START": "100/hour",
            "RATE_LIMIT_STATUS": "6000/minute",
            "RATE_LIMIT_JOBS": "6000/minute",
            "EVERREACH_CONSOLE": True,
        }
        return Config.load(_env_file=None, **{name.lower(): value for name, value in settings.items()})

    async def _import_all(self, node: Node, http: Http) -> list[Outcome]:
        columns = (TextColumn("{task.description:>10}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            return await asyncio.gather(*(self._import(node, http, progress, provider) for provider in self._sources))

    async def _import(self, node: Node, http: Http, progress: Progress, provider: str) -> Outcome:
        client = DemoClient(http, f"http://{_HOST}:{node.port}{BASE}", self._users[provider], self._token(provider))
        bar = progress.add_task(_TITLES[provider], total=self._contacts)
        file = await asyncio.to_thread(self._file, provider) if provider in _FILES else b""
        began = time.monotonic()
        job_id = await (
            client.upload(f"contacts.{provider}", file)
            if provider in _FILES
            else client.consent(provider, _ACCOUNTS[provider], self._contacts)
        )
        while True:
            job = await client.get(f"/status/{job_id}")
            progress.update(bar, completed=job["processed_contacts"], total=job["total_contacts"] or None)
            if job["completed_at"]:
                return Outcome(job, await client.skip_reasons(job_id), time.monotonic() - began)
            await asyncio.sleep(_POLL_SECONDS)

    def _file(self, provider: str) -> bytes:
        book = Book(f"{provider}@files.example", min(self._contacts, _FILE_SIZE))
        return _FILES[provider](person(book, number) for number in range(book.size))

    def _summarise(self, outcomes: list[Outcome]) -> None:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for place, name in enumerate(_HEADINGS):
            table.add_column(name, justify="right" if place else "left", no_wrap=True)
        for job, reasons, seconds in outcomes:
            processed, failed = job["processed_contacts"], job["failed_contacts"]
            without = reasons["no_email"] + reasons["unusable_email"]
            numbers = (processed, job["imported_contacts"], reasons["duplicate"], without, failed)
            cells = (f"{number:,}" for number in numbers)
            name = _TITLES[job["provider"]]
            table.add_row(name, *cells, f"{seconds:.1f}", f"{processed / seconds:,.0f}")
        self._console.print(table)
        for job in (outcome.job for outcome in outcomes if outcome.job["status"] != "completed"):
            self._console.print(f"{_TITLES[job['provider']]} {job['status']}: {job['error_message']}")
        processed = sum(outcome.job["processed_contacts"] for outcome in outcomes)
        self._console.print(f"{processed:,} contacts processed in all.")

    def _invite(self, node: Node) -> None:
        # A person shall see the bar move.
        self._sandbox.latency = _PAGE_SECONDS
        origin, token = f"http://{_HOST}:{node.port}", self._token("google")
        self._console.print("\nOpen the console in a browser; the link is good for an hour:\n")
        self._print_whole(f"{origin}/console#token={token}")
        self._console.print("\nOr call the API by hand, as the README shows:\n")
        self._print_whole(f"API={origin}{BASE}\nTOKEN={token}")
        self._console.print("\nEverything keeps running; end it with Ctrl-C.")

    def _print_whole(self, text: str) -> None:
        """However long a line is, so that it can be copied."""
        self._console.print(text, soft_wrap=True, markup=False)

    def _token(self, provider: str) -> str:
        return issue(self._secret, self._users[provider], _TOKEN_SECONDS, email=_ACCOUNTS.get(provider))


@asynccontextmanager
async def _own_database(config: Config) -> AsyncIterator[Config]:
    """The settings with a database that nobody else uses and that does not outlive the demo."""
    if config.mongodb_uri is None:
        yield config
        return
    uri = neighbour(config.mongodb_uri.get_secret_value(), f"everreach_demo_{secrets.token_hex(8)}")
    try:
        yield config.model_copy(update={"mongodb_uri": SecretStr(uri)})
    finally:
        database = connect(uri)
        await drop(database)
        database.client.close()


def _free_port() -> int:
    (listening, *_) = bind_sockets(0, _HOST)
    with listening:
        return int(listening.getsockname()[1])
