"""The JSON Schemas of what answers say, and an example of each, made up of its fields' own examples."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"


def reference(body: type[msgspec.Struct]) -> Json:
    """Where the schema of a body stands."""
    return {"$ref": _REF.format(name=body.__name__)}


def schemas_of(bodies: Iterable[type[msgspec.Struct]]) -> dict[str, Json]:
    """The schemas of these, and of all that stands in them, by name."""
    ordered = sorted(bodies, key=lambda body: body.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REF)
    return schemas


def example_of(schema: Json, schemas: Mapping[str, Json]) -> Any:
    """What an answer of this schema may say. Of an object it has what is never absent."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema or "enum" in schema:
        return schema["enum"][0] if "enum" in schema else example_of(schema["anyOf"][0], schemas)
    if "items" in schema:
        return [example_of(schema["items"], schemas)]
    if "properties" in schema:
        return {name: example_of(schema["properties"][name], schemas) for name in schema["required"]}
    return {example_of(schema["propertyNames"], schemas): example_of(schema["additionalProperties"], schemas)}
