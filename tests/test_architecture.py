"""What holds the house up: imports go down only, and each thing from outside comes in by its own door."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from everreach.config import Config

ROOT = Path(__file__).parent.parent
PACKAGES = ("everreach", "handlers", "providers", "storage")
SANDBOX = "providers.sandbox"

# From the roof to the ground. A module sees what is below it and its own group, never the other group of its layer.
LAYERS: list[list[set[str]]] = [
    [
        {f"everreach.{name}" for name in ("app", "__main__", "check", "demo", "demo_client", "process", "project")}
        | {f"everreach.{name}" for name in ("commands", "keys", "erase", "heap", "listening", "server", "stats")}
        | {"everreach.workers"}
    ],
    [{"handlers"}],
    [
        {"everreach.runner"},
        {"everreach.watch", "everreach.followed"},
        {"everreach.webhooks"},
        {"everreach.retention"},
    ],
    [{"everreach.importer", "everreach.tidying"}],
    [{"everreach.pipeline"}, {"everreach.settlement"}],
    [
        {"everreach.behind", "everreach.listing", "everreach.turn", "everreach.credentials"}
        | {"everreach.consent", "everreach.exchange", "everreach.owned"},
        {"everreach.courier"},
        {"everreach.demand"},
        {"everreach.rotation"},
        {"everreach.erasure"},
        {"everreach.outcomes"},
    ],
    [{"providers"}, {"storage"}],
    [
        {f"everreach.{name}" for name in ("config", "setting_types", "contact", "cursor", "documents", "event", "job")}
        | {f"everreach.{name}" for name in ("texts", "emails", "phones")}
        | {
            f"everreach.{name}"
            for name in ("jwks", "logs", "oauth_state", "pace", "parting", "rests", "scan", "tokens", "vault")
        }
        | {f"everreach.{name}" for name in ("cells", "metrics", "origins", "pulse", "scrape", "seldom", "tracing")}
        | {"everreach.waiting"}
    ],
    [{"everreach.errors"}],
]
DOORS = {
    "motor": ("storage",),
    "pymongo": ("storage",),
    "bson": ("storage",),
    "tornado.web": ("handlers", "everreach.app", SANDBOX),
    "aiohttp": ("providers.http",),
    "yarl": ("providers.http",),
    "jwt": ("everreach.tokens", "everreach.jwks"),
    "cryptography": ("everreach.vault",),
    "prometheus_client": ("everreach.metrics", "everreach.scrape"),
    "opentelemetry": ("everreach.tracing",),
    "markdown_it": ("handlers.docs",),
    "regex": ("everreach.texts",),
    "idna": ("everreach.emails",),
    "limits": ("everreach.config", "everreach.setting_types", "storage.rate_limits"),
    "standardwebhooks": ("everreach.courier",),
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


def home(module: str) -> tuple[int, int]:
    """The layer and the group of a module."""
    for depth, layer in enumerate(LAYERS):
        for number, group in enumerate(layer):
            if any(under(module, place) for place in group):
                return depth, number
    raise AssertionError(f"{module} has no place in the layer table")


def may_import(module: str, target: str) -> bool:
    if under(module, SANDBOX):
        return under(target, SANDBOX)
    (depth, group), (other_depth, other_group) = home(module), home(target)
    if under(target, SANDBOX):
        return depth == 0
    return depth < other_depth or (depth, group) == (other_depth, other_group)


def test_imports_go_down_only() -> None:
    edges = [(module, target) for module, tree in trees().items() if module != "everreach" for target in ours(tree)]
    assert len(edges) > 100
    assert [edge for edge in edges if not may_import(*edge)] == []


def test_the_module_graph_has_no_cycle() -> None:
    TopologicalSorter({module: ours(tree) for module, tree in trees().items()}).prepare()


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
    missing = {name.upper() for name in Config.model_fields} - {
        word for row in rows for word in row.replace("`", " ").replace(",", " ").replace("|", " ").split()
    }
    assert missing == set()
