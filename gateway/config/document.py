"""A config file as plain data, with the place of every key and value, so that any finding can be pointed at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.config.problem import Finding, Path, Problem, show_path

Position = tuple[int, int]

_SHOWN = 60
_HIDDEN = frozenset({"api_key", "base_url", "sha256", "url"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value and its key start (line, column; from 1), and the scalar's text as it stands in the file."""

    value: Position
    key: Position
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Secrets in `data` are resolved; `findings` are those of reading it. Broken YAML has no data."""

    file: str
    data: object = field(default=None, repr=False)
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()

    def problems(self, findings: Iterable[Finding]) -> list[Problem]:
        """The findings, each with its place, in the order of the file."""
        return sorted(map(self.locate, findings), key=lambda problem: (problem.line, problem.column))

    def locate(self, finding: Finding) -> Problem:
        place = self._nearest(finding.at)
        line, column = finding.position or (place.key if finding.on_key else place.value)
        return Problem(finding.severity, self.file, line, column, show_path(finding.at), finding.message, finding.hint)

    def quote(self, at: Path) -> str:
        """The scalar at this path as the file has it, fit for a message; "" where it may be confidential."""
        place = self.places.get(at)
        if place is None or place.text is None or _HIDDEN.intersection(at):
            return ""
        if "${" in place.text:
            return "the value of a reference"
        return repr(place.text if len(place.text) <= _SHOWN else place.text[:_SHOWN] + "...")

    def _nearest(self, at: Path) -> Place:
        while at and at not in self.places:
            at = at[:-1]
        return self.places.get(at, Place((1, 1), (1, 1)))
