"""Holds what the server answers against what its description says; every request of the tests' world goes through."""

import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from handlers import ROUTES
from handlers.docs.document import describe

ERROR = {"$ref": "#/components/schemas/ErrorBody"}


@cache
def document() -> dict[str, Any]:
    """The description, as a client gets it."""
    described: dict[str, Any] = json.loads(json.dumps(describe(ROUTES, "/")))
    return described


def check_documented(method: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """The answer is one that the description names for this address, method and status, headers and body included."""
    item = _item(urlsplit(url).path)
    asked = f"{method} {urlsplit(url).path[:200]} answered {status}"
    if item is None:
        return  # Not of the API.
    operation = item.get("get" if method == "HEAD" else method.lower())
    if operation is None:
        _check_no_operation(asked, item, method, status, headers, body)
        return
    assert str(status) in operation["responses"], f"{asked}, which its description does not name"
    response = operation["responses"][str(status)]
    missing = response.get("headers", {}).keys() - {_cased(name, response.get("headers", {})) for name in headers}
    assert not missing, f"{asked} without {missing}"
    if method == "HEAD" or "content" not in response:
        assert body == b"", f"{asked} with a body"
        return
    kind = headers.get("Content-Type", "").partition(";")[0]
    assert kind in response["content"], f"{asked} with another content type"
    if kind == "application/json":
        _check_body(asked, json.dumps(response["content"][kind]["schema"]), body)


def _check_no_operation(
    asked: str, item: dict[str, Any], method: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    redirects = all("302" in operation["responses"] for operation in item.values())
    if method == "OPTIONS" or (redirects and status == 302):
        return  # A preflight; or the callback, which ends in the app whatever comes.
    assert status == 405, f"{asked}, which its description does not know"
    known = {name.upper() for name in item} | ({"HEAD"} if "get" in item else set())
    assert set(headers["Allow"].split(", ")) == {*known, "OPTIONS"}, asked
    if method != "HEAD":
        _check_body(asked, json.dumps(ERROR), body)


def _check_body(asked: str, schema: str, body: bytes) -> None:
    problems = _problems(schema, body)
    assert not problems, f"{asked} with a body that its description does not know: {problems}"


def _item(path: str) -> dict[str, Any] | None:
    return next((item for pattern, item in _items() if pattern.fullmatch(path)), None)


@cache
def _items() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), item) for path, item in document()["paths"].items()]


@lru_cache(maxsize=256)
def _problems(schema: str, body: bytes) -> list[str]:
    return [error.message for error in _validator(schema).iter_errors(json.loads(body))]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(
        {**json.loads(schema), "components": document()["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def _cased(name: str, names: Mapping[str, Any]) -> str:
    return next((known for known in names if known.lower() == name.lower()), name)
