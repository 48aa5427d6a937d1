"""The smallest value that satisfies a JSON schema: tool arguments and schema-bound answers."""

from collections.abc import Callable, Mapping
from typing import Any

_DEPTH = 6  # where a recursive schema is cut: only what is required, and null where null will do
_DEPTH_BOUND = 64
_VALUES_BOUND = 10_000
_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = Mapping[str, Any]


class InvalidSchema(ValueError):
    """No value can be made: the schema is not one, or has no finite value."""


def sample(schema: Schema, text: str = "text") -> Any:
    """A value for `schema`; `text` stands where any string will do. Raises InvalidSchema.

    Knows $ref within the document, const, enum, anyOf, oneOf, allOf, the seven types and their bounds, and formats.
    Not known: pattern, if/then, not.
    """
    try:
        return _Sampler(schema, text).value(schema, 0)
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise InvalidSchema(f"not a JSON schema: {error}") from error


class _Sampler:
    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text
        self._left = _VALUES_BOUND
        self._by_type: dict[str, Callable[[Schema, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": lambda schema, _: int(_number(schema, 1)),
            "number": lambda schema, _: _number(schema, 0.5),
            "boolean": lambda _schema, _depth: True,
            "null": lambda _schema, _depth: None,
        }

    def value(self, schema: Schema, depth: int) -> Any:
        self._left -= 1
        if depth > _DEPTH_BOUND or self._left < 0:
            raise InvalidSchema("the schema requires itself, or is too large")
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                return self.value(self._option(schema[union], depth), depth + 1)
        if schema.get("allOf"):
            return self.value(_merged(schema, [self._resolved(part) for part in schema["allOf"]]), depth + 1)
        return self._by_type[_type_of(schema)](schema, depth)

    def _resolved(self, schema: Any) -> Schema:
        seen = 0
        while isinstance(schema, Mapping) and "$ref" in schema and seen < _DEPTH:
            schema = _pointed(self._root, str(schema["$ref"]))
            seen += 1
        return schema if isinstance(schema, Mapping) else {}

    def _option(self, options: list[Schema], depth: int) -> Schema:
        if depth >= _DEPTH:
            return next((option for option in options if option.get("type") == "null"), options[0])
        return options[0]

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", [])
        names = [name for name in properties if name in required or depth < _DEPTH]
        return {name: self.value(properties[name], depth + 1) for name in names}

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        wanted = 1 if depth < _DEPTH else 0
        count = min(max(schema.get("minItems", wanted), 0), schema.get("maxItems", 1 << 10))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _string(self, schema: Schema, _depth: int) -> str:
        known = _FORMATS.get(schema.get("format", ""))
        if known is not None:
            return known
        return self._text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]


def _type_of(schema: Schema) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        named = next((name for name in named if name != "null"), "null")
    if isinstance(named, str):
        return named if named in _TYPES else "string"
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})


def _number(schema: Schema, default: float) -> float:
    """The default, moved inside the bounds and onto the multiple."""
    value = default
    if "minimum" in schema or "exclusiveMinimum" in schema:
        value = max(value, schema.get("minimum", schema.get("exclusiveMinimum", value) + 1))
    if "maximum" in schema or "exclusiveMaximum" in schema:
        value = min(value, schema.get("maximum", schema.get("exclusiveMaximum", value) - 1))
    step = schema.get("multipleOf")
    return value if not step else step * -(-value // step)


def _merged(schema: Schema, parts: list[Schema]) -> Schema:
    """allOf, flattened: enough for the compositions that schema generators write."""
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", []), *part.get("required", [])]
        merged = {**merged, **part}
        if properties:
            merged |= {"properties": properties, "required": required}
    return merged


def _pointed(root: Schema, reference: str) -> Schema:
    """What a `#/...` pointer names; an empty schema, which allows anything, where it names nothing."""
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}
