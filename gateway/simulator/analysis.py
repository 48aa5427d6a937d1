"""What the contingencies and the fault trees say together: dependence, concentration, and what a year may cost."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Literal

from gateway.core.model import Snapshot
from gateway.simulator.concentration import concentration
from gateway.simulator.contingency import Contingencies
from gateway.simulator.cutsets import ORDER, minimal_cut_sets
from gateway.simulator.importance import importance, unavailability
from gateway.simulator.renewal import YEAR
from gateway.simulator.result import Case, Concentration, Dependence, Effect, Year
from gateway.simulator.structure import Node, fault_trees, label, readable
from gateway.simulator.trial import Sight
from gateway.simulator.world import MINUTE, World
from gateway.simulator.year import simulate_years

Measure = Literal["traffic", "spend", "value"]


def dependence(snapshot: Snapshot, world: World, cases: tuple[Case, ...]) -> tuple[Dependence, ...]:
    """Of each workflow that sends anything."""
    return tuple(_dependence(snapshot, world, id_, tree, cases) for id_, tree in fault_trees(snapshot, world).items())


def _dependence(snapshot: Snapshot, world: World, id_: str, tree: Node, cases: tuple[Case, ...]) -> Dependence:
    cut_sets = readable(minimal_cut_sets(tree), tree)
    vendor, index = _index(id_, cases)
    return Dependence(
        workflow=id_,
        cut_sets=cut_sets,
        single_points=tuple(cut[0] for cut in cut_sets if len(cut) == 1),
        unavailability=unavailability(snapshot, world, tree),
        below_order=ORDER,
        importance=importance(snapshot, world, tree),
        index=index,
        index_vendor=vendor,
    )


def _index(workflow: str, cases: tuple[Case, ...]) -> tuple[str, float]:
    """max over vendors of (1 - share served without it), and that vendor. What chance explains is no dependence."""
    without = [
        (1.0 - effect.served, case.lost[0].removeprefix("vendor:"))
        for case in cases
        if case.kind == "N-1" and case.lost[0].startswith("vendor:") and (effect := case.effects.get(workflow))
        if effect.steady < 1.0 or effect.transition > 0.0
    ]
    index, vendor = max(without, key=lambda found: found[0], default=(0.0, ""))
    return vendor if index > 0.0 else "", index


def concentrations(snapshot: Snapshot, found: Contingencies) -> tuple[Concentration, ...]:
    """By requests, by USD, and by the value (USD a minute) of the workflows that were served."""
    measures: dict[Measure, Callable[[Sight], Mapping[str, float]]] = {
        "traffic": _traffic,
        "spend": _spend,
        "value": lambda sight: _value(sight, snapshot),
    }
    return tuple(
        one
        for measure, amounts in measures.items()
        for one in concentration(
            snapshot, measure, amounts(found.quiet), {lost: amounts(sight) for lost, sight in found.seen.items()}
        )
    )


def _traffic(sight: Sight) -> Mapping[str, float]:
    return _summed({id_: seen.served for id_, seen in sight.items()}, lambda id_: 1.0)


def _spend(sight: Sight) -> Mapping[str, float]:
    return _summed({id_: seen.usd for id_, seen in sight.items()}, lambda id_: 1.0)


def _value(sight: Sight, snapshot: Snapshot) -> Mapping[str, float]:
    served = {id_: seen.served for id_, seen in sight.items()}
    return _summed(served, lambda id_: snapshot.workflows[id_].usd_per_minute / sight[id_].requests)


def _summed(amounts: Mapping[str, Mapping[str, float]], weight: Callable[[str], float]) -> Mapping[str, float]:
    total: dict[str, float] = defaultdict(float)
    for id_, by_deployment in amounts.items():
        for deployment, amount in by_deployment.items():
            total[deployment] += amount * weight(id_)
    return total


def year(snapshot: Snapshot, world: World, cases: tuple[Case, ...], seed: int, years: int) -> Year:
    """From the known outage rates, and what each single loss was seen to cost."""
    return simulate_years(
        snapshot,
        world,
        _by_workflow(cases, lambda effect: 1.0 - effect.steady),
        _by_workflow(cases, lambda effect: effect.transition),
        seed,
        years,
    )


def expected_loss(snapshot: Snapshot, world: World, cases: tuple[Case, ...]) -> float:
    """USD a year, without drawing any: close to the mean of `year`, and a thousand times faster.

    Of each workflow, its value times: the share of time that its fault tree has failed; and for each domain that does
    not stop it by itself, outages a year times what one was seen to cost. Outages that overlap count twice in the
    latter, so it is a little too high.
    """
    domains = {label(domain): domain for one in snapshot.deployments.values() for domain in one.domains}
    usd = 0.0
    for id_, tree in fault_trees(snapshot, world).items():
        minutes = unavailability(snapshot, world, tree) * YEAR
        stopping = {cut[0] for cut in minimal_cut_sets(tree, 1) if cut}
        for case in cases:
            effect = case.effects.get(id_)
            rates = world.outages_of(domains[case.lost[0]])
            if case.kind == "N-1" and rates is not None and effect is not None and case.lost[0] not in stopping:
                repair = rates.repair / MINUTE
                outages = YEAR / (rates.between / MINUTE + repair)
                minutes += outages * min(repair, effect.transition + (1.0 - effect.steady) * repair)
        usd += minutes * snapshot.workflows[id_].usd_per_minute
    return usd


def _by_workflow(cases: tuple[Case, ...], figure: Callable[[Effect], float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for case in cases:
        if case.kind == "N-1":
            for id_, effect in case.effects.items():
                found[id_][case.lost[0]] = figure(effect)
    return found
