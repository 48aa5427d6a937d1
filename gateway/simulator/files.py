"""What the scenario file and the world file have in common: how they are read, and their kinds of values."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from gateway.config import scalars
from gateway.config.problem import Finding, Problem
from gateway.config.problem import Path as Place
from gateway.config.secret import Unresolved
from gateway.config.section import Section
from gateway.config.source import read_source
from gateway.config.units import show_share
from gateway.config.validate import validate

S = TypeVar("S", bound=Section)
T = TypeVar("T")

Prose = Annotated[str, scalars.prose()]
Long = Annotated[float, scalars.duration(longest="31d")]
LongOrZero = Annotated[float, scalars.duration(zero=True, longest="31d")]
_Positive = Annotated[float, scalars.amount(1_000_000, positive=True)]


class LongSpread(Section):
    """A time that varies, lognormally."""

    median: Long = Field(description="Half of them are shorter")
    p95: Long = Field(description="One in twenty is longer")


class AmountSpread(Section):
    """An amount that varies, lognormally."""

    median: _Positive = Field(description="Half of them are smaller")
    p95: _Positive = Field(description="One in twenty is larger")


def load_file(
    path: Path, root: type[S], check: Callable[[S], Iterable[Finding]], build: Callable[[S], T]
) -> tuple[T | None, list[Problem]]:
    """What `build` makes of the file (None when any problem is an error) and all problems, in the order of the file.

    `check` looks at an entry whose shape is sound.
    """
    document, _ = read_source(path, _refuse_references)
    entry, shape = validate(document, root)
    findings = [*document.findings, *shape]
    if entry is None or findings:
        return None, document.problems(findings)
    findings = [*_spreads(entry, ()), *check(entry)]
    sound = all(finding.severity != "error" for finding in findings)
    return (build(entry) if sound else None), document.problems(findings)


def check_shares(shares: Mapping[str, float], at: Place) -> Iterator[Finding]:
    """Parts of one whole, unless there are none."""
    total = sum(shares.values())
    if shares and abs(total - 1.0) > 1e-6:
        yield Finding("error", at, f"adds up to {show_share(total)}, not to 100%")


def _refuse_references(text: str) -> str:
    if "${" in text:
        raise Unresolved("references such as ${NAME} have no place here: this file holds no secrets")
    return text


def _spreads(value: object, at: Place) -> Iterator[Finding]:
    """Every spread in a section, however deep, must be one."""
    if isinstance(value, LongSpread | AmountSpread) and value.p95 < value.median:
        yield Finding("error", (*at, "p95"), "less than the median")
    if isinstance(value, Section | dict):
        for key, inner in value.items() if isinstance(value, dict) else value:
            yield from _spreads(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _spreads(inner, (*at, index))
