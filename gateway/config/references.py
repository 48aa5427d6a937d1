"""Names that point to other parts of the file must exist there.

This looks at the plain data, not at the validated config: a misspelled name and a misspelled key are both reported
at once.
"""

from collections.abc import Iterator

from gateway.config.document import Document
from gateway.config.problem import Finding, Path, suggest

_REFERENCES = (
    ("deployments", ("vendor",), "vendors"),
    ("routes", ("tiers",), "deployments"),
    ("workflows", ("routes",), "routes"),
    ("workflows", ("allow", "vendors"), "vendors"),
    ("keys", ("workflow",), "workflows"),
    ("keys", ("workflows",), "workflows"),
)
_OPTIONAL = "workflows"


def references(document: Document) -> list[Finding]:
    """An error for each name that is not defined in the section it refers to."""
    data = document.data if isinstance(document.data, dict) else {}
    findings: list[Finding] = []
    for source, field, section in _REFERENCES:
        # A required section that is not there is one error, not one for each name that would be in it.
        defined = data.get(section, {} if section == _OPTIONAL else None)
        if isinstance(defined, dict):
            names = _names(data.get(source), (source,), field)
            findings += [_unknown(at, name, section, document, defined) for at, name in names if name not in defined]
    return findings


def _unknown(at: Path, name: str, section: str, document: Document, defined: dict[str, object]) -> Finding:
    shown = document.quote(at)
    return Finding("error", at, f"unknown {section.removesuffix('s')} {shown}", suggest(name, defined))


def _names(value: object, at: Path, field: Path) -> Iterator[tuple[Path, str]]:
    """Each text under `field` of each entry of a section (a mapping or a list), with its path."""
    for step, entry in _children(value):
        inner, path = entry, (*at, step)
        for key in field:
            inner, path = (inner.get(key) if isinstance(inner, dict) else None), (*path, key)
        yield from _texts(inner, path)


def _texts(value: object, at: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*at, index))


def _children(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
