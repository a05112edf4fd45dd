"""What could not be done is left alone by this node for a while, and for longer each time."""

import random
import time
from typing import Final

FIRST_SECONDS: Final = 1.0
"""The first rest; each further one in a row is twice as long."""

LONGEST_SECONDS: Final = 60.0

_REMEMBERED: Final = 1000  # Beyond them one may be tried too early, but nothing grows.


class Backoff:
    """The jobs of one node that rest. Other nodes may be luckier, so that nothing of it is stored."""

    def __init__(self) -> None:
        self._rests: dict[str, tuple[float, float]] = {}

    def lay(self, job_id: str, longest: float = LONGEST_SECONDS) -> None:
        """It failed: let it rest, for `longest` seconds at the most."""
        _, last = self._rests.pop(job_id, (0.0, FIRST_SECONDS / 2))
        seconds = min(last * 2, longest)
        # Jitter, so that what failed together is not tried together.
        self._rests[job_id] = time.monotonic() + seconds * random.uniform(0.8, 1.0), seconds  # noqa: S311
        if len(self._rests) > _REMEMBERED:
            del self._rests[next(iter(self._rests))]

    def end(self, job_id: str) -> None:
        """It went well: the next rest is a first one."""
        self._rests.pop(job_id, None)

    def resting(self) -> list[str]:
        """Those that rest now; who has not failed for long after is forgotten."""
        now = time.monotonic()
        self._rests = {id_: one for id_, one in self._rests.items() if one[0] + LONGEST_SECONDS > now}
        return [job_id for job_id, (until, _) in self._rests.items() if until > now]
