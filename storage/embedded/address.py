"""Where the database is: at the address that is set, at a running server's own mongod, or at one that is started."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from storage.embedded.mongod import EmbeddedMongod, running_uri


def known_uri(given: SecretStr | None, data_dir: Path, *, running: bool = True) -> str | None:
    """The address that was `given`, or else, where `running` ones are looked for, that of a server's own mongod."""
    if given:
        return given.get_secret_value()
    return running_uri(data_dir) if running else None


@asynccontextmanager
async def database_uri(
    given: SecretStr | None, data_dir: Path, *, running: bool, left: Callable[[], float | None] = lambda: None
) -> AsyncIterator[str]:
    """The address that is known, or that of a mongod of our own in `data_dir` for as long as this lasts.

    `left` says how many seconds its stop may take, None where it may take its time.
    """
    if uri := known_uri(given, data_dir, running=running):
        yield uri
        return
    mongod = EmbeddedMongod(data_dir)
    try:
        yield await mongod.start()
    finally:
        await mongod.stop(left())
