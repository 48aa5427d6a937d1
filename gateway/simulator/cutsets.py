"""Minimal cut sets: the smallest sets of events that together make a fault tree fail.

Found from the bottom up: OR joins the sets of its inputs, AND combines each of one with each of the next, and what
contains another set is absorbed at every gate. The sets are those of MOCUS (Fussell and Vesely 1972, which expands from
the top); absorbing at every gate keeps the rows few where deployments share their domains (MICSUP; Pande, Spector and
Chatterjee 1975). Textbook: NUREG-0492, "Fault Tree Handbook", chapter VII.
"""

from collections.abc import Iterable
from itertools import combinations

from gateway.simulator.structure import Node

ORDER = 3

CutSet = frozenset[str]


def minimal_cut_sets(tree: Node, order: int = ORDER) -> tuple[tuple[str, ...], ...]:
    """Those with at most `order` members, smallest first, then by name.

    The empty set alone: the tree has failed without any event. None at all: nothing up to that order makes it fail.
    At most as many as there are sets of `order` events; the time grows with 2 ** order.
    """
    return tuple(sorted(map(_named, _sets(tree, order)), key=lambda cut: (len(cut), cut)))


def _named(cut: CutSet) -> tuple[str, ...]:
    return tuple(sorted(cut))


def _sets(node: Node, order: int) -> set[CutSet]:
    if isinstance(node, str):
        return {frozenset((node,))} if order else set()
    if node.kind == "or":
        return _absorbed(cut for one in node.inputs for cut in _sets(one, order))
    found: set[CutSet] = {frozenset()}
    for one in node.inputs:
        others = _sets(one, order)
        found = _absorbed(both for cut in found for other in others if len(both := cut | other) <= order)
    return found


def _absorbed(cuts: Iterable[CutSet]) -> set[CutSet]:
    """Without those that contain another."""
    minimal: set[CutSet] = set()
    for cut in sorted(set(cuts), key=len):
        if not any(frozenset(part) in minimal for size in range(len(cut)) for part in combinations(cut, size)):
            minimal.add(cut)
    return minimal
