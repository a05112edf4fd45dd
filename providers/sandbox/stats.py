"""What the sandbox has been asked for, so that a test can say "exactly one exchange"."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Stats:
    """Counters since the start; `as_dict` is what `GET /_sandbox/stats` answers."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """By route, such as `google token`."""
        self.pages: Counter[str] = Counter()
        """Pages of contacts served whole, by account."""
        self.faults: Counter[str] = Counter()
        """Faults played, by kind."""
        self.codes_exchanged = 0
        self.refreshes = 0
        self.revoked = 0
        self.peak_page_requests = 0
        """The most requests for pages that were ever in flight together."""
        self._in_flight = 0

    @contextmanager
    def page_request(self) -> Iterator[None]:
        """Counts a request for a page as in flight."""
        self._in_flight += 1
        self.peak_page_requests = max(self.peak_page_requests, self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1

    def as_dict(self) -> dict[str, object]:
        """Every public counter by its name."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}
