"""The dashboard shows every metric that there is, and none that there is not."""

import json
import re
from pathlib import Path
from typing import Any

from tests.everreach.observability.test_metrics import families

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "deploy" / "grafana" / "everreach.json").read_text("utf-8")
)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_it_shows_every_metric_and_no_other() -> None:
    shown = {name for expression in EXPRESSIONS for name in re.findall(r"everreach_\w+", expression)}
    samples = {
        name + suffix: name
        for name, (kind, _, _) in families().items()
        for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))
    }
    assert shown <= set(samples)
    assert {samples[name] for name in shown} == set(families())


def test_it_groups_only_by_labels_that_there_are() -> None:
    labels = {label for _, _, had in families().values() for label in had} | {"instance", "le"}
    grouped = {
        label for each in EXPRESSIONS for found in re.findall(r"by \(([^)]+)\)", each) for label in found.split(", ")
    }
    assert grouped <= labels


def test_panels_have_titles_of_their_own_and_lie_beside_one_another() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(titles)) == len(titles)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(titles)
    covered: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in DASHBOARD["panels"]):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not covered & cells
        assert place["x"] + place["w"] <= 24
        covered |= cells
