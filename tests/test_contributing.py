"""docs/contributing.md shows how a provider is added: followed to the letter, its steps are all that is needed."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
CHECKOUT = (
    "bench",
    "everreach",
    "handlers",
    "providers",
    "storage",
    "tests",
    "docs",
    "README.md",
    "setup.cfg",
    "ruff.toml",
)
NEW_LINES = ("providers", "tests/providers")
KINDS = {".py", ".md", ".cfg", ".toml", ".json", ".html", ".js", ".css"}
FOLLOWERS = (
    "tests/everreach/test_config.py",
    "tests/everreach/observability/test_metrics.py",
    "tests/handlers/test_health.py",
    "tests/handlers/docs",
)
"""Tests that ask the registry who there is: of settings, metrics, `health`, and the API's description."""
STEP = re.compile(
    r"^(?:Write|In) `(?P<file>[\w./]+)`(?:, (?P<where>above|below|in place of) `(?P<anchor>[^`]+)`)?:\n\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Step(NamedTuple):
    """What to do with a file: write it, or put these lines at the first line that holds the anchor."""

    file: str
    where: str | None
    anchor: str | None
    text: str

    def take(self, checkout: Path) -> None:
        file = checkout / self.file
        file.parent.mkdir(exist_ok=True)
        file.write_text(self._mended(file.read_text("utf-8")) if self.anchor else self.text, "utf-8")

    def _mended(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        place = next(number for number, line in enumerate(lines) if (self.anchor or "") in line)
        end = place if self.where == "above" else place + 1
        return "".join([*lines[: place + 1 if self.where == "below" else place], self.text, *lines[end:]])


def steps() -> Iterator[Step]:
    page = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    section = page.partition("## Adding a provider in an hour\n")[2].partition("\n## ")[0]
    return (Step(**found.groupdict()) for found in STEP.finditer(section))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this one, with the steps taken."""
    folder = tmp_path_factory.mktemp("contributing") / "checkout"
    folder.mkdir()
    for name in CHECKOUT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
        else:
            shutil.copy(source, folder)
    for step in steps():
        step.take(folder)
    return folder


def run(checkout: Path, *module: str) -> None:
    ran = subprocess.run([sys.executable, "-m", *module], cwd=checkout, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def contents(folder: Path) -> dict[str, bytes]:
    """What the product and its settings consist of, by the file's path."""
    files = [file for name in CHECKOUT for file in ([folder / name, *(folder / name).rglob("*")])]
    return {str(one.relative_to(folder)): one.read_bytes() for one in files if one.suffix in KINDS and one.is_file()}


def test_a_provider_costs_one_folder_and_one_word_in_the_registry(checkout: Path) -> None:
    before, after = contents(ROOT), contents(checkout)
    touched = {name for name in after if after[name] != before.get(name)}
    assert before.keys() <= after.keys()
    of_the_product = {name for name in touched if not name.startswith("tests/")}
    files = ("__init__", "settings", "flow", "source", "parse")
    assert of_the_product == {"providers/__init__.py", *(f"providers/close/{name}.py" for name in files)}
    assert touched - of_the_product == {"tests/providers/replies/close_contacts.json", "tests/providers/test_close.py"}


def test_the_registry_gains_an_import_and_a_word(checkout: Path) -> None:
    registry = Path("providers", "__init__.py")
    before, after = ((folder / registry).read_text("utf-8").splitlines() for folder in (ROOT, checkout))
    [imported, word] = [line for line in after if line not in before]
    assert imported == "from providers.close import CLOSE"
    assert word.replace(" CLOSE,", "") in before


def test_the_provider_keeps_the_contract_and_the_house_its_rules(checkout: Path) -> None:
    run(checkout, "pytest", "-p", "no:cacheprovider", "tests/providers/test_close.py", "tests/test_architecture.py")


def test_what_lists_providers_follows_from_the_word(checkout: Path) -> None:
    run(checkout, "pytest", "-p", "no:cacheprovider", *FOLLOWERS)


def test_its_lines_are_written_as_ours_are(checkout: Path) -> None:
    run(checkout, "ruff", "check", "--no-cache", *NEW_LINES)
    run(checkout, "ruff", "format", "--no-cache", "--check", *NEW_LINES)
