"""What follows from a study: the verdict in sentences, losses that are one and the same, pairs that are worse."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.simulator.report import words
from gateway.simulator.result import (
    Case,
    Concentration,
    ContingencyResult,
    Dependence,
    Effect,
    ScenarioResult,
    Study,
    Verdict,
    WorkflowResult,
)

SEVERITY: dict[Verdict, int] = {"secure": 0, "degraded": 1, "lost": 2}
UNTOUCHED = "No deployment of this config is in its way: it could not have touched it."
NAMED = 3  # as many scenarios the verdict names


@dataclass(frozen=True, slots=True)
class Loss:
    """A contingency, and others of its kind that take the same deployments down with the same effects."""

    case: Case
    repeated: tuple[str, ...]

    @property
    def also(self) -> tuple[str, ...]:
        return tuple(map(words.domain, self.repeated))

    @property
    def name(self) -> str:
        return words.together(self.case.lost)


@dataclass(frozen=True, slots=True)
class WorsePair:
    """What a loss of two does to a workflow beyond what either does alone."""

    loss: Loss
    workflow: str
    effect: Effect
    alone: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    detail: str


def merge(cases: Iterable[Case]) -> tuple[Loss, ...]:
    """In the order of the first of each."""
    groups: dict[object, list[Case]] = {}
    for case in cases:
        groups.setdefault((case.kind, case.hits, tuple(case.effects.items())), []).append(case)
    return tuple(Loss(first, tuple(" + ".join(one.lost) for one in more)) for first, *more in groups.values())


def single_losses(found: ContingencyResult) -> tuple[Loss, ...]:
    return merge(case for case in found.cases if case.kind == "N-1")


def repeated(found: ContingencyResult) -> frozenset[str]:
    """Domains whose loss is the same as that of one that comes before them."""
    return frozenset(name for loss in single_losses(found) for name in loss.repeated)


def by_kind(found: Iterable[Concentration]) -> dict[str, list[Concentration]]:
    """Kinds that no deployment states are left out."""
    groups: dict[str, list[Concentration]] = {}
    for one in found:
        if set(one.shares) - {"not stated"}:
            groups.setdefault(one.kind, []).append(one)
    return groups


def worse_pairs(found: ContingencyResult) -> tuple[WorsePair, ...]:
    """Those expected to fall together first, then the worst first."""
    alone = {case.lost[0]: case.effects for case in found.cases if case.kind == "N-1"}
    pairs = [
        WorsePair(loss, workflow, effect, tuple(alone[name][workflow] for name in loss.case.lost if name in alone))
        for loss in merge(case for case in found.cases if case.kind != "N-1")
        for workflow, effect in loss.case.effects.items()
    ]
    worse = [pair for pair in pairs if _rank(pair.effect) > max(map(_rank, pair.alone), default=0)]
    return tuple(
        sorted(worse, key=lambda pair: (not pair.loss.case.correlated, -_rank(pair.effect), pair.effect.served))
    )


def touched(result: WorkflowResult) -> bool:
    """Did the workflow see anything of the scenario? It met the same traffic and luck without it."""
    same = (
        result.success == result.baseline_success
        and result.first_token == result.baseline_first_token
        and result.usd == result.baseline_usd
    )
    return not same or bool(result.poor) or result.detect is not None


def hangs_on(study: Study, workflow: str) -> str:
    """The single points of a workflow, in words. A domain that is the same as one already named is left out."""
    if study.contingency is None:
        return words.NONE
    same = repeated(study.contingency)
    points = [one.single_points for one in study.contingency.dependence if one.workflow == workflow]
    return ", ".join(words.domain(name) for names in points for name in names if name not in same) or "nothing alone"


def headline(study: Study) -> tuple[str, ...]:
    """The verdict, in a few sentences."""
    sentences = [*_of_losses(study), *_of_money(study), *_of_scenarios(study.scenarios)]
    return tuple(sentences) or ("Nothing was simulated, so nothing can be said.",)


def figures(study: Study) -> tuple[Figure, ...]:
    """The few numbers that stand at the top."""
    found = study.contingency
    if found is None or not found.cases:
        return ()
    effects = [effect for case in found.cases if case.kind == "N-1" for effect in case.effects.values()]
    secure = sum(effect.verdict == "secure" for effect in effects)
    points = [len(one.single_points) for one in found.dependence]
    total = found.year.total
    return (
        Figure("Expected loss", f"{words.money(total.usd_mean)}", "a year, all workflows"),
        Figure("In a bad year", words.money(total.usd_shortfall_95), "the mean of the worst 1 in 20"),
        Figure("Single points", f"{sum(points):,}", f"in {sum(map(bool, points))} of {len(points)} workflows"),
        Figure("Losses withstood", f"{secure:,} of {len(effects):,}", "each workflow without each domain"),
    )


def dependence(found: Dependence) -> str:
    points = words.count(len(found.single_points), "single point")
    vendor = found.index_vendor.removeprefix("vendor:")
    return (
        f"{points[:1].upper()}{points[1:]}; sets of up to {words.count(found.below_order, 'domain')} were looked for. "
        f"From the known rates it is down {words.share(found.unavailability)} of the time. "
        f"Most dependent on {f'vendor {vendor}' if vendor else 'no vendor'}: index {words.rough_share(found.index)}."
    )


def origin(scenario: ScenarioResult) -> str:
    length = f"Scenario {scenario.id}, {words.duration(scenario.duration)}"
    if scenario.source is None:
        return f"{length}."
    checked = "facts checked" if scenario.source.verified else "facts not checked"
    return f"{length}, after the incident of {scenario.source.date}, {checked}."


def basis(study: Study) -> tuple[tuple[str, str], ...]:
    return (
        ("Config", study.config),
        ("Revision", study.revision),
        ("Commit", study.commit or "not in a repository"),
        ("Seed", str(study.seed)),
        ("Version", f"Second Source {study.version}"),
    )


def _rank(effect: Effect) -> int:
    return SEVERITY[effect.verdict]


def _of_losses(study: Study) -> Iterator[str]:
    if study.contingency is None:
        return
    worth = {workflow.id: workflow.usd_per_minute for workflow in study.workflows}
    losses = [loss for loss in single_losses(study.contingency) if loss.case.effects]
    if not losses:
        yield "There was nothing to lose: no domain stands behind a workflow."
        return
    vendors = [loss for loss in losses if loss.case.lost[0].startswith("vendor:")]
    worst, worst_vendor = (_worst(some, worth) for some in (losses, vendors or losses))
    if not any(map(_rank, worst.case.effects.values())):
        workflows = words.count(len(worst.case.effects), "workflow")
        yield f"No single loss stops or degrades any of {workflows}."
        return
    if any(map(_rank, worst_vendor.case.effects.values())):
        yield f"Losing {worst_vendor.name} {_what_it_does(worst_vendor)}."
    else:
        yield "No loss of a single vendor stops or degrades a workflow."
    if worst is not worst_vendor:
        yield f"The worst single loss of any kind is {worst.name}: it {_what_it_does(worst)}."


def _worst(losses: list[Loss], worth: dict[str, float]) -> Loss:
    """By what stops, then what degrades, then by the worth of what is not served; the first of equals."""

    def badness(loss: Loss) -> tuple[int, int, float]:
        ranks = [_rank(effect) for effect in loss.case.effects.values()]
        value = sum(worth.get(name, 0.0) * (1 - effect.served) for name, effect in loss.case.effects.items())
        return ranks.count(2), ranks.count(1), value

    return max(losses, key=badness)


def _what_it_does(loss: Loss) -> str:
    effects = loss.case.effects
    stopped, degraded = (
        [name for name, one in effects.items() if one.verdict == verdict] for verdict in ("lost", "degraded")
    )
    of = f"of {words.count(len(effects), 'workflow')}"
    parts = [f"stops {len(stopped)} {of} ({words.listed(stopped)})"] if stopped else []
    if degraded:
        parts.append(f"degrades {len(degraded)}{'' if stopped else f' {of}'} ({words.listed(degraded)})")
    return " and ".join(parts)


def _of_money(study: Study) -> Iterator[str]:
    if study.contingency is None or not study.contingency.cases:
        return
    total, together = study.contingency.year.total, study.contingency.together
    if not any(workflow.usd_per_minute for workflow in study.workflows):
        minutes = words.minutes(total.minutes_mean)
        yield f"No workflow states its value, so no loss has a price: {minutes} minutes are lost in a mean year."
        return
    bad = words.money(total.usd_shortfall_95)
    yield f"Expected loss {words.money(total.usd_mean)} a year; in a bad year (the worst 1 in 20) {bad}."
    if together:
        yield f"The changes below, all made, would leave {words.money(together.at_stake_after)} a year."


def _of_scenarios(scenarios: tuple[ScenarioResult, ...]) -> Iterator[str]:
    untested = sum(not one.tested for one in scenarios)
    if untested:
        of = f"{untested} of {words.count(len(scenarios), 'scenario')}"
        yield f"Nothing was tested in {of}: no request met a fault."
    tested = [one for one in scenarios if one.tested]
    judged = [one for one in tested if any(workflow.slo.met is not None for workflow in one.workflows)]
    if tested and not judged:
        yield f"{words.count(len(scenarios), 'scenario')} simulated; no workflow promises anything it could miss."
    failed = [one for one in judged if not one.passed]
    if failed:
        names = [f"“{one.title}” ({words.listed(_missed(one))})" for one in failed[:NAMED]]
        more = [words.count(len(failed) - NAMED, "other")] if len(failed) > NAMED else []
        of = f"{len(failed)} of {words.count(len(judged), 'scenario')}"
        yield f"Promises would be missed in {of}: {words.listed([*names, *more])}."
    elif judged:
        yield f"Every promise was kept in {words.count(len(judged), 'scenario')}."


def _missed(scenario: ScenarioResult) -> list[str]:
    return [workflow.workflow for workflow in scenario.workflows if workflow.slo.met is False]
