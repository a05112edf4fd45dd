"""The instruments: every metric of EverReach Import, in one place. docs/observability.md says what each tells.

Labels are bound before the first request, and only to values from lists that are closed by then. Never is one a path,
an id, or anything else that a person or a provider chose.
"""

from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values

from everreach.errors import (
    BrokenListingError,
    ListingExpiredError,
    OversizeError,
    ProviderError,
    ReconnectError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnrenderedError,
)
from everreach.jobs.job import ENDS, Job, Tally
from everreach.observability.shared_memory import Heartbeat, SharedValue

OTHER: Final = "other"
"""The label of whatever is not in its list."""

ANSWERS: Final = (101, 200, 204, 302, 304, 400, 401, 403, 404, 405, 409, 413, 426, 429, 500, 503)
"""Every HTTP status that we answer with."""

KINDS: Final[dict[type[ProviderError], str]] = {
    ProviderError: "refused",
    TransientError: "transient",
    UnrenderedError: "transient",
    OversizeError: "transient",
    ThrottledError: "throttled",
    TokenRejectedError: "token_rejected",
    ReconnectError: "reconnect",
    BrokenListingError: "broken_listing",
    ListingExpiredError: "listing_expired",
}
"""What a call to a provider may end with."""

STAGES: Final = ("consent", "import")
"""Where a job may end: before a worker has had it, or after."""

WRITES: Final = ("contacts", "commit")
"""The steps in which a page is written."""

FOLLOWERS: Final = ("long_poll", "websocket", "events")
"""How a connection may be held open."""

# Each number gets a cell that the workers of one parent share, see everreach/observability/shared_memory.py.
values.ValueClass = SharedValue
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
_counter, _gauge = partial(Counter, registry=REGISTRY), partial(Gauge, registry=REGISTRY)
_histogram = partial(Histogram, registry=REGISTRY)

REQUESTS = _counter("everreach_http_requests_total", "Requests answered.", ("route", "status"))
REQUEST_SECONDS = _histogram(
    "everreach_http_request_duration_seconds",
    "Time until a request was answered; connections that were held open to follow a job are left out.",
    ("route",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
JOBS_ENDED = _counter(
    "everreach_jobs_ended_total", "Import jobs that ended, and whether their import had begun.",
    ("provider", "status", "stage"),
)  # fmt: skip
JOBS_RUNNING = _gauge("everreach_jobs_running", "Imports that are worked on now.", multiprocess_mode="livesum")
JOBS_WAITING = _gauge(
    "everreach_jobs_waiting",
    "Imports that are due and found no free worker; each process counts up to its limit of imports.",
    multiprocess_mode="livemax",
)
JOBS_WAITING_SECONDS = _gauge(
    "everreach_jobs_waiting_oldest_seconds",
    "How long the one of them has waited that waits longest.",
    multiprocess_mode="livemax",
)
CONTACTS = _counter("everreach_contacts_total", "Contacts whose page was committed.", ("provider", "outcome"))
PAGE_FETCH_SECONDS = _histogram(
    "everreach_page_fetch_duration_seconds",
    "Time until a page of contacts was there, with a refresh of the token.",
    ("provider",),
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
PAGE_WRITE_SECONDS = _histogram(
    "everreach_page_write_duration_seconds",
    "Time of each step in which a page of contacts is written.",
    ("provider", "step"),
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
CALL_SECONDS = _histogram(
    "everreach_provider_request_duration_seconds",
    "Time of each single request to a provider, whatever came of it.",
    ("provider",),
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ERRORS = _counter("everreach_provider_errors_total", "Requests to a provider that failed.", ("provider", "kind"))
RETRIES = _counter("everreach_provider_retries_total", "Requests to a provider that were sent again.", ("provider",))
REFRESHES = _counter("everreach_token_refreshes_total", "Access tokens that were refreshed.", ("provider",))
TAKEOVERS = _counter("everreach_lease_takeovers_total", "Imports that were taken over from a worker that died.")
WEBHOOKS = _counter("everreach_webhook_tries_total", "Tries to deliver a webhook.", ("outcome",))
HELD = _gauge(
    "everreach_followers", "Connections held open to follow a job.", ("kind",), multiprocess_mode="livesum"
)  # fmt: skip
NODES_READY = _gauge(
    "everreach_nodes_ready",
    "Processes that take work and whose database answered when they last looked for some.",
    multiprocess_mode="livesum",
)
LOOP_LAG_SECONDS = _histogram(
    "everreach_event_loop_lag_seconds",
    "How late the event loop was when it was to wake up, four times a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
LOOP_STALL_SECONDS = _gauge("everreach_event_loop_stall_seconds", "Time since an event loop last woke up.")
STREAM_LAG_SECONDS = _gauge(
    "everreach_change_stream_lag_seconds", "Time since a change stream last said that nothing was missed."
)
LOOP_HEARTBEAT, STREAM_HEARTBEAT = Heartbeat(), Heartbeat()
LOOP_STALL_SECONDS.set_function(LOOP_HEARTBEAT.age)
STREAM_LAG_SECONDS.set_function(STREAM_HEARTBEAT.age)
WEBHOOK: Final = {outcome: WEBHOOKS.labels(outcome) for outcome in ("delivered", "failed", "given_up")}
"""The counter of each thing that may come of a try."""
FOLLOWING: Final = {kind: HELD.labels(kind) for kind in FOLLOWERS}
"""The gauge of each kind of follower."""


class OfRoute:
    """What is counted for one route."""

    def __init__(self, name: str) -> None:
        self._answers = {status: REQUESTS.labels(name, status) for status in (*ANSWERS, OTHER)}
        self._seconds = REQUEST_SECONDS.labels(name)

    def answered(self, status: int, seconds: float, *, held: bool) -> None:
        """A request was answered; `held` says that it followed a job for as long as it took."""
        (self._answers.get(status) or self._answers[OTHER]).inc()
        if not held:
            self._seconds.observe(seconds)


class OfProvider:
    """What is counted for one provider."""

    def __init__(self, name: str) -> None:
        self.fetch, self.call = PAGE_FETCH_SECONDS.labels(name), CALL_SECONDS.labels(name)
        self.write = {step: PAGE_WRITE_SECONDS.labels(name, step) for step in WRITES}
        self.retries, self.refreshes = RETRIES.labels(name), REFRESHES.labels(name)
        self._errors = {kind: ERRORS.labels(name, kind) for kind in KINDS.values()}
        self._ended = {end: JOBS_ENDED.labels(name, *end) for end in product(ENDS, STAGES)}
        self._created, self._skipped, self._failed = (
            CONTACTS.labels(name, outcome) for outcome in ("created", "skipped", "failed")
        )

    def failed(self, error: ProviderError) -> None:
        """A request failed."""
        self._errors[KINDS.get(type(error), KINDS[ProviderError])].inc()

    def committed(self, tally: Tally) -> None:
        """A page was committed."""
        self._created.inc(tally.imported)
        self._skipped.inc(tally.skipped)
        self._failed.inc(tally.failed)

    def ended(self, job: Job) -> None:
        """A job has come to its end."""
        self._ended[job.status, STAGES[bool(job.fence)]].inc()


ROUTES: Final = {OTHER: OfRoute(OTHER)}
PROVIDERS: Final = {OTHER: OfProvider(OTHER)}


def bind_routes(names: Iterable[str]) -> None:
    """Name the routes, once, when the route table is made."""
    ROUTES.update({name: OfRoute(name) for name in names})


def bind_providers(names: Iterable[str]) -> None:
    """Name the providers, once, when their registry is made."""
    PROVIDERS.update({name: OfProvider(name) for name in names})


def of_route(name: str) -> OfRoute:
    """What is counted for this route."""
    return ROUTES.get(name) or ROUTES[OTHER]


def of_provider(name: str) -> OfProvider:
    """What is counted for this provider."""
    return PROVIDERS.get(name) or PROVIDERS[OTHER]
