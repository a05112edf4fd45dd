"""The lowest versions that setup.cfg allows: a server made of them starts, imports, and ends cleanly."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deploy.conftest import ROOT
from tests.deploy.requirements import bound, required
from tests.deploy.shipped import Shipped, end, running
from tests.everreach.test_main import SCARY


def pinned(requirement: Requirement) -> str:
    """The same, in its lowest version only."""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}=={bound(requirement, '>=', '==')}{marker}"


@pytest.fixture
def lowest(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A Python that has them, and nothing else of what is installed here."""
    if not request.config.getoption("--ship"):
        pytest.skip("they take a minute to install: make ship does it and runs this")
    folder = tmp_path / "lowest"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pins = [pinned(requirement) for requirement in required("tracing")]
    python = folder / "bin" / "python"
    # A version that was withdrawn, or that no longer fits together with the others, is one that nobody should be given.
    told = subprocess.run([python, "-m", "pip", "install", *pins], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "yanked" not in told.stderr, told.stderr
    return python


@pytest.mark.timeout(600)
@pytest.mark.settings(everreach_console=True, otel_exporter_otlp_endpoint="http://127.0.0.1:1")
@pytest.mark.gen_test(timeout=90)
async def test_a_server_of_the_lowest_versions_imports(lowest: Path, shipped: Shipped, tmp_path: Path) -> None:
    shipped.environment["PYTHONPATH"] = str(ROOT)
    with running(shipped, (str(lowest), "-W", "error", "-m", "everreach", "serve"), tmp_path) as server:
        await shipped.imported("google")
        await shipped.imported("microsoft")
        for path in ("/console", "/docs", "/api/v1/openapi.json", "/metrics"):
            assert (await shipped.fetch(f"{shipped.origin}{path}")).status == 200, path
        assert end(server) == 0
    assert not [word for word in SCARY if word in shipped.log], shipped.log
