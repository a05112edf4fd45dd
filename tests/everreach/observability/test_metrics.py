"""The instruments: named as Prometheus asks, with labels from closed lists, each told in the documentation."""

import re
import time
from pathlib import Path

from everreach.errors import ListingExpiredError, PrivateAddressError, ProviderError
from everreach.jobs.job import ENDS, Tally
from everreach.observability import metrics
from everreach.observability.exposition import exposition
from everreach.observability.shared_memory import _shared
from handlers import CONSOLE, ROUTES
from providers import REGISTRY

DOCUMENT = Path(__file__).parents[3] / "docs" / "observability.md"
UNITS = ("_seconds", "_bytes", "_ratio")
LABELS = {"route", "status", "provider", "stage", "outcome", "step", "kind"}


def families() -> dict[str, tuple[str, str, set[str]]]:
    """Type, help text and labels of each metric, by the name under which it is scraped."""
    return {
        metric.name + ("_total" if metric.type == "counter" else ""): (
            metric.type,
            metric.documentation,
            {label for sample in metric.samples for label in sample.labels} - {"le"},
        )
        for metric in metrics.REGISTRY.collect()
    }


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_names_follow_the_conventions() -> None:
    for name, (kind, told, _) in families().items():
        assert re.fullmatch(r"everreach_[a-z]+(_[a-z]+)*", name)
        assert told.endswith(".")
        assert (kind == "counter") == name.endswith("_total")
        assert kind != "histogram" or name.endswith(UNITS)


def test_labels_come_from_closed_lists() -> None:
    providers = {*(kind.name for kind in REGISTRY), metrics.OTHER}
    routes = {*(handler.route() for _, handler in ROUTES + CONSOLE), "NotFoundHandler", metrics.OTHER}
    closed = {
        "route": routes,
        "status": {*map(str, metrics.ANSWERS), *ENDS, metrics.OTHER},
        "provider": providers,
        "stage": set(metrics.STAGES),
        "outcome": {"created", "skipped", *metrics.WEBHOOK},
        "step": set(metrics.WRITES),
        "kind": {*metrics.KINDS.values(), *metrics.FOLLOWERS},
    }
    for metric in metrics.REGISTRY.collect():
        for sample in metric.samples:
            for label, text in sample.labels.items():
                assert label == "le" or text in closed[label]


def test_each_metric_has_its_row_in_the_documentation() -> None:
    rows = re.findall(r"^\| `(everreach_\w+)` \| (\w+) \| ([^|]*)\|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert documented == {name: (kind, labels) for name, (kind, _, labels) in families().items()}
    assert len(rows) == len(documented)


def kinds_of(error: type[ProviderError]) -> set[type[ProviderError]]:
    return {error}.union(*(kinds_of(kind) for kind in error.__subclasses__()))


def test_each_error_of_a_provider_has_a_kind() -> None:
    product = {kind for kind in kinds_of(ProviderError) if kind.__module__ == "everreach.errors"}
    # Webhooks alone go to addresses that somebody else has chosen.
    assert set(metrics.KINDS) == product - {PrivateAddressError}
    before = value("everreach_provider_errors_total", provider="google", kind="listing_expired")
    metrics.of_provider("google").failed(ListingExpiredError())
    assert value("everreach_provider_errors_total", provider="google", kind="listing_expired") == before + 1


def test_what_is_in_no_list_is_other() -> None:
    labels = {"provider": metrics.OTHER, "outcome": "created"}
    before = (
        value("everreach_contacts_total", **labels),
        value("everreach_http_requests_total", route="other", status="other"),
    )
    metrics.of_provider("nobody's").committed(Tally(3))
    metrics.of_route("NobodysHandler").answered(418, 0.1, held=False)
    after = (
        value("everreach_contacts_total", **labels),
        value("everreach_http_requests_total", route="other", status="other"),
    )
    assert [new - old for new, old in zip(after, before, strict=True)] == [3, 1]


def test_every_number_has_room_to_grow_threefold() -> None:
    assert _shared._used * 3 < len(_shared.row)


def test_a_scrape_is_cheap() -> None:
    for _, handler in ROUTES:
        metrics.of_route(handler.route()).answered(200, 0.01, held=False)
    spent = []
    for _ in range(10):
        began = time.process_time()
        exposition()
        spent.append(time.process_time() - began)
    assert min(spent) < 0.02
