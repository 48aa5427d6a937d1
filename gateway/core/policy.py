"""How a tier is ordered. Each policy takes the deployments of one tier and returns them, best first."""

import math
from collections.abc import Callable
from random import Random

from gateway.core.health import HealthTable
from gateway.core.model import Deployment, PolicyName, Tier

Policy = Callable[[Tier, HealthTable, bool, float, Random], Tier]


def priority(tier: Tier, health: HealthTable, stream: bool, now: float, rng: Random) -> Tier:
    """As written."""
    return tier


def weighted(tier: Tier, health: HealthTable, stream: bool, now: float, rng: Random) -> Tier:
    """A random order in which each place goes to a deployment in proportion to its weight.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    """
    return tuple(sorted(tier, key=lambda deployment: rng.expovariate(deployment.weight)))


def least_latency(tier: Tier, health: HealthTable, stream: bool, now: float, rng: Random) -> Tier:
    """Of two drawn at random the less loaded first, then the other, then the rest as written.

    Load is peak-EWMA latency times calls in flight; a deployment without a sample gets one call, and no second one
    before that has told how fast it is.
    Two choices instead of the minimum: all would rush at the same winner.
    Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
    """
    if len(tier) < 2:
        return tier

    def load(deployment: Deployment) -> float:
        known = health.of(deployment)
        expected = known.expected(stream, now)
        if expected is None:
            return math.inf if known.in_flight else 0.0
        return expected * (known.in_flight + 1)

    first = int(rng.random() * len(tier))
    second = (first + 1 + int(rng.random() * (len(tier) - 1))) % len(tier)
    if load(tier[second]) < load(tier[first]):
        first, second = second, first
    rest = (deployment for place, deployment in enumerate(tier) if place not in (first, second))
    return (tier[first], tier[second], *rest)


def least_busy(tier: Tier, health: HealthTable, stream: bool, now: float, rng: Random) -> Tier:
    """Fewest calls in flight for its weight first; ties at random."""
    return tuple(
        sorted(rng.sample(tier, len(tier)), key=lambda deployment: health.of(deployment).in_flight / deployment.weight)
    )


def lowest_cost(tier: Tier, health: HealthTable, stream: bool, now: float, rng: Random) -> Tier:
    """Cheapest first, by the price of one token in and one out; ties as written."""
    return tuple(sorted(tier, key=lambda deployment: deployment.price.input + deployment.price.output))


POLICIES: dict[PolicyName, Policy] = {
    "priority": priority,
    "weighted": weighted,
    "least-latency": least_latency,
    "least-busy": least_busy,
    "lowest-cost": lowest_cost,
}
