"""How long a job waits for a provider that throttles, as an expression of the database's clock."""

import random
from typing import Final, NamedTuple

from storage.mongo import Document
from storage.transitions import NOW

THROTTLE_LIMIT_SECONDS: Final = 900.0
"""How long in a row a provider's throttling is waited out."""

FIRST_WAIT_SECONDS: Final = 2.0
"""The first wait for a provider that throttles without advice; each further one takes as long as all before it."""

LONGEST_WAIT_SECONDS: Final = 64.0


class Wait(NamedTuple):
    """A wait as expressions: when the throttling began, whether the job is still patient, and when its next try is."""

    since: Document
    patient: Document
    until: Document

    def or_stay(self, steps: Document) -> Document:
        """Expressions that set these fields to theirs while the job is patient, and else leave them as they are."""
        return {name: {"$cond": [self.patient, step, f"${name}"]} for name, step in steps.items()}


def wait(advised: float | None) -> Wait:
    """The wait that a provider advised, in seconds; without advice the waits double.

    A try that comes too early is often counted against us, so that no wait is shorter than it should be.
    """
    since: Document = {"$ifNull": ["$throttled_since", NOW]}
    waited = {"$subtract": [NOW, since]}
    doubled = {"$min": [{"$max": [waited, FIRST_WAIT_SECONDS * 1000]}, LONGEST_WAIT_SECONDS * 1000]}
    spread = {"$multiply": [doubled if advised is None else advised * 1000, random.uniform(1.0, 1.2)]}  # noqa: S311
    left = {"$subtract": [THROTTLE_LIMIT_SECONDS * 1000, waited]}
    until = {"$add": [NOW, {"$toLong": {"$max": [100, {"$min": [spread, left]}]}}]}
    return Wait(since, {"$gt": [left, 0]}, until)
