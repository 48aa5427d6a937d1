"""Puts a study together: scenarios, contingencies, and everything needed to get the same figures again."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gateway import __version__
from gateway.core.fault import FaultKind
from gateway.core.model import Workflow
from gateway.core.scenario import Scenario
from gateway.simulator import assumptions
from gateway.simulator.advice import Judge, advise, stake
from gateway.simulator.analysis import concentrations, dependence, year
from gateway.simulator.contingency import contingencies, ground, how_many
from gateway.simulator.jobs import Advance, Workers
from gateway.simulator.result import ContingencyResult, ScenarioResult, Study, WorkflowFacts
from gateway.simulator.simulate import Setting, simulate, without_secrets
from gateway.simulator.traffic import routed, sources
from gateway.simulator.trial import Ground

# Announces a piece of work and how many steps it has; what comes back is told of those that are done.
Announce = Callable[[str, int], Advance]


def quietly(title: str, steps: int) -> Advance:
    return lambda done: None


def begin(command: str, config: Path, setting: Setting) -> Study:
    """A study that has found nothing yet. `command` is what makes it again."""
    snapshot = setting.snapshot
    replayed = ("Traffic is replayed from the ledger.",) if setting.recorded is not None else ()
    said = replayed or assumptions.of_traffic(snapshot, setting.world)
    return Study(
        command=command,
        version=__version__,
        config=config.name,
        revision=snapshot.revision,
        commit=_commit(config),
        seed=setting.seed,
        assumptions=(*said, *assumptions.of_world(snapshot, setting.world)),
        workflows=tuple(_facts(workflow, setting) for workflow in snapshot.workflows.values()),
        notes=() if snapshot.workflows else ("The config has no workflow: nothing can be said of any.",),
    )


def add_scenarios(
    study: Study, setting: Setting, scenarios: Sequence[Scenario], workers: Workers, announce: Announce = quietly
) -> Study:
    advance = announce("scenarios", len(scenarios))
    shared = replace(setting, snapshot=without_secrets(setting.snapshot))
    found = workers.map(_simulate_all, shared, scenarios, advance)
    untouched = [result for result, one in zip(found, scenarios, strict=True) if one.planned and not result.hits]
    notes = (f"{result.id}: no deployment of this config could have been hit." for result in untouched)
    untested = (
        f"{result.id}: no request was sent while a fault was there: nothing was tested."
        for result in found
        if not result.tested
    )
    unbounded = (note for scenario in scenarios for note in _without_quota(scenario, setting))
    return replace(study, scenarios=(*study.scenarios, *found), notes=(*study.notes, *notes, *untested, *unbounded))


def _without_quota(scenario: Scenario, setting: Setting) -> Iterator[str]:
    """A fault that cuts what nobody has stated would look as if it were withstood."""
    quotas = [planned.fault for planned in scenario.planned if planned.fault.kind is FaultKind.QUOTA]
    for one in routed(setting.snapshot):
        profile, limits = setting.world.profile(one), one.limits
        stated = profile.rpm or profile.tpm or limits.rpm or limits.tpm
        if not stated and any(fault.on.hits(one) for fault in quotas):
            yield f"{scenario.id}: no quota of {one.id} is known (limits: rpm, tpm), so none could be cut."


def add_contingencies(
    study: Study,
    setting: Setting,
    requests: int,
    most_pairs: int,
    years: int,
    workers: Workers,
    announce: Announce = quietly,
) -> Study:
    """`requests` a workflow and loss; `most_pairs` for N-2 and N-1-1 each; `years` of the Monte Carlo."""
    snapshot, world = without_secrets(setting.snapshot), setting.world
    base = ground(snapshot, world, setting.seed, requests)
    if not base.seconds:
        return replace(study, notes=(*study.notes, "No workflow sends anything: there is nothing to lose."))
    found = contingencies(base, workers, most_pairs, announce("contingencies", how_many(base, most_pairs)))
    a_year = year(snapshot, world, found.cases, setting.seed, years)
    before = stake(a_year.total.usd_mean, found.cases)
    advice, together = advise(Judge(base, years), before, found.cases, workers, announce)
    result = ContingencyResult(
        cases=found.cases,
        dependence=dependence(snapshot, world, found.cases),
        concentration=concentrations(snapshot, found),
        year=a_year,
        advice=advice,
        together=together,
        pairs_left_out=found.left_out,
        requests_per_case=requests,
    )
    missed = tuple(
        f"{id_} misses its SLO already on a quiet day: {', '.join(seen.missed)}."
        for id_, seen in found.quiet.items()
        if seen.missed
    )
    return replace(
        study,
        contingency=result,
        assumptions=(*study.assumptions, *assumptions.of_contingencies(requests), *_length(base)),
        notes=(*study.notes, *missed),
    )


def _simulate_all(setting: Setting, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
    return [simulate(setting, scenario) for scenario in scenarios]


def _length(base: Ground) -> tuple[str, ...]:
    return (f"So each loss is watched for {base.seconds / 60.0:.0f} minutes of simulated time.",)


def _facts(workflow: Workflow, setting: Setting) -> WorkflowFacts:
    sending = {source.workflow.id: source for source in sources(setting.snapshot, setting.world)}
    source = sending.get(workflow.id)
    return WorkflowFacts(
        id=workflow.id,
        owner=workflow.owner,
        criticality=workflow.criticality,
        usd_per_minute=workflow.usd_per_minute,
        slo_success=workflow.slo.success,
        slo_first_token_p95=workflow.slo.first_token_p95,
        routes=tuple(route.name for route in source.routes) if source else (),
        note="" if source else "It sends nothing.",
    )


def _commit(config: Path) -> str | None:
    """Of the repository that the config lies in, with "+" where the file differs from it."""
    folder = config.resolve().parent
    head = _git(folder, "rev-parse", "--short=12", "HEAD")
    if head is None or _git(folder, "ls-files", "--error-unmatch", config.name) is None:
        return None
    return head + ("+" if _git(folder, "diff", "--quiet", "HEAD", "--", config.name) is None else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where it fails, or is not there."""
    try:
        found = subprocess.run(  # noqa: S603 - fixed words, and the folder of the operator's own config
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
