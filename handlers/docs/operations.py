"""One method of one address, as OpenAPI has it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import msgspec

from everreach.errors import ApiError
from handlers.bodies import ErrorBody, error_body
from handlers.docs.schemas import Json, example_of, reference
from handlers.multipart import FORM
from handlers.operation import Answer, Operation
from handlers.parameters import Given, Parameter, Sent

_BINARY: Final[Json] = {"type": "string", "format": "binary"}
_FORM: Final[Json] = {
    "type": "object",
    "properties": {"file": {**_BINARY, "description": "The file, whatever its field is called."}},
    "required": ["file"],
}


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _form(fields: Sequence[Given]) -> Json:
    properties = {
        field.name: {**field.schema, "description": field.description, "examples": [field.example]} for field in fields
    }
    schema = {"type": "object", "properties": properties}
    return {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


def _body(operation: Operation) -> Json:
    content: Json = {name: {"schema": _FORM if name == FORM else _BINARY} for name in operation.media_types}
    content |= {"application/json": {"schema": reference(operation.body)}} if operation.body else {}
    return {"requestBody": {"content": content}} if content else {}


class OperationWriter:
    """Writes one operation that is answered to `method`. `schemas` are those of all bodies."""

    def __init__(self, operation: Operation, method: str, schemas: Mapping[str, Json]) -> None:
        self._operation = operation
        self._method = method
        self._schemas = schemas

    def written(self, text: str) -> Json:
        """The operation. `text` is its summary, and the description after an empty line."""
        summary, _, description = text.partition("\n\n")
        operation, responses = self._operation, [*self._answers(), *self._errors()]
        return {
            "operationId": self._id(),
            "tags": [operation.tag],
            "summary": summary,
            "description": description,
            "security": [] if operation.anyone else [{"user": []}],
            **self._request(),
            "responses": dict(responses),
        }

    def _id(self) -> str:
        # One function may serve two methods, such as HEAD beside GET.
        own, method = self._operation.id, self._method
        return own if method == self._operation.method else f"{own}By{method.title()}"

    def _request(self) -> Json:
        fields = [given for given in self._operation.takes if isinstance(given, Sent) and self._method == "post"]
        parameters = [_parameter(given) for given in self._operation.takes if given not in fields]
        body = _form(fields) if fields else _body(self._operation)
        return {**({"parameters": parameters} if parameters else {}), **body}

    def _answers(self) -> Iterator[tuple[str, Json]]:
        """One response for each status, with the content of each answer that has it."""
        for status, group in groupby(self._operation.answers, key=lambda answer: answer.status):
            alike = list(group)
            content = {name: value for answer in alike for name, value in self._content(answer).items()}
            headers = {name: said for answer in alike for name, said in answer.headers.items()}
            yield str(status), _response(" ".join(answer.description for answer in alike), headers, content)

    def _content(self, answer: Answer) -> Json:
        schema = reference(answer.body) if answer.body else {"type": "string"}
        example = answer.example or (example_of(schema, self._schemas) if answer.body else None)
        return {answer.media_type: {"schema": schema, "example": example}} if example else {}

    def _errors(self) -> Iterator[tuple[str, Json]]:
        """One response for each status, with an example of each error that has it."""
        errors = sorted((error.example() for error in self._operation.errors), key=lambda error: error.status)
        for status, group in groupby(errors, key=lambda error: error.status):
            alike = list(group)
            examples = {
                error.title.replace(" ", ""): {"value": msgspec.to_builtins(error_body(error))} for error in alike
            }
            content = {"application/json": {"schema": reference(ErrorBody), "examples": examples}}
            headers = {name: f"`{value}`" for error in alike for name, value in error.headers.items()}
            yield str(status), _response(" ".join(map(_sentence, alike)), headers, content)


def _sentence(error: ApiError) -> str:
    return f"{error.title}: {error.message.rstrip('.')}."


def _response(description: str, headers: Mapping[str, str], content: Json) -> Json:
    described = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return {
        "description": description,
        **({"headers": described} if described else {}),
        **({"content": content} if content else {}),
    }
