"""What a scrape says."""

from collections.abc import Iterable, Mapping

from prometheus_client.parser import text_string_to_metric_families

Scrape = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Each sample's value, by its name and labels."""


def parsed(body: bytes) -> Scrape:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in text_string_to_metric_families(body.decode())
        for sample in metric.samples
    }


def total(scrape: Scrape, name: str, **labels: str) -> float:
    """The sum of those samples that have these labels."""
    return sum(value for (named, has), value in scrape.items() if named == name and labels.items() <= dict(has).items())


def counters(scrape: Scrape) -> Scrape:
    """What may only grow."""
    ends = ("_total", "_count", "_sum", "_bucket")
    return {key: value for key, value in scrape.items() if key[0].endswith(ends)}


def changed(scrapes: Iterable[Scrape]) -> set[str]:
    """The names of the samples that did not stay as they were."""
    seen: dict[tuple[str, frozenset[tuple[str, str]]], set[float]] = {}
    for scrape in scrapes:
        for key, value in scrape.items():
            seen.setdefault(key, {0.0}).add(value)
    first = next(iter(scrapes), {})
    return {key[0] for key, values in seen.items() if values - {0.0, first.get(key, 0.0)}}
