"""The page for people: whole, by itself, and safe."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from handlers.docs.page import CONTENT_SECURITY_POLICY, render, type_of
from tests.documented import document
from tests.world import World


class Page(HTMLParser):
    """What is in a page of HTML; a tag that is not closed, or closed twice, is a mistake."""

    VOID = frozenset({"meta", "br", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name and value is not None]


@pytest.fixture(scope="module")
def text() -> str:
    return render(document()).decode()


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_address_and_field_is_on_it(text: str) -> None:
    for path in document()["paths"]:
        assert f"<code>{path}</code>" in text
    for name, schema in document()["components"]["schemas"].items():
        assert f'id="{name}"' in text
        assert all(f"<code>{field}</code>" in text for field in schema.get("properties", ()))


def test_every_link_within_it_leads_somewhere(page: Page) -> None:
    anchors = page.values("id")
    assert len(anchors) == len(set(anchors))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(anchors)
    assert {link for link in page.values("href") if not link.startswith("#")} == {"/api/v1/openapi.json"}


def test_nothing_in_it_runs_or_comes_from_elsewhere(page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "form", "base", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "style"}]


def test_what_the_description_says_is_text_and_never_markup() -> None:
    described: dict[str, Any] = {**document(), "info": {"title": "<b>", "version": "1", "description": "<script>1"}}
    shown = render(described).decode()
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;1" in shown


def test_types_in_words() -> None:
    assert type_of({"type": "array", "items": {"$ref": "#/components/schemas/A"}}) == "list of [A](#A)"
    assert type_of({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}) == "uuid or null"
    assert type_of({"enum": ["a", None]}) == "`a`, null"
    assert type_of({"type": "object", "additionalProperties": {"type": "integer"}}) == "integer by name"


@pytest.mark.gen_test
async def test_it_is_served_with_a_policy_that_allows_its_style_alone(world: World) -> None:
    answer = await world.fetch(f"{world.origin}/docs")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; .*", CONTENT_SECURITY_POLICY)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Cache-Control" not in answer.headers
    assert "Server" not in answer.headers
    assert world.origin in answer.body.decode()
