"""The systemd unit: systemd understands every line, and calls it well locked up."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT

UNIT = ROOT / "deploy" / "systemd" / "everreach.service"
EXPOSURE = 1.5

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="the unit is read by systemd-analyze (Debian: apt install systemd)"
)


def test_systemd_understands_it(tmp_path: Path) -> None:
    # The program need not be installed here.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/usr/local/bin/everreach", "/bin/true"), "utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_it_is_well_locked_up() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"exposure level for everreach.service: ([0-9.]+)", said)
    assert exposure, said
    assert float(exposure[1]) <= EXPOSURE


def test_it_waits_longer_than_the_server_needs() -> None:
    lines = dict(line.split("=", 1) for line in UNIT.read_text("utf-8").splitlines() if "=" in line)
    # Ten seconds is the promise of every server.
    assert int(lines["TimeoutStopSec"]) > 10
    assert lines["KillMode"] == "mixed"
