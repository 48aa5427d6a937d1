"""A scenario file -> a `Scenario`, or everything that is wrong with it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.config.problem import Finding, Problem, suggest
from gateway.config.problem import Path as Place
from gateway.config.published import json_schema
from gateway.config.units import show_duration, show_share
from gateway.core.fault import Demand, Fault, FaultKind, Selector
from gateway.core.model import Snapshot
from gateway.core.outcome import Kind
from gateway.core.scenario import Origin, Planned, Scenario, Span
from gateway.simulator.files import check_shares, load_file
from gateway.simulator.scenario_schema import FaultEntry, IncidentEntry, ScenarioFile, SelectorEntry, SpanEntry

_FAILING = frozenset({"share", "duration"})
# What a kind takes besides what every kind takes.
_TAKES: Mapping[FaultKind, frozenset[str]] = {
    FaultKind.OUTAGE: _FAILING | {"as", "retry_after"},
    FaultKind.ERRORS: _FAILING | {"as", "retry_after"},
    FaultKind.RATE_LIMIT: _FAILING | {"retry_after"},
    FaultKind.QUOTA: frozenset({"duration", "factor"}),
    FaultKind.LATENCY: frozenset({"duration", "factor"}),
    FaultKind.SLOW_FIRST_TOKEN: _FAILING | {"delay"},
    FaultKind.STALL: _FAILING,
    FaultKind.CUT: _FAILING,
    FaultKind.AUTH: _FAILING,
    FaultKind.CREDIT: _FAILING,
    FaultKind.BLOCKED: _FAILING,
    FaultKind.RETIRED: frozenset(),
    FaultKind.REJECTING: _FAILING,
    FaultKind.PRICE: frozenset({"duration", "factor"}),
    FaultKind.QUALITY: _FAILING,
    FaultKind.EXIT: frozenset({"as"}),
}
_SPECIAL = frozenset().union(*_TAKES.values())
_NEEDED = ("factor", "delay")  # where it is taken
# Between which factors a kind means anything.
_FACTORS: Mapping[FaultKind, tuple[float, float, str]] = {
    FaultKind.LATENCY: (1.0, math.inf, "above 1"),
    FaultKind.QUOTA: (0.0, 1.0, "above 0 and below 1"),
    FaultKind.PRICE: (0.0, math.inf, "above 0"),
}


def load_scenario(path: Path, snapshot: Snapshot) -> tuple[Scenario | None, list[Problem]]:
    """The scenario (None when any problem is an error) and all problems, in the order of the file.

    Its id is the file's name without the suffix. One without an incident must hit something in this snapshot with
    each of its selectors; an incident is the same everywhere, and may touch nothing here.
    """
    return load_file(
        path, ScenarioFile, lambda entry: _check(entry, snapshot), lambda entry: _scenario(path.stem, entry)
    )


def load_scenarios(paths: Sequence[Path], snapshot: Snapshot) -> tuple[list[Scenario], list[Problem]]:
    """Those of the files, and of the `*.yaml` in the directories, by name; and what is wrong with the others."""
    problems: list[Problem] = []
    files: dict[Path, None] = {}
    for path in paths:
        found = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        files.update(dict.fromkeys(found))
        if not found:
            problems.append(_about(path, "no *.yaml in this directory"))
    scenarios: dict[str, Scenario] = {}
    for file in files:
        scenario, told = load_scenario(file, snapshot)
        problems += told
        if scenario is not None and scenarios.setdefault(scenario.id, scenario) is not scenario:
            problems.append(_about(file, f"another file is named {file.stem} too", "scenarios go by their file's name"))
    return list(scenarios.values()), problems


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, in draft-07."""
    return json_schema(ScenarioFile, references=False)


def _about(path: Path, message: str, hint: str = "") -> Problem:
    return Problem("error", str(path), 0, 0, "", message, hint)


# -- what goes beyond the shape --------------------------------------------------------------------------------------


def _check(entry: ScenarioFile, snapshot: Snapshot) -> Iterator[Finding]:
    for index, fault in enumerate(entry.faults):
        at = ("faults", index)
        yield from _keys(fault, at)
        yield from _figures(fault, at)
        yield from _times(fault, entry.duration, at)
        yield from _selector(fault.on, None if entry.incident else snapshot, (*at, "on"))
    yield from _groups(entry.faults)


def _keys(fault: FaultEntry, at: Place) -> Iterator[Finding]:
    takes = _TAKES[FaultKind(fault.kind)]
    fields = {field.alias or name: name for name, field in FaultEntry.model_fields.items()}
    for key, name in fields.items():
        if key in _SPECIAL - takes and name in fault.model_fields_set:
            hint = f"besides what every fault takes, it takes {', '.join(sorted(takes))}" if takes else ""
            yield Finding("error", (*at, key), f"{fault.kind} takes no {key}", hint, on_key=True)
    for key in _NEEDED:
        if key in takes and getattr(fault, key) is None:
            yield Finding("error", at, f"{fault.kind} needs {key!r}", on_key=True)


def _figures(fault: FaultEntry, at: Place) -> Iterator[Finding]:
    low, high, bounds = _FACTORS.get(FaultKind(fault.kind), (-math.inf, math.inf, ""))
    if fault.factor is not None and not low < fault.factor < high:
        yield Finding("error", (*at, "factor"), f"the factor of {fault.kind} is {bounds}")
    yield from check_shares(fault.as_, (*at, "as"))


def _times(fault: FaultEntry, scenario_duration: float, at: Place) -> Iterator[Finding]:
    for key, time in (("start", fault.start), ("duration", fault.duration)):
        if isinstance(time, SpanEntry) and len(_distributions(time)) != 1:
            yield Finding("error", (*at, key), "expected one of uniform, exponential, lognormal")
    if _earliest(fault.start) >= scenario_duration:
        ends = show_duration(scenario_duration)
        yield Finding("warning", (*at, "start"), f"never begins: the scenario lasts {ends}")
    ramps = fault.ramp.up + fault.ramp.down
    if isinstance(fault.duration, float) and ramps > fault.duration:
        message = f"the ramps together ({show_duration(ramps)}) are longer than the fault"
        yield Finding("error", (*at, "ramp"), f"{message} ({show_duration(fault.duration)})")
    if fault.ramp.down and fault.duration == math.inf:
        yield Finding("warning", (*at, "ramp", "down"), "never takes effect: the fault lasts forever")


def _earliest(start: float | SpanEntry) -> float:
    if isinstance(start, SpanEntry):
        return start.uniform[0] if start.uniform else 0.0
    return start


def _selector(entry: SelectorEntry, snapshot: Snapshot | None, at: Place) -> Iterator[Finding]:
    """`snapshot` None: whether it hits anybody does not matter."""
    if entry.or_ is not None:
        yield from _selector(entry.or_, snapshot, (*at, "or"))
    selector = Selector(_named(entry))
    if not selector.patterns:
        hint = "to hit every deployment, write {deployment: '*'}"
        yield Finding("error", at, "says nobody: expected a kind of domain and a name", hint)
        return
    if snapshot is None:
        return
    deployments = snapshot.deployments.values()
    unmatched = [
        Finding("error", place, _nobody(kind, pattern), suggest(pattern, _names(kind, snapshot)))
        for kind, place, pattern in _patterns(entry, at)
        if not any(Selector({kind: (pattern,)}).hits(one) for one in deployments)
    ]
    yield from unmatched
    if not unmatched and not any(selector.hits(one) for one in deployments):
        yield Finding("error", at, f"no deployment has all of these together: {selector}")


def _nobody(kind: str, pattern: str) -> str:
    return f"no deployment is named {pattern!r}" if kind == "deployment" else f"no deployment has {kind} {pattern!r}"


def _names(kind: str, snapshot: Snapshot) -> set[str]:
    if kind == "deployment":
        return set(snapshot.deployments)
    domains = (domain for one in snapshot.deployments.values() for domain in one.domains)
    return {domain.name for domain in domains if domain.kind == kind}


def _patterns(entry: SelectorEntry, at: Place) -> Iterator[tuple[str, Place, str]]:
    """Each pattern with its kind and its place."""
    for kind, given in entry:
        if isinstance(given, str):
            yield kind, (*at, kind), given
        for index, pattern in enumerate(given if isinstance(given, list) else ()):
            yield kind, (*at, kind, index), pattern


def _groups(faults: Sequence[FaultEntry]) -> Iterator[Finding]:
    likely: dict[str, float] = {}
    for index, fault in enumerate(faults):
        if fault.group and likely.setdefault(fault.group, fault.probability) != fault.probability:
            message = f"the faults of group {fault.group!r} happen together, so they have one probability"
            hint = f"the first has {show_share(likely[fault.group])}"
            yield Finding("error", ("faults", index, "probability"), message, hint)


# -- the scenario ----------------------------------------------------------------------------------------------------


def _scenario(id_: str, entry: ScenarioFile) -> Scenario:
    return Scenario(
        id=id_,
        title=entry.title,
        duration=entry.duration,
        planned=tuple(_planned(fault) for fault in entry.faults),
        about=entry.about or "",
        origin=_origin(entry.incident) if entry.incident else None,
    )


def _planned(entry: FaultEntry) -> Planned:
    fault = Fault(
        kind=FaultKind(entry.kind),
        on=_select(entry.on),
        share=entry.share,
        factor=1.0 if entry.factor is None else entry.factor,
        seconds=entry.delay or 0.0,
        mix=tuple((Kind(kind), share) for kind, share in entry.as_.items()),
        retry_after=entry.retry_after,
        ramp_up=entry.ramp.up,
        ramp_down=entry.ramp.down,
        demand=Demand(entry.demand.factor, entry.demand.after) if entry.demand else None,
    )
    start, duration = _span(entry.start), _span(entry.duration)
    return Planned(fault, start, duration, entry.probability, entry.group or "", entry.basis or "")


def _select(entry: SelectorEntry) -> Selector:
    return Selector(_named(entry), _select(entry.or_) if entry.or_ else None)


def _named(entry: SelectorEntry) -> dict[str, tuple[str, ...]]:
    """Patterns by kind of domain."""
    given = ((kind, value) for kind, value in entry if kind != "or_" and value)
    return {kind: (value,) if isinstance(value, str) else tuple(value) for kind, value in given}


def _span(time: float | SpanEntry) -> Span:
    return Span("fixed", time) if isinstance(time, float) else _distributions(time)[0]


def _distributions(entry: SpanEntry) -> list[Span]:
    """Those given; a sound entry has one."""
    given: list[Span] = []
    if entry.uniform:
        given.append(Span("uniform", *entry.uniform))
    if entry.exponential:
        given.append(Span("exponential", entry.exponential.mean))
    if entry.lognormal:
        given.append(Span("lognormal", entry.lognormal.median, entry.lognormal.p95))
    return given


def _origin(entry: IncidentEntry) -> Origin:
    return Origin(entry.date, tuple(entry.sources), entry.facts, entry.assumed or "", entry.verified, entry.begins)
