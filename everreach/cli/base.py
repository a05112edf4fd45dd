"""What the operator's commands have in common: where they are hung in, and the database that they work on."""

import argparse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias
from uuid import UUID

from everreach.config import Config
from storage.embedded.address import database_uri
from storage.mongo import Database, connect, verify

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a family of commands registers itself; each sets `command`, which takes the options and gives the exit code."""


def person_id(text: str) -> str:
    """A person's id, of any spelling. Raises ArgumentTypeError where it is none."""
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError("give the person's id, a UUID such as the `sub` of their token") from None


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Database]:
    """The servers' database. The embedded mongod is a running server's, or is started for as long as this lasts."""
    async with AsyncExitStack() as stack:
        uri = database_uri(config.mongodb_uri, config.everreach_data_dir, running=True)
        database = connect(await stack.enter_async_context(uri))
        stack.callback(database.client.close)
        await verify(database)
        yield database
