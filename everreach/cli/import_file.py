"""`everreach import FILE --user ID`: a file imported from here, by the engine that every server has."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import UNSET
from rich.console import Console

from everreach.cli.base import Commands, opened, person_id
from everreach.cli.import_screen import ImportScreen
from everreach.config import Config
from everreach.errors import EverReachError
from everreach.jobs.job import Job, Status
from everreach.jobs.options import Duplicates, WithoutEmail
from everreach.net.http import Http
from everreach.server.composition import compose
from everreach.server.serve import run
from everreach.uploads.first_look import Seen
from everreach.uploads.local_file import LocalFiles
from handlers.asked import HowToRead
from handlers.services import Services
from storage.files.uploads import Upload
from storage.indexes import ensure_indexes

_POLL_SECONDS: Final = 0.1
_GONE: Final = "The import is gone: everything of this person was erased."


class Order(NamedTuple):
    """What the command line says: whose contacts they become, how they are read, and whether nobody is asked."""

    path: Path
    user_id: str
    how: HowToRead
    sure: bool


def register(commands: Commands) -> None:
    """Add `import`."""
    imported = commands.add_parser("import", help="import a CSV or vCard file for a person")
    add = imported.add_argument
    add("file", type=Path, metavar="FILE", help="the file, packed by gzip or not")
    add("--user", type=person_id, required=True, metavar="ID", help="whose contacts they become, a UUID")
    add("--without-email", choices=[*WithoutEmail], help="what becomes of those (else IMPORT_WITHOUT_EMAIL)")
    add("--duplicates", choices=[*Duplicates], help="what becomes of those (else IMPORT_DUPLICATES)")
    add("--region", metavar="CC", help="where phone numbers without a country are from, such as GB")
    add("--map", type=_column, action="append", metavar="N=FIELD", help="what a column holds, such as 3=phone.mobile")
    add("--yes", action="store_true", help="do not ask where no column is certain")
    imported.set_defaults(command=lambda options: run(import_file(_order(options))))


async def import_file(order: Order, console: Console | None = None) -> int:
    """Store the file, begin its import, and see it to its end. Returns 0 where it completed, else 1."""
    screen = ImportScreen(console)
    async with _engine(Config.load()) as services:
        upload, seen = await _received(screen, services, order)
        try:
            screen.describe(seen)
            job = await _imported(screen, services, order, upload, sure=seen.certain)
            screen.report(job)
        finally:
            await _tidied(services, upload)
    return 0 if job and job.status is Status.COMPLETED else 1


@asynccontextmanager
async def _engine(config: Config) -> AsyncIterator[Services]:
    """A node that listens to nobody. Others on the same database may take its jobs, and it may take theirs."""
    async with opened(config) as database, Http() as http:
        await ensure_indexes(database)
        services = compose(config, database, http)
        services.runner.start()
        try:
            yield services
        finally:
            await services.runner.stop(config.everreach_shutdown_seconds)


async def _received(screen: ImportScreen, services: Services, order: Order) -> tuple[Upload, Seen]:
    options = order.how.over(services.config.import_options)
    local = LocalFiles(services.uploads, services.files, services.config.everreach_max_upload)
    with screen.progress() as progress:
        bar = progress.add_task("Stored", total=None)

        def taken(read: int, size: int) -> None:
            progress.update(bar, completed=read, total=size)

        return await local.receive(order.path, order.user_id, options, taken)


async def _imported(
    screen: ImportScreen, services: Services, order: Order, upload: Upload, *, sure: bool
) -> Job | None:
    """The job when it has ended; None where the person at the terminal does not mean it."""
    if not (sure or order.sure or order.how.mapping or screen.confirmed()):
        return None
    job = await services.files.begin(*upload, order.how.ways, order.how.over)
    services.commands.go(job)
    return await _followed(screen, services, upload)


async def _followed(screen: ImportScreen, services: Services, upload: Upload) -> Job:
    with screen.progress() as progress:
        bar = progress.add_task("Imported", total=100)
        while job := await services.jobs.get(*upload):
            progress.update(bar, completed=job.progress_percent)
            if job.status.ended:
                return job
            await asyncio.sleep(_POLL_SECONDS)
    raise EverReachError(_GONE)


async def _tidied(services: Services, upload: Upload) -> None:
    """Of a job that never began nothing is kept; one under way is left to the next worker, with its file."""
    job = await services.jobs.get(*upload)
    if job and job.status is Status.PENDING:
        await services.jobs.cancel(*upload)
    await services.uploads.tidy(upload)


def _order(options: argparse.Namespace) -> Order:
    how = HowToRead(
        without_email=options.without_email and WithoutEmail(options.without_email),
        duplicates=options.duplicates and Duplicates(options.duplicates),
        region=options.region,
        mapping=dict(options.map) if options.map else UNSET,
    )
    return Order(options.file, options.user, how, options.yes)


def _column(text: str) -> tuple[str, str]:
    index, _, field = text.partition("=")
    if not (index.isdecimal() and field):
        raise argparse.ArgumentTypeError("give a column's number and what it holds, such as 3=phone.mobile")
    return index, field
