"""The API's description says what the handlers do, all of it, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from everreach.errors import ApiError, UnauthorizedError
from handlers import ROUTES
from handlers.base import BaseHandler, known_methods
from handlers.docs.document import describe, undescribed
from handlers.operation import Tag
from tests.documented import document
from tests.handlers.edge import check_headers
from tests.world import World

OPERATIONS = [
    (path, method, operation) for path, item in document()["paths"].items() for method, operation in item.items()
]
EACH = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])


def errors(operation: dict[str, Any]) -> dict[str, Any]:
    return {status: response for status, response in operation["responses"].items() if status >= "400"}


def test_it_is_openapi_3_1() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []
    assert document()["openapi"].startswith("3.1.")


def test_every_route_and_method_is_described() -> None:
    missing = undescribed(ROUTES)
    assert missing == [], f"Give these methods an @operation, as in handlers/operation.py: {', '.join(missing)}"


def test_a_method_without_a_description_is_missed() -> None:
    class Bare(BaseHandler):
        async def get(self) -> None:
            """Nobody says what comes of it."""

    assert undescribed([("/bare", Bare)]) == ["get /bare"]
    assert describe([("/bare", Bare)], "/")["paths"] == {}


def test_nothing_is_described_that_is_not_routed() -> None:
    routed = {(path, name.lower()) for path, handler in ROUTES for name in known_methods(handler)}
    assert {(path, method) for path, method, _ in OPERATIONS} == {
        pair for pair in routed if pair[1] not in {"head", "options"}
    }


@EACH
def test_every_operation_says_what_it_is(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"].strip()
    assert operation["description"].strip()
    assert set(operation["tags"]) <= set(Tag)
    assert [text["description"] for text in operation["responses"].values() if not text["description"].strip()] == []
    assert all(parameter["description"] and "example" in parameter for parameter in operation.get("parameters", []))


def test_no_two_operations_have_one_id() -> None:
    names = [operation["operationId"] for *_, operation in OPERATIONS]
    assert len(names) == len(set(names))


@EACH
def test_only_what_is_for_anyone_goes_without_a_token(path: str, method: str, operation: dict[str, Any]) -> None:
    assert (operation["security"] == [{"user": []}]) == ("401" in operation["responses"])
    open_to_all = {"Service"} & set(operation["tags"]) or path.endswith("/callback")
    assert (operation["security"] == []) == bool(open_to_all)


@EACH
def test_every_error_is_listed_with_its_body(path: str, method: str, operation: dict[str, Any]) -> None:
    if path.endswith("/callback"):
        assert operation["responses"].keys() == {"302", "503"}
        return
    assert {"400", "413", "500"} <= errors(operation).keys()
    for response in errors(operation).values():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
        assert response["content"]["application/json"]["examples"]
    if "429" in operation["responses"]:
        assert "Retry-After" in operation["responses"]["429"]["headers"]


def examples(operation: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each example of the operation with its schema."""
    for parameter in operation.get("parameters", []):
        yield parameter["schema"], parameter["example"]
    for response in operation["responses"].values():
        content = response.get("content", {}).get("application/json", {})
        shown = [content["example"]] if "example" in content else []
        for example in [*shown, *(one["value"] for one in content.get("examples", {}).values())]:
            yield content["schema"], example


@EACH
def test_every_example_is_what_its_schema_says(path: str, method: str, operation: dict[str, Any]) -> None:
    for schema, example in examples(operation):
        whole = {**schema, "components": document()["components"]}
        checker = Draft202012Validator.FORMAT_CHECKER
        assert [e.message for e in Draft202012Validator(whole, format_checker=checker).iter_errors(example)] == []


def test_every_body_in_json_has_an_example() -> None:
    for *_, operation in OPERATIONS:
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                assert "example" in content or "examples" in content


def kinds(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_error_of_the_api_may_come_of_something() -> None:
    titles = {
        example["value"]["error"]
        for *_, operation in OPERATIONS
        for response in errors(operation).values()
        for example in response["content"]["application/json"]["examples"].values()
    }
    assert titles == {kind.title for kind in kinds(ApiError)}
    assert UnauthorizedError.title in titles


@pytest.mark.gen_test
async def test_it_is_served_to_anyone_with_our_own_address(world: World) -> None:
    answer = await world.fetch(f"{world.origin}/api/v1/openapi.json")
    assert answer.status == 200
    check_headers(answer)
    assert answer.json["servers"] == [{"url": world.config.next_public_base_url}]
    assert answer.json["paths"] == json.loads(json.dumps(document()["paths"]))
