"""What holds the house up: imports go down only, and each thing from outside comes in by its own door."""

import ast
import re
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from everreach.config import Config
from providers import REGISTRY

ROOT = Path(__file__).parent.parent
PACKAGES = ("everreach", "handlers", "providers", "storage")
SANDBOX = "providers.sandbox"

# From the roof to the ground, room by room. A room sees itself and those on lower floors, never another on its own.
FLOORS: list[tuple[str, ...]] = [
    ("everreach.__main__",),
    ("everreach.cli",),
    ("everreach.server",),
    ("handlers",),
    ("everreach.engine",),
    ("everreach.oauth", "everreach.live", "everreach.uploads", "everreach.webhooks", "everreach.maintenance"),
    # The settings of a provider are a class in its own folder, which the registry hands to the reader of them all.
    ("everreach.config",),
    ("providers", "storage"),
    ("everreach.concurrency",),
    ("everreach.observability",),
    ("everreach.setting_problems",),
    ("everreach.setting_types",),
    ("everreach.contacts", "everreach.jobs", "everreach.security", "everreach.net"),
    ("everreach.errors",),
]
MOST_MODULES = 20
DOORS = {
    "motor": ("storage",),
    "pymongo": ("storage",),
    "bson": ("storage",),
    "tornado.web": ("handlers", "everreach.server.app", SANDBOX),
    "aiohttp": ("everreach.net.http",),
    "yarl": ("everreach.net.http",),
    "jwt": ("everreach.security.authenticator", "everreach.security.jwks"),
    "cryptography": ("everreach.security.vault",),
    "prometheus_client": ("everreach.observability.metrics", "everreach.observability.exposition"),
    "opentelemetry": ("everreach.observability.tracing",),
    "markdown_it": ("handlers.docs",),
    "regex": ("everreach.contacts.texts",),
    "idna": ("everreach.contacts.emails",),
    "phonenumbers": ("everreach.contacts.numbers",),
    "charset_normalizer": ("providers.files.encoding",),
    "limits": ("everreach.config", "everreach.setting_types", "storage.rate_limits"),
    "python_multipart": ("handlers.multipart",),
    "standardwebhooks": ("everreach.webhooks.sender",),
    "os.environ": ("everreach.config",),
    "os.getenv": ("everreach.config",),
}


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the product by its dotted name, read but not run."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {dotted(file): ast.parse(file.read_text("utf-8"), str(file)) for file in files}


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names that are imported, `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it goes"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def ours(tree: ast.AST) -> set[str]:
    """The modules of ours among its imports."""
    parts = {name if name in trees() else name.rpartition(".")[0] for name in imports(tree)}
    return {name for name in parts if name.partition(".")[0] in PACKAGES}


def home(module: str) -> tuple[int, str]:
    """The floor and the room of a module."""
    for floor, rooms in enumerate(FLOORS):
        for room in rooms:
            if under(module, room):
                return floor, room
    raise AssertionError(f"{module} stands in no room")


def may_import(module: str, target: str) -> bool:
    if under(module, SANDBOX):
        return under(target, SANDBOX)
    (floor, room), (other_floor, other_room) = home(module), home(target)
    if under(target, SANDBOX):
        return room == "everreach.cli"
    return floor < other_floor or room == other_room


def test_imports_go_down_only() -> None:
    edges = [(module, target) for module, tree in trees().items() for target in ours(tree)]
    assert len(edges) > 100
    assert [edge for edge in edges if not may_import(*edge)] == []


def test_the_module_graph_has_no_cycle() -> None:
    TopologicalSorter({module: ours(tree) for module, tree in trees().items()}).prepare()


def test_the_map_has_every_room() -> None:
    """The README's map is of rooms, so that a new module needs no line in it; nor does a provider's folder."""
    drawn = (ROOT / "README.md").read_text("utf-8").partition("## The map of the house")[2].partition("## ")[0]
    rooms = {file.parent.name for package in PACKAGES for file in (ROOT / package).rglob("__init__.py")}
    known = {*re.findall(r"([a-z]+)/", drawn), *(one.name for one in REGISTRY)}
    assert {room for room in rooms if room not in known} == set()


def test_every_room_is_shipped_and_nothing_else() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    names = settings["options.packages.find"]["include"].split()
    assert names == [name for package in PACKAGES for name in (package, f"{package}.*")]
    # setuptools passes over a folder that is no package.
    folders = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_no_room_is_crowded() -> None:
    modules = [module.rpartition(".")[0] for module in trees() if (ROOT / module.replace(".", "/")).is_dir() is False]
    assert {room for room in modules if modules.count(room) > MOST_MODULES} == set()


def test_the_tests_mirror_the_source() -> None:
    """Each test of one module stands where the module stands, under its name and perhaps a further word."""
    strangers = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        folder = file.parent.relative_to(ROOT / "tests")
        if folder.parts and folder.parts[0] in PACKAGES:
            words = file.stem.removeprefix("test_").split("_")
            names = ["_".join(words[:length]) for length in range(1, len(words) + 1)]
            here = ROOT / folder
            if not any(
                (here / f"{name}.py").exists() or (here / f"__{name}__.py").exists() or (here / name).is_dir()
                for name in names
            ):
                strangers.append(str(file.relative_to(ROOT)))
    assert strangers == []


@pytest.mark.parametrize("door", DOORS)
def test_each_thing_from_outside_has_its_own_door(door: str) -> None:
    intruders = {
        module
        for module, tree in trees().items()
        if not any(under(module, place) for place in DOORS[door])
        and (any(under(name, door) for name in imports(tree)) or door in attributes(tree))
    }
    assert intruders == set()


def attributes(tree: ast.AST) -> set[str]:
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {f"{node.value.id}.{node.attr}" for node in nodes if isinstance(node.value, ast.Name)}


def test_every_import_stands_at_the_top_of_its_file() -> None:
    functions = (
        (module, node)
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert [(module, function.name) for module, function in functions if list(imports(function))] == []


def test_every_setting_stands_in_its_table() -> None:
    rows = [line for line in (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines() if line.startswith("|")]
    words = {word for row in rows for word in row.replace("`", " ").replace(",", " ").replace("|", " ").split()}
    # One row stands for what any provider has, so that a new one needs none.
    words |= {word.replace("{PROVIDER}", one.name.upper()) for word in words for one in REGISTRY}
    assert set(Config.names()) - words == set()
