"""Which deployments may serve a request, and can: constraints and capabilities, before any policy, at every attempt."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.core.model import Allow, Deployment, Need, Route, Tier

REMEMBERED = 1024


class Candidates(NamedTuple):
    """`tiers` without the empty ones, and the same in one row; `rejected` says of each other one, by id, why not."""

    tiers: tuple[Tier, ...]
    deployments: Tier
    rejected: Mapping[str, str]


def candidates(route: Route, allow: Allow, need: Need) -> Candidates:
    reasons = {deployment.id: _reason(deployment, allow, need) for deployment in route.deployments}
    fitting = (tuple(deployment for deployment in tier if reasons[deployment.id] is None) for tier in route.tiers)
    tiers = tuple(tier for tier in fitting if tier)
    rejected = {id_: reason for id_, reason in reasons.items() if reason is not None}
    return Candidates(tiers, tuple(deployment for tier in tiers for deployment in tier), rejected)


def _reason(deployment: Deployment, allow: Allow, need: Need) -> str | None:
    missing = need & ~deployment.can
    return allow.refusal(deployment) or (f"cannot serve {missing.name or missing}".lower() if missing else None)


class CandidateCache:
    """Remembers `candidates` by the identity of its arguments: a route and a rule live as long as their config.

    Over a dozen deployments the checks cost more than all the rest of a decision.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int], tuple[Route, Allow, Candidates]] = {}

    def clear(self) -> None:
        self._known.clear()

    def of(self, route: Route, allow: Allow, need: Need) -> Candidates:
        key = (id(route), id(allow), int(need))
        known = self._known.get(key)
        if known is not None:
            return known[2]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        found = candidates(route, allow, need)
        # Held with its arguments: while they live, nothing else can have their identity.
        self._known[key] = route, allow, found
        return found
