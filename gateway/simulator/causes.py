"""What takes domains down, and how often: each domain's own outages, and the common causes of groups of them.

Beta-factor model (Fleming 1975; NUREG/CR-5485): a share beta of the outages of each member of a group are common to
all members, the rest are its own.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

from gateway.core.model import Domain, Snapshot
from gateway.simulator.structure import Gate, Node, domains, label, substitute
from gateway.simulator.world import Group, Outages, World


class Cause(NamedTuple):
    """`takes` are the labels of the domains that are down while it lasts.

    `name` is the label of the one domain whose own outages these are, or "group:name".
    """

    name: str
    takes: tuple[str, ...]
    outages: Outages


def causes(snapshot: Snapshot, world: World) -> tuple[Cause, ...]:
    """Of every domain in the config with a known rate. A group with fewer than two of them has nothing in common."""
    known = {domain: rates for domain in domains(snapshot) if (rates := world.outages_of(domain))}
    groups = [(group, members) for group in world.common_causes(snapshot) if len(members := _members(group, known)) > 1]
    own = {domain: 1.0 - sum(group.beta for group, members in groups if domain in members) for domain in known}
    return (
        *(
            Cause(label(domain), (label(domain),), replace(rates, between=rates.between / own[domain]))
            for domain, rates in known.items()
            if own[domain] > 0.0
        ),
        *(
            Cause(f"group:{group.name}", tuple(map(label, members)), _common(group, [known[one] for one in members]))
            for group, members in groups
            if group.beta > 0.0
        ),
    )


def by_cause(tree: Node, found: Iterable[Cause]) -> Node:
    """The tree in which a domain has failed when it has itself or when a common cause has taken it."""
    groups: dict[str, list[Node]] = {}
    for cause in found:
        for domain in cause.takes:
            groups.setdefault(domain, [domain]).append(cause.name)
    return substitute(tree, {domain: Gate("or", tuple(dict.fromkeys(names))) for domain, names in groups.items()})


def chances(found: Iterable[Cause]) -> dict[str, float]:
    """Long-run unavailability by cause."""
    return {cause.name: cause.outages.unavailability for cause in found}


def _members(group: Group, known: Mapping[Domain, Outages]) -> list[Domain]:
    return [domain for domain in dict.fromkeys(group.members) if domain in known]


def _common(group: Group, members: Sequence[Outages]) -> Outages:
    """At beta times the mean rate of the members, as long as theirs on the mean."""
    rate = group.beta * fmean(1.0 / one.between for one in members)
    repair, median = fmean(one.repair for one in members), fmean(one.median for one in members)
    return Outages(1.0 / rate if rate else math.inf, repair, median, f"beta factor {group.beta:g}")
