"""Plain data -> `Config`, or everything that is wrong with its shape, in plain words."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.config.document import Document
from gateway.config.problem import Finding, Path, suggest
from gateway.config.scalars import Refused
from gateway.config.schema import Config

_KINDS = {bool: "true or false", int | float: "a number", str: "text", list: "a list", dict: "a mapping"}
_KEY = "[key]"  # how pydantic says that a mapping's key is meant


def validate(document: Document) -> tuple[Config | None, list[Finding]]:
    """The config, unless its shape has errors. What the document itself complains of is not said twice."""
    try:
        return Config.model_validate(document.data), []
    except ValidationError as error:
        known = {finding.at for finding in document.findings}
        findings = [_finding(details, document) for details in error.errors(include_url=False, include_input=True)]
        return None, [finding for finding in findings if finding.at not in known]


def _finding(details: ErrorDetails, document: Document) -> Finding:
    at = details["loc"]
    match details["type"]:
        case "missing":
            return _missing(at)
        case "extra_forbidden":
            return Finding("error", at, f"unknown key {at[-1]!r}", suggest(str(at[-1]), _fields(at[:-1])), on_key=True)
        case "too_short":
            return Finding("error", at, "expected at least one entry")
        case "list_type":
            return Finding("error", at, f"expected a list, found {_kind(details['input'])}")
        case "value_error":
            return _refused(at, details, document)
        case _:
            hint = "" if details["input"] is not None else "write {} where there is nothing to say"
            return Finding("error", at, f"expected a mapping of keys to values, found {_kind(details['input'])}", hint)


def _missing(at: Path) -> Finding:
    description = _fields(at[:-1])[str(at[-1])].description or ""
    hint = description[:1].lower() + description[1:] if description[1:2].islower() else description
    return Finding("error", at[:-1], f"missing {at[-1]!r}", hint, on_key=True)


def _refused(at: Path, details: ErrorDetails, document: Document) -> Finding:
    error = details["ctx"]["error"]
    hint = error.hint if isinstance(error, Refused) else ""
    if at[-1] == _KEY:
        return Finding("error", at[:-1], str(error), hint, on_key=True)
    found = document.quote(at) or _kind(details["input"])
    return Finding("error", at, f"{error}, found {found}", hint)


def _fields(at: Path) -> Mapping[str, FieldInfo]:
    """The known keys of the section at this path."""
    kind: Any = Config
    for part in at:
        is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
        kind = kind.model_fields[str(part)].annotation if is_section else get_args(kind)[-1]
        if NoneType in get_args(kind):
            kind = get_args(kind)[0]
    return kind.model_fields  # type: ignore[no-any-return]


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "a date")
