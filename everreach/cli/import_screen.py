"""What `everreach import` shows: what was understood of the file, how far its import is, and how it ended.

Nothing of it is anybody's: a column is shown by its number and its header, and not by what it holds.
"""

import sys
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm

from everreach.errors import EverReachError
from everreach.jobs.job import Job
from everreach.uploads.first_look import Seen
from providers.files.csv.columns import CERTAIN

_NOBODY_TO_ASK: Final = "There is no terminal to ask at. Say with --map what the columns hold, or --yes."


class ImportScreen:
    """The person at the command line."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def progress(self) -> Progress:
        """Bars that move."""
        columns = (TextColumn("{task.description:>8}"), BarColumn(40), TaskProgressColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self._console)

    def describe(self, seen: Seen) -> None:
        """Say what was understood, and of which columns that is uncertain."""
        reading = seen.reading
        apart = f", cells apart by {reading.delimiter!r}" if reading.delimiter else ""
        self._say(f"A {seen.provider} file in {reading.encoding}{apart}, about {seen.records:,} records.")
        for column in seen.columns:
            sure = "" if column.confidence >= CERTAIN else f" (uncertain: {column.reason})"
            self._say(f"  {column.index:>3} {column.header or '(no header)'}: {column.field}{sure}")
        for warning in seen.warnings:
            self._say(warning)

    def confirmed(self) -> bool:
        """Whether it is meant like this. Raises EverReachError where nobody can be asked."""
        if not sys.stdin.isatty():
            raise EverReachError(_NOBODY_TO_ASK)
        return Confirm.ask("Import it like this?", console=self._console, default=False)

    def report(self, job: Job | None) -> None:
        """Say how the job ended; None is one that never began."""
        if job is None:
            self._say("Nothing was imported.")
            return
        parts = {"imported": job.imported_contacts, "skipped": job.skipped_contacts, "failed": job.failed_contacts}
        self._say(f"Import {job.id} {job.status}: {', '.join(f'{count:,} {name}' for name, count in parts.items())}.")
        if reason := job.error_message or job.notice:
            self._say(reason)

    def _say(self, sentence: str) -> None:
        """As it is: what a file holds is no markup."""
        self._console.print(escape(sentence))
