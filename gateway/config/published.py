"""The JSON Schema of a file, for editors: they speak draft-07."""

from typing import Any

from gateway.config.scalars import REFERENCE
from gateway.config.schema import Config
from gateway.config.section import Section

DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema(root: type[Section] = Config, *, references: bool = True) -> dict[str, Any]:
    """The schema of a whole file, in draft-07. `references`: may `${NAME}` stand for a value?"""
    schema = root.model_json_schema()
    sections = {section.__name__: section for section in Section.__subclasses__()}
    for name, definition in schema.get("$defs", {}).items():
        _show_defaults(definition, sections[name])
    _show_defaults(schema, root)
    return {"$schema": DRAFT, **_draft7(schema if references else _plain(schema))}


def _show_defaults(schema: dict[str, Any], section: type[Section]) -> None:
    """Defaults as the file would have them: `3s`, not 3.0. Those of whole sections stand with their own keys."""
    defaults = section.model_construct().model_dump(mode="json")
    for key, field in schema["properties"].items():
        field.pop("default", None)
        if defaults.get(key) is not None and not isinstance(defaults[key], dict):
            field["default"] = defaults[key]


def _plain(node: Any) -> Any:
    """The same schema without the alternative that a reference is."""
    if isinstance(node, list):
        return [_plain(item) for item in node if item != REFERENCE]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items()}
    if len(plain.get("anyOf", ())) == 1:
        plain.update(plain.pop("anyOf")[0])
    return plain


def _draft7(node: Any) -> Any:
    """The same schema as draft-07 has it: other names, nothing beside a `$ref`, none of pydantic's own titles."""
    if isinstance(node, list):
        return [_draft7(item) for item in node]
    if not isinstance(node, dict):
        return node.replace("#/$defs/", "#/definitions/") if isinstance(node, str) else node
    own_title = isinstance(node.get("title"), str)
    draft = {
        ("definitions" if key == "$defs" else key): _draft7(value)
        for key, value in node.items()
        if key != "title" or not own_title
    }
    if "$ref" in draft and len(draft) > 1:
        return {"allOf": [{"$ref": draft.pop("$ref")}], **draft}
    return draft
