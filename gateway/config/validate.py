"""Plain data -> a section, or everything that is wrong with its shape, in plain words."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.config.document import Document
from gateway.config.problem import Finding, Path, suggest
from gateway.config.scalars import Refused
from gateway.config.section import Section

S = TypeVar("S", bound=Section)

_KINDS = {bool: "true or false", int | float: "a number", str: "text", list: "a list", dict: "a mapping"}
_KEY = "[key]"  # how pydantic says that a mapping's key is meant


def validate(document: Document, root: type[S]) -> tuple[S | None, list[Finding]]:
    """The whole file as a `root`, unless its shape has errors. What the document complains of is not said twice."""
    try:
        return root.model_validate(document.data), []
    except ValidationError as error:
        known = {finding.at for finding in document.findings}
        findings = [
            _finding(details, document, root) for details in error.errors(include_url=False, include_input=True)
        ]
        return None, [finding for finding in findings if finding.at not in known]


def _finding(details: ErrorDetails, document: Document, root: type[Section]) -> Finding:
    at = details["loc"]
    match details["type"]:
        case "missing":
            return _missing(at, root)
        case "extra_forbidden":
            hint = suggest(str(at[-1]), _fields(at[:-1], root))
            return Finding("error", at, f"unknown key {at[-1]!r}", hint, on_key=True)
        case "too_short":
            few = details["ctx"]["min_length"]
            return Finding("error", at, f"expected at least {'one entry' if few == 1 else f'{few} entries'}")
        case "list_type":
            return Finding("error", at, f"expected a list, found {_kind(details['input'])}")
        case "value_error":
            return _refused(at, details, document)
        case _:
            hint = "" if details["input"] is not None else "write {} where there is nothing to say"
            return Finding("error", at, f"expected a mapping of keys to values, found {_kind(details['input'])}", hint)


def _missing(at: Path, root: type[Section]) -> Finding:
    description = _fields(at[:-1], root)[str(at[-1])].description or ""
    hint = description[:1].lower() + description[1:] if description[1:2].islower() else description
    return Finding("error", at[:-1], f"missing {at[-1]!r}", hint, on_key=True)


def _refused(at: Path, details: ErrorDetails, document: Document) -> Finding:
    error = details["ctx"]["error"]
    hint = error.hint if isinstance(error, Refused) else ""
    if at[-1] == _KEY:
        return Finding("error", at[:-1], str(error), hint, on_key=True)
    found = document.quote(at) or _kind(details["input"])
    return Finding("error", at, f"{error}, found {found}", hint)


def _fields(at: Path, root: type[Section]) -> Mapping[str, FieldInfo]:
    """The known keys of the section at this path."""
    kind: Any = root
    for part in at:
        kind = _keys(kind)[str(part)].annotation if _is_section(kind) else get_args(kind)[-1]
        # A section may be optional, or have a short form.
        if get_origin(kind) in (Union, UnionType):
            kind = next(filter(_is_section, get_args(kind)), kind)
    return _keys(kind)


def _keys(section: type[Section]) -> Mapping[str, FieldInfo]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "a date")
