"""Which losses to try: each domain alone, and the pairs that say more than their members, likely ones first."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple, get_args

from gateway.core.model import Deployment, Domain, DomainKind, Snapshot
from gateway.simulator.traffic import routed
from gateway.simulator.world import Group, World

KINDS: tuple[DomainKind, ...] = get_args(DomainKind)
# What two domains may share that makes them fall together, the closest tie first.
TIES: tuple[DomainKind, ...] = ("edge", "cloud", "region", "maker", "jurisdiction")

Hits = tuple[str, ...]


class Loss(NamedTuple):
    """A domain and the deployments (ids, sorted) that go with it."""

    domain: Domain
    hits: Hits


class Pair(NamedTuple):
    """`first` carries more of the quiet day's traffic. `correlated` says what ties them, or is empty."""

    first: Loss
    second: Loss
    correlated: str


def single_losses(snapshot: Snapshot) -> list[Loss]:
    """Every domain of every kind that a route hangs on, by kind."""
    members = routed(snapshot)
    known = dict.fromkeys(domain for one in members for domain in one.domains)
    ordered = sorted(known, key=lambda domain: KINDS.index(domain.kind))
    return [Loss(domain, _hits(domain, members)) for domain in ordered]


def pairs(snapshot: Snapshot, world: World, load: dict[str, float]) -> list[Pair]:
    """Correlated ones first, then by the traffic they carry. `load`: requests by deployment on a quiet day.

    Of domains that take down the same, one stands for all; a pair in which one contains the other says nothing new.
    """
    alike: dict[Hits, list[Domain]] = defaultdict(list)
    for loss in single_losses(snapshot):
        alike[loss.hits].append(loss.domain)
    by_id = {one.id: one for one in routed(snapshot)}
    found = [
        _pair(
            one,
            other,
            _grouped(alike[one.hits], alike[other.hits], world.groups or ()) or _tie(one, other, by_id),
            load,
        )
        for one, other in combinations([Loss(domains[0], hits) for hits, domains in alike.items()], 2)
        if not set(one.hits) <= set(other.hits) and not set(other.hits) <= set(one.hits)
    ]
    return sorted(found, key=lambda pair: (_rank(pair), -_load((*pair.first.hits, *pair.second.hits), load)))


def _hits(domain: Domain, members: Iterable[Deployment]) -> Hits:
    return tuple(sorted(one.id for one in members if domain in one.domains))


def _pair(one: Loss, other: Loss, correlated: str, load: dict[str, float]) -> Pair:
    first, second = sorted((one, other), key=lambda loss: -_load(loss.hits, load))
    return Pair(first, second, correlated)


def _load(hits: Iterable[str], load: dict[str, float]) -> float:
    return sum(load.get(id_, 0.0) for id_ in set(hits))


def _grouped(ones: Iterable[Domain], others: Iterable[Domain], groups: Iterable[Group]) -> str:
    """Each side is one loss by all its names: a group may use any of them."""
    both = (f"group {g.name}" for g in groups if set(ones) & set(g.members) and set(others) & set(g.members))
    return next(both, "")


def _tie(one: Loss, other: Loss, by_id: dict[str, Deployment]) -> str:
    for kind in TIES:
        if kind in (one.domain.kind, other.domain.kind):
            continue
        shared = _names(kind, one.hits, by_id) & _names(kind, other.hits, by_id)
        if shared:
            return f"same {kind} {min(shared)}"
    return ""


def _names(kind: DomainKind, hits: Hits, by_id: dict[str, Deployment]) -> set[str]:
    return {name for id_ in hits if (name := by_id[id_].domain(kind))}


def _rank(pair: Pair) -> int:
    """Of a declared group 0, then by the kind of the tie; without one last."""
    if pair.correlated.startswith("group "):
        return 0
    kind = pair.correlated.split(" ")[1] if pair.correlated else ""
    return 1 + next((index for index, tie in enumerate(TIES) if tie == kind), len(TIES))
