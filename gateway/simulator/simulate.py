"""One scenario against one config: what would each workflow have seen?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.core.breaker import Transition
from gateway.core.fault import Fault, FaultKind
from gateway.core.model import Snapshot, Workflow
from gateway.core.scenario import Scenario
from gateway.simulator.luck import rng
from gateway.simulator.measure import by_workflow, measure
from gateway.simulator.result import DrawnFault, ScenarioResult, Source, WorkflowResult
from gateway.simulator.run import run
from gateway.simulator.traffic import Request, busiest, candidates_of, generate, routed
from gateway.simulator.world import World

UNSEEN = frozenset({FaultKind.PRICE, FaultKind.QUALITY})  # no gateway can notice them in an answer


@dataclass(frozen=True, slots=True)
class Setting:
    """What does not change from scenario to scenario.

    `recorded`: traffic replayed from a ledger, in the stead of what the world's patterns would send. `duration`: in
    the stead of the scenario's own (seconds).
    """

    snapshot: Snapshot
    world: World
    seed: int
    recorded: tuple[Request, ...] | None = None
    duration: float | None = None

    def requests(self, scenario: Scenario, duration: float) -> Sequence[Request]:
        if self.recorded is not None:
            return [request for request in self.recorded if request.at < duration]
        begins = scenario.origin.begins if scenario.origin else None
        if begins is None:
            begins = busiest(self.snapshot, self.world)
        return generate(self.snapshot, self.world, self.seed, duration, begins)


def without_secrets(snapshot: Snapshot) -> Snapshot:
    """The same to every decision, but fit to leave the process."""
    bare = {id_: replace(one, api_key="") for id_, one in snapshot.deployments.items()}
    routes = {
        name: replace(route, tiers=tuple(tuple(bare[one.id] for one in tier) for tier in route.tiers))
        for name, route in snapshot.routes.items()
    }
    return replace(snapshot, deployments=bare, routes=routes, keys=(), ledger_url="", state_url="")


def simulate(setting: Setting, scenario: Scenario) -> ScenarioResult:
    """The scenario, and the same traffic with the same luck on a quiet day."""
    snapshot, world, seed = setting.snapshot, setting.world, setting.seed
    duration = setting.duration or scenario.duration
    requests = setting.requests(scenario, duration)
    faults = scenario.draw(lambda name: rng(seed, "scenario", scenario.id, name))
    course = run(snapshot, world, faults, requests, seed)
    touched = any(fault.demand or any(fault.on.hits(one) for one in routed(snapshot)) for fault in faults)
    quiet = run(snapshot, world, (), requests, seed) if touched else course
    found, usual = by_workflow(course), by_workflow(quiet)

    def seen(workflow: Workflow) -> WorkflowResult:
        own = scenario.hit(candidates_of(workflow, snapshot, world))
        if not found.get(workflow.id):
            own = ()
        own_faults = [f for f in faults if f.kind not in UNSEEN and any(f.on.hits(one) for one in own)]
        records, before = found.get(workflow.id, []), usual.get(workflow.id, [])
        ids = {one.id for one in own if any(fault.on.hits(one) for fault in own_faults)}
        return measure(workflow, records, before, own_faults, ids, course.transitions, duration)

    return ScenarioResult(
        id=scenario.id,
        title=scenario.title,
        about=scenario.about,
        source=_source(scenario),
        duration=duration,
        faults=tuple(_drawn(fault, scenario, snapshot) for fault in faults),
        hits=tuple(sorted(one.id for one in scenario.hit(routed(snapshot)))),
        workflows=tuple(seen(workflow) for workflow in snapshot.workflows.values()),
        breakers=tuple(_told(change) for change in course.transitions),
        tested=bool(requests) and (not faults or any(fault.start < requests[-1].at for fault in faults)),
    )


def _drawn(fault: Fault, scenario: Scenario, snapshot: Snapshot) -> DrawnFault:
    basis = next((planned.basis for planned in scenario.planned if planned.fault.on is fault.on), "")
    return DrawnFault(
        kind=fault.kind.value,
        on=str(fault.on),
        start=fault.start,
        end=None if math.isinf(fault.end) else fault.end,
        share=fault.share,
        hits=tuple(sorted(one.id for one in routed(snapshot) if fault.on.hits(one))),
        basis=basis,
    )


def _source(scenario: Scenario) -> Source | None:
    origin = scenario.origin
    if origin is None:
        return None
    return Source(origin.date, origin.facts, origin.assumed, origin.verified, origin.sources)


def _told(change: Transition) -> tuple[float, str, str, str]:
    return change.at, change.subject, f"{change.before.value}>{change.after.value}", change.cause
