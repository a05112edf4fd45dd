"""What the database counted, as a product looks at it: outcomes, percentiles, and why imports fail."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final, NamedTuple, TypeVar

from everreach.jobs.job import ENDS, RUNNING
from storage.statistics import Group

K = TypeVar("K", bound=Hashable)

PERCENTILES: Final = (50, 95, 99)


@dataclass
class Sum:
    """Imports of one kind. `seconds` is how often each duration occurred."""

    imports: int = 0
    contacts: int = 0
    new: int = 0
    seconds: Counter[float] = field(default_factory=Counter)

    def add(self, group: Group) -> None:
        """Count these too."""
        self.imports += group.imports
        self.contacts += group.contacts
        self.new += group.new
        if group.seconds is not None:
            self.seconds[group.seconds] += group.imports

    def percentile(self, per_cent: int) -> float | None:
        """The duration that so many per cent of these imports did not exceed, in seconds; None where none ended."""
        rank = ceil(self.seconds.total() * per_cent / 100)
        for seconds, number in sorted(self.seconds.items()):
            rank -= number
            if rank <= 0:
                return seconds
        return None


class Kind(NamedTuple):
    """What a line of the table is about; `day` is ISO 8601, None for all days together."""

    day: str | None
    provider: str
    outcome: str


class Failure(NamedTuple):
    """Why imports failed, in the words that their people were given."""

    provider: str
    reason: str


def by_day(groups: Iterable[Group]) -> dict[Kind, Sum]:
    """A line for each day, provider and outcome, the newest day first."""
    summed = _summed(groups, lambda group: Kind(group.day.date().isoformat(), group.provider, _outcome(group)))
    return dict(sorted(sorted(summed.items()), key=lambda item: item[0].day or "", reverse=True))


def in_all(groups: Iterable[Group]) -> dict[Kind, Sum]:
    """The same for all days together."""
    return dict(sorted(_summed(groups, lambda group: Kind(None, group.provider, _outcome(group))).items()))


def failures(groups: Iterable[Group], most: int) -> Sequence[tuple[Failure, int]]:
    """The most frequent reasons, and how many imports each of them ended."""
    failed = [group for group in groups if group.status == "failed"]
    summed = _summed(failed, lambda group: Failure(group.provider, group.reason or "no reason was kept"))
    return Counter({reason: one.imports for reason, one in sorted(summed.items())}).most_common(most)


def _outcome(group: Group) -> str:
    if group.status in ENDS:
        return group.status
    return "running" if group.status in RUNNING else "waiting"


def _summed(groups: Iterable[Group], kind: Callable[[Group], K]) -> dict[K, Sum]:
    sums: dict[K, Sum] = {}
    for group in groups:
        sums.setdefault(kind(group), Sum()).add(group)
    return sums
