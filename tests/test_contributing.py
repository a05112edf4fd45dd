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
CHECKOUT = ("bench", "everreach", "handlers", "providers", "storage", "tests", "docs", "setup.cfg", "ruff.toml")
NEW_LINES = ("providers", "tests/providers", "everreach/config.py")
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


def test_the_steps_are_a_provider_its_word_its_settings_its_reply_and_its_test() -> None:
    assert [step.file for step in steps()] == [
        "providers/close.py",
        *["providers/__init__.py"] * 2,
        *["everreach/config.py"] * 2,
        *["docs/settings.md"] * 2,
        "tests/providers/replies/close_contacts.json",
        "tests/providers/test_close.py",
    ]


def test_the_provider_keeps_the_contract_and_the_house_its_rules(checkout: Path) -> None:
    settings = "tests/test_architecture.py::test_every_setting_stands_in_its_table"
    run(checkout, "pytest", "-p", "no:cacheprovider", "tests/providers/test_close.py", settings)


def test_its_lines_are_written_as_ours_are(checkout: Path) -> None:
    run(checkout, "ruff", "check", "--no-cache", *NEW_LINES)
    run(checkout, "ruff", "format", "--no-cache", "--check", *NEW_LINES)
