"""`everreach erase USER`: everything that is stored of a person, gone, after a look at what it is."""

import sys
from collections import Counter
from typing import Final

from rich.console import Console
from rich.prompt import Confirm

from everreach.cli.base import Commands, opened, person_id
from everreach.config import Config
from everreach.errors import EverReachError
from everreach.maintenance.erasure import Erased, Erasure, Revoked
from everreach.net.http import Http
from everreach.security.vault import Vault
from everreach.server.serve import run
from providers import connect as connect_providers
from storage.indexes import CONTACTS
from storage.jobs import JobStore
from storage.mongo import Database
from storage.personal_data import PersonStore

GRANT_LEFT: Final = 3
"""The exit code where everything here is erased, and a grant could not be revoked at its provider."""

_NOBODY_TO_ASK = "There is no terminal to ask at. Say --yes if it is meant."


def register(commands: Commands) -> None:
    """Add `erase`."""
    erased = commands.add_parser("erase", help="erase everything that is stored of a person")
    erased.add_argument("user", type=person_id, metavar="USER", help="the person's id, a UUID")
    erased.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
    erased.set_defaults(command=lambda options: run(erase(options.user, sure=options.yes)))


async def erase(user_id: str, *, sure: bool, console: Console | None = None) -> int:
    """Show what there is, ask, and erase. Returns 0 where nothing is left, GRANT_LEFT, or 1 where nothing was done."""
    console = console or Console(highlight=False, soft_wrap=True)
    config = Config.load()
    async with opened(config) as database:
        found = await PersonStore(database).count(user_id)
        if not found.total():
            console.print("Nothing is stored of this person.")
            return 0
        _announce(console, found)
        if not (sure or _confirmed(console)):
            console.print("Nothing was erased.")
            return 1
        erased = await _erase(console, config, database, user_id)
    _report(console, erased)
    return GRANT_LEFT if Revoked.FAILED in {outcome for _, outcome in erased.grants.values()} else 0


async def _erase(console: Console, config: Config, database: Database, user_id: str) -> Erased:
    def waiting(seconds: float) -> None:
        console.print(f"Waiting up to {seconds:.1f} s, until no server can still be writing to what was cancelled.")

    async with Http() as http:
        providers = connect_providers(config.providers, config.redirect_uri, http)
        flows, vault = {name: one.flow for name, one in providers.items()}, Vault(config.encryption_keys())
        erasure = Erasure(PersonStore(database), JobStore(database, keep_tokens=True), flows, vault)
        return await erasure.run(user_id, waiting)


def _announce(console: Console, found: Counter[str]) -> None:
    console.print("This erases, and cannot be undone:")
    for name, number in sorted((+found).items()):
        whose = " (all of this person's, whoever wrote them: the app's own too)" if name == CONTACTS else ""
        console.print(f"  {number:>9,} {name}{whose}")


def _confirmed(console: Console) -> bool:
    if not sys.stdin.isatty():
        raise EverReachError(_NOBODY_TO_ASK)
    return Confirm.ask("Erase it?", console=console, default=False)


def _report(console: Console, erased: Erased) -> None:
    console.print(f"Imports ended: {erased.ended:,}")
    for (provider, outcome), number in sorted(Counter(erased.grants.values()).items(), key=str):
        console.print(f"Grants at {provider}: {number:,} {outcome.value}")
    if any(outcome is not Revoked.DONE for _, outcome in erased.grants.values()):
        console.print("The person can end those grants at the provider's own page for connected apps.")
    deleted = ", ".join(f"{number:,} {name}" for name, number in sorted((+erased.deleted).items()))
    console.print(f"Deleted: {deleted or 'nothing'}")
    console.print("Nothing is stored of this person any more.")
