"""The page that shows the API's description to people: plain HTML, made once, without scripts or other hosts."""

import base64
import hashlib
import json
import shlex
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from markdown_it import MarkdownIt
from tornado.template import Template

from handlers.docs.schemas import Json

_STYLE: Final = files("handlers.docs").joinpath("page.css").read_text("utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_TOKEN: Final = "Authorization: Bearer $TOKEN"

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing runs and nothing is loaded; the page's own style is known by its hash."""

# Raw HTML stays text.
_markdown = MarkdownIt("commonmark", {"html": False})


def render(document: Json) -> bytes:
    """The page."""
    template = Template(files("handlers.docs").joinpath("page.html").read_bytes(), "page.html")
    return template.generate(
        document=document,
        style=_STYLE,
        operations=list(_operations(document)),
        markdown=_markdown.render,
        inline=_markdown.renderInline,
        type_of=type_of,
        pretty=_pretty,
        curl=lambda operation: _curl(document["servers"][0]["url"], operation),
    )


def type_of(schema: Json) -> str:
    """What a schema accepts, in a few words of Markdown."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join("null" if word is None else f"`{word}`" for word in schema["enum"])
    if schema["type"] == "array":
        return f"list of {type_of(schema['items'])}"
    if "additionalProperties" in schema:
        return f"{type_of(schema['additionalProperties'])} by name"
    return str(schema.get("format", schema["type"]))


def _operations(document: Json) -> Iterator[Json]:
    """Each operation with its path; methods that do the same are shown as one."""
    for path, item in document["paths"].items():
        alike: dict[str, list[str]] = {}
        for method in sorted(item):
            alike.setdefault(item[method]["summary"], []).append(method)
        for methods in alike.values():
            yield {"parameters": [], **item[methods[0]], "path": path, "methods": [name.upper() for name in methods]}


def _curl(server: str, operation: Json) -> str:
    """A line for a shell that asks for what the examples name."""
    examples = {parameter["name"]: parameter["example"] for parameter in operation["parameters"]}
    query = {
        parameter["name"]: parameter["example"] for parameter in operation["parameters"] if parameter["in"] == "query"
    }
    address = server.rstrip("/") + operation["path"].format_map(examples) + (f"?{urlencode(query)}" if query else "")
    method = "" if operation["methods"][0] == "GET" else f"-X {operation['methods'][0]} "
    token = f'-H "{_TOKEN}" ' if operation["security"] else ""
    return f"curl {method}{token}{shlex.quote(address)}"


def _pretty(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
