"""The compose file: what its schema allows, and what an operator relies on."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import ROOT

pytest.importorskip("check_jsonschema", reason="it carries the schema of compose files: make install")

FILE = ROOT / "deploy" / "compose.yaml"


@pytest.fixture
def services() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))["services"]
    return made


def test_its_schema_allows_it() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_server_can_write_nowhere_and_has_no_rights(services: dict[str, Any]) -> None:
    server = services["server"]
    assert server["read_only"] is True
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert server["stop_grace_period"] == "15s"
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}


def test_the_database_is_reached_by_the_server_only(services: dict[str, Any]) -> None:
    assert "ports" not in services["mongo"]
    assert services["mongo"]["networks"] == ["database"]
    assert yaml.safe_load(FILE.read_text("utf-8"))["networks"]["database"] == {"internal": True}


def test_its_health_check_is_that_of_the_image(services: dict[str, Any]) -> None:
    image = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
    (line,) = [line for line in image.splitlines() if line.startswith("HEALTHCHECK")]
    assert yaml.safe_load(line.partition("CMD ")[2]) == services["server"]["healthcheck"]["test"][1:]


def test_every_setting_of_the_example_is_one() -> None:
    lines = (ROOT / "deploy" / "everreach.env.example").read_text("utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    documented = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [name for name in sorted(names) if f"| `{name}` |" not in documented] == []
