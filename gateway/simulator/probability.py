"""How likely a fault tree is to fail, exactly, where events share nothing but what the tree says.

By pivotal decomposition (Shannon 1938; Barlow and Proschan, "Statistical Theory of Reliability and Life Testing", 1975,
chapter 1): Q = q_e Q(e failed) + (1 - q_e) Q(e intact), for an event that several inputs of a gate share; once nothing
is shared, the inputs are independent and an AND is the product, an OR one minus the product of the complements. On the
tree itself, so nothing is lost to the order at which cut sets were cut off.
"""

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache

from gateway.simulator.structure import ALWAYS, NEVER, Node, events, substitute


def probability(tree: Node, chances: Mapping[str, float]) -> float:
    """That the tree has failed. `chances` (0..1) by event; one that is not named does not happen."""

    @cache
    def of(node: Node) -> float:
        if isinstance(node, str):
            return chances[node]
        pivot = _shared(node)
        if pivot is not None:
            failed, intact = (of(substitute(node, {pivot: settled})) for settled in (ALWAYS, NEVER))
            return intact + chances[pivot] * (failed - intact)
        if node.kind == "and":
            return math.prod(map(of, node.inputs))
        return 1.0 - math.prod(1.0 - of(one) for one in node.inputs)

    return of(substitute(tree, _settled(tree, chances)))


def _settled(tree: Node, chances: Mapping[str, float]) -> dict[str, Node]:
    known = {event: chances.get(event, 0.0) for event in events(tree)}
    return {event: ALWAYS if chance else NEVER for event, chance in known.items() if chance in (0.0, 1.0)}


def _shared(node: Node) -> str | None:
    """The event below most of the gate's inputs, if below more than one."""
    if isinstance(node, str):
        return None
    below = Counter(event for one in node.inputs for event in events(one))
    most = max(below.values(), default=0)
    return min(event for event, count in below.items() if count == most) if most > 1 else None
