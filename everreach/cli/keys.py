"""`everreach keys`: a fresh key, and everything that is sealed moved on to the first one."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from everreach.cli.base import Commands, opened
from everreach.config import Config
from everreach.errors import VaultError
from everreach.maintenance.key_rotation import KeyRotation, Pass
from everreach.security.key_strength import new_key
from everreach.security.vault import Vault
from everreach.server.serve import run
from storage.sealed_values import Sealed, SealedStore

_BEFOREHAND = "Every server has to know the first key of the list by now, or it cannot open what is sealed anew."


def register(commands: Commands) -> None:
    """Add `keys new` and `keys rotate`."""
    actions = commands.add_parser("keys", help="make and rotate the keys that seal provider tokens").add_subparsers(
        required=True, metavar="ACTION"
    )
    actions.add_parser("new", help="print a fresh key for TOKEN_ENCRYPTION_KEYS").set_defaults(command=lambda _: new())
    actions.add_parser("rotate", help="seal everything with the first key, while servers run").set_defaults(
        command=lambda _: run(rotate())
    )


def new() -> int:
    """Print a fresh key, and nothing else."""
    sys.stdout.write(f"{new_key()}\n")
    return 0


async def rotate(console: Console | None = None) -> int:
    """Reseal. Returns 0 where nothing is sealed by another key of the list any more, else 1."""
    console = console or Console(highlight=False, soft_wrap=True)
    config = Config.load()
    vault = Vault(config.encryption_keys())
    console.print(_BEFOREHAND)
    async with opened(config) as database:
        passes = await _with_progress(console, SealedStore(database), vault)
    _report(console, vault, passes)
    console.print(_conclusion(passes[-1], keys=len(config.token_encryption_keys)))
    return 0 if passes[-1].clean else 1


async def _with_progress(console: Console, store: SealedStore, vault: Vault) -> list[Pass]:
    columns = (TextColumn("{task.description}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Jobs looked through", total=await store.count())
        return await KeyRotation(store, vault).run(lambda found: progress.update(bar, completed=found.jobs))


def _report(console: Console, vault: Vault, passes: Sequence[Pass]) -> None:
    last = passes[-1]
    for value in last.unreadable:
        console.print(f"Job {value.job_id}: {value.field} does not open with any key of the list{_by(vault, value)}.")
    resealed = sum(one.resealed for one in passes)
    told = (
        f"{resealed:,} sealed anew",
        f"{last.current:,} sealed by the first key",
        f"{len(last.unreadable):,} opened by none",
    )
    console.print(f"Values: {', '.join(told)}.")


def _by(vault: Vault, value: Sealed) -> str:
    try:
        return f"; key {vault.key_id(value.text)} sealed it"
    except VaultError:
        return " and was never sealed"


def _conclusion(last: Pass, keys: int) -> str:
    if not last.clean:
        return (
            "Do not take an old key out yet: some server still seals with one. Put the new key in front on every "
            "server, restart them, then run this again."
        )
    if keys == 1:
        return "There is one key in the list, and nothing to take out."
    return (
        "Every key but the first may now be taken out of TOKEN_ENCRYPTION_KEYS, as soon as every server has the "
        "first one in front."
    )
