"""The alerts: valid, each seen to fire and to be silent, about metrics that there are, each with a runbook."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.everreach.observability.test_metrics import DOCUMENT, families

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = (FOLDER / "alerts.yml").read_text("utf-8")
TESTS = (FOLDER / "alerts_test.yml").read_text("utf-8")
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="the alerts are checked with promtool (Debian: apt install prometheus)",
)


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, check=False)


@promtool
def test_the_rules_are_valid() -> None:
    checked = run(FOLDER, "check", "rules", "alerts.yml")
    assert (checked.returncode, f"{len(ALERTS)} rules found" in checked.stdout) == (0, True), checked


@promtool
def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    tested = run(FOLDER, "test", "rules", "alerts_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@promtool
@pytest.mark.parametrize("broken", ["vector(1) > 2", "vector(1)"], ids=["never", "always"])
def test_a_rule_that_never_or_always_fires_would_be_noticed(tmp_path: Path, broken: str) -> None:
    text, count = re.subn(r" +expr: (?:\|\n(?: {10,}.*\n)+|.*\n)", f"        expr: {broken}\n", RULES)
    assert count == len(ALERTS)
    (tmp_path / "alerts.yml").write_text(text, "utf-8")
    (tmp_path / "alerts_test.yml").write_text(TESTS, "utf-8")
    tested = run(tmp_path, "test", "rules", "alerts_test.yml")
    assert tested.returncode == 1
    assert set(re.findall(r"alertname: ?(\w+)", tested.stdout + tested.stderr)) == set(ALERTS)


def test_they_are_about_metrics_that_there_are() -> None:
    named = set(re.findall(r"everreach_\w+", RULES + TESTS))
    known = {f"{name}{suffix}" for name in families() for suffix in ("", "_bucket", "_count", "_sum")}
    assert named <= known


def test_each_has_its_section_in_the_runbook() -> None:
    assert len(ALERTS) >= 5
    assert re.findall(r"^### (EverReach\w+)$", DOCUMENT.read_text("utf-8"), re.MULTILINE) == ALERTS
