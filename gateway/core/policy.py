"""How a tier is ordered. Each policy takes the deployments of one tier and returns them, best first."""

from collections.abc import Callable
from random import Random

from gateway.core.health import HealthTable
from gateway.core.model import Deployment, PolicyName, Tier

Policy = Callable[[Tier, HealthTable, bool, Random], Tier]


def priority(tier: Tier, health: HealthTable, stream: bool, rng: Random) -> Tier:
    """As written."""
    return tier


def weighted(tier: Tier, health: HealthTable, stream: bool, rng: Random) -> Tier:
    """A random order in which each place goes to a deployment in proportion to its weight.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    """
    return tuple(sorted(tier, key=lambda deployment: -(rng.random() ** (1 / deployment.weight))))


def least_latency(tier: Tier, health: HealthTable, stream: bool, rng: Random) -> Tier:
    """Of two drawn at random the less loaded first, then the other, then the rest.

    Load is peak-EWMA latency times calls in flight; a deployment without a sample counts as fast, so it gets one.
    Two choices instead of the minimum: all would rush at the same winner.
    Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
    """
    if len(tier) < 2:
        return tier

    def load(deployment: Deployment) -> float:
        known = health.of(deployment)
        return (known.latency(stream) or 0.0) * (known.in_flight + 1)

    shuffled = rng.sample(tier, len(tier))
    return (*sorted(shuffled[:2], key=load), *shuffled[2:])


def least_busy(tier: Tier, health: HealthTable, stream: bool, rng: Random) -> Tier:
    """Fewest calls in flight for its weight first; ties at random."""
    return tuple(
        sorted(rng.sample(tier, len(tier)), key=lambda deployment: health.of(deployment).in_flight / deployment.weight)
    )


def lowest_cost(tier: Tier, health: HealthTable, stream: bool, rng: Random) -> Tier:
    """Cheapest first, by the price of one token in and one out; ties as written."""
    return tuple(sorted(tier, key=lambda deployment: deployment.price.input + deployment.price.output))


POLICIES: dict[PolicyName, Policy] = {
    "priority": priority,
    "weighted": weighted,
    "least-latency": least_latency,
    "least-busy": least_busy,
    "lowest-cost": lowest_cost,
}
