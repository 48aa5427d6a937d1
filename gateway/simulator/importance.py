"""How much a workflow's availability hangs on one event. Q is the probability that its fault tree has failed.

    Birnbaum   I_B(i) = Q(q_i = 1) - Q(q_i = 0)   how much more often it fails without i than with i for certain
    RAW        Q(q_i = 1) / Q                     risk achievement worth: how many times more often without i

Neither needs a good q_i of i itself, so they also say something of a maker that is forbidden. Sources: Birnbaum, "On
the importance of different components in a multicomponent system" (1969); Vesely, Davis, Denning and Saltos, "Measures
of risk importance and their applications", NUREG/CR-3385 (1983).
"""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.core.model import Snapshot
from gateway.simulator.causes import by_cause, causes, chances
from gateway.simulator.probability import probability
from gateway.simulator.result import Importance
from gateway.simulator.structure import Node, domains, events, label
from gateway.simulator.world import World


class Measures(NamedTuple):
    birnbaum: float
    raw: float | None


def measures(tree: Node, q: Mapping[str, float], event: str) -> Measures:
    """Of one event. `q` (0..1) by event, 0 where it is not named; `raw` is None where Q is 0."""
    failed, intact = (probability(tree, {**q, event: settled}) for settled in (1.0, 0.0))
    now = intact + q.get(event, 0.0) * (failed - intact)
    return Measures(failed - intact, failed / now if now else None)


def unavailability(snapshot: Snapshot, world: World, tree: Node) -> float:
    """Of the workflow with this fault tree: the share of time that nothing can serve one of its routes."""
    known = causes(snapshot, world)
    return probability(by_cause(tree, known), chances(known))


def importance(snapshot: Snapshot, world: World, tree: Node) -> tuple[Importance, ...]:
    """Of each domain the workflow hangs on, by Birnbaum's measure, most first."""
    known = causes(snapshot, world)
    full, q = by_cause(tree, known), chances(known)
    found = []
    for domain in domains(snapshot):
        if (event := label(domain)) in events(tree):
            rates = world.outages_of(domain)
            found.append(Importance(event, rates.unavailability if rates else None, *measures(full, q, event)))
    return tuple(sorted(found, key=lambda one: (-one.birnbaum, one.domain)))
