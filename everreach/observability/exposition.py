"""What Prometheus is told of the metrics, in its text format."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from everreach.observability.metrics import REGISTRY, ROUTES

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
"""Of what exposition() gives."""


class _Told(Collector):
    """Everything, save of routes, for there are many, and of what is in no list: of these only what came up."""

    def collect(self) -> Iterator[Metric]:
        for metric in REGISTRY.collect():
            came_up = {_subject(sample) for sample in metric.samples if sample.value}
            whole = came_up if metric.type == "histogram" else set[str]()
            metric.samples = [
                sample
                for sample in metric.samples
                if sample.value or (subject := _subject(sample)) not in ROUTES or subject in whole
            ]
            yield metric


def _subject(sample: Sample) -> str:
    return sample.labels.get("route") or sample.labels.get("provider", "")


def exposition() -> bytes:
    """Every metric, of all workers together."""
    return generate_latest(_Told())
