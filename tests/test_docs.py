"""What the pages tell people to type and to follow: each command, target, file, page and shard key is there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from everreach.__main__ import _parser
from storage.indexes import PERSON_BOUND
from storage.mongo import Database

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND: Final = re.compile(
    r"(?<![\w./-])(?:\.venv/bin/|\./dist/)?everreach( [a-z]+(?: (?:[a-z]+(?:\.csv)?|--[a-z]+|\d+|USER|FILE)\b)*)"
)
USER: Final = "3f1d3a4e-0c1c-4c5a-9a39-0d3f3f3f3f3f"
NAMES: Final = {"erase", "import"}
"""Of commands that are told of without what they need."""
LINK: Final = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def blocks(*languages: str) -> list[tuple[Path, str]]:
    """Every fenced block of these languages, with its page."""
    found = ((page, block) for page in PAGES for block in FENCED.findall(page.read_text("utf-8")))
    return [(page, text) for page, (language, text) in found if language in languages]


def typed(page: Path) -> Iterator[str]:
    """What a page shows as code: in a line, and in blocks that hold commands."""
    text = page.read_text("utf-8")
    yield from (re.sub(r" +#.*", "", block) for language, block in FENCED.findall(text) if language in {"sh", "text"})
    yield from re.findall(r"`([^`\n]+)`", FENCED.sub("", text))
    yield from re.findall(r"^    (\S.*)$", FENCED.sub("", text), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as the addresses that their links have."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def every(pattern: str) -> set[str]:
    return {found for page in PAGES for code in typed(page) for found in re.findall(pattern, code)}


def test_every_command_of_ours_is_one() -> None:
    lines = {found.strip() for page in PAGES for code in typed(page) for found in COMMAND.findall(code)}
    assert {line.split()[0] for line in lines} == {"serve", "demo", "check", "keys", "erase", "stats", "import"}
    for line in sorted(lines - NAMES):
        _parser().parse_args(line.replace("USER", USER).split())


def test_every_target_of_make_is_one() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for line in every(r"(?:^|\n)make((?: (?:[a-z]+|PYTHON=\S+)\b)+)") for word in line.split()}
    assert len(named) > 10
    assert {word for word in named if "=" not in word} <= targets


def test_every_file_that_is_named_is_there() -> None:
    files = every(r"(?<![\w./{-])(?:[a-z]+/)+[\w.]+\.(?:py|md|ya?ml|json|pml|service|spec)\b")
    missing = {file for file in files if not (ROOT / file).exists()}
    # Contributors are shown how to write these.
    shown = {file for file in missing if not file.startswith("providers/close/")}
    assert {Path(file).stem for file in shown} == {"close_contacts", "test_close"}


def test_every_test_that_is_named_is_there() -> None:
    source = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("*.py"))
    names = every(r"\btest_\w+\b(?!\.py)")
    assert len(names) > 50
    assert {name for name in names if f"def {name}(" not in source} == set()
    for line in every(r"pytest tests/[\w./]+\.py -k \w+"):
        _, file, _, word = line.split()
        assert re.search(rf"def test_\w*{word}", (ROOT / file).read_text("utf-8")), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_a_shell_can_read_every_block_that_is_for_one() -> None:
    for page, text in blocks("sh"):
        read = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert read.returncode == 0, (page, read.stderr)


def test_every_block_of_yaml_is_yaml() -> None:
    for page, text in blocks("yaml"):
        assert yaml.safe_load(text), page


def shard_keys() -> list[tuple[str, list[str], str]]:
    """Each collection of the table, the fields of its key, and the index that the page says supports it."""
    table = (ROOT / "docs" / "operating.md").read_text("utf-8").partition("\n### Keys\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `\{(\w+: 1.*?)\}` \| (?:`(\w+)`|\*\*none)", table, re.MULTILINE)
    return [(collection, re.findall(r"(\w+): 1", key), index) for collection, key, index in rows]


@pytest.mark.gen_test
async def test_the_shard_keys_suit_the_indexes_as_the_table_has_it(database: Database) -> None:
    """A unique index has to begin with the whole key, and the one that supports it must not be partial."""
    assert {collection for collection, _, _ in shard_keys()} == set(PERSON_BOUND)
    for collection, key, supported_by in shard_keys():
        made = await database[collection].index_information()
        fitting = {name for name, index in made.items() if [field for field, _ in index["key"]][: len(key)] == key}
        assert {name for name, index in made.items() if index.get("unique")} <= fitting
        whole = {name for name in fitting if "partialFilterExpression" not in made[name]}
        assert supported_by in whole if supported_by else not whole, collection
