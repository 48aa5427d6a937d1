from typing import Any

import jsonschema
import pytest

from gateway.emulator.schema import InvalidSchema, sample

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "right": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "left", "right"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "object"},
    {"type": "string", "minLength": 10, "maxLength": 12},
    {"type": "string", "maxLength": 2},
    {"type": "string", "format": "date-time"},
    {"type": ["null", "integer"], "minimum": 7},
    {"type": "integer", "exclusiveMinimum": 7, "multipleOf": 5},
    {"type": "integer", "maximum": -3},
    {"type": "number", "exclusiveMaximum": 0},
    {"type": "boolean"},
    {"type": "null"},
    {"const": {"a": 1}},
    {"enum": ["low", "high"]},
    {"type": "array", "items": {"enum": [1]}, "minItems": 3},
    {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"b": {"const": 2}}}]},
    {"properties": {"when": {"$ref": "#/definitions/a~1b"}}, "definitions": {"a/b": {"type": "boolean"}}},
    TREE,
]
HOPELESS: list[Any] = [
    {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]},
    {"type": "object", "properties": [1]},
    {"anyOf": {"type": "string"}},
    {"type": "integer", "minimum": "low"},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_the_sample_satisfies_its_schema(schema: dict[str, Any]) -> None:
    jsonschema.validate(sample(schema), schema)


@pytest.mark.parametrize("schema", HOPELESS, ids=str)
def test_what_has_no_value_is_said_to_have_none(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchema):
        sample(schema)


def test_all_properties_are_filled_not_only_the_required_ones() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}
    assert sample(schema, "word") == {"a": "word", "b": 1}
