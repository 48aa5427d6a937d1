from collections import Counter
from random import Random

import pytest

from gateway.core.model import PolicyName, Price, Tier
from gateway.core.outcome import OK
from gateway.core.policy import POLICIES

from .build import deployment, table

A, B, C = (deployment(name, price=Price(cost, cost)) for name, cost in (("a", 3.0), ("b", 1.0), ("c", 2.0)))
TIER = (A, B, C)
NOW = 100.0


def firsts(policy: PolicyName, tier: Tier, draws: int = 3000) -> Counter[str]:
    health, rng = table(), Random(5)
    return Counter(POLICIES[policy](tier, health, False, NOW, rng)[0].id for _ in range(draws))


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("tier", [(), (A,), (A, B), TIER])
def test_each_policy_returns_each_deployment_once(policy: PolicyName, tier: Tier) -> None:
    rng, health = Random(3), table()
    for _ in range(50):
        ordered = POLICIES[policy](tier, health, True, NOW, rng)
        assert sorted(d.id for d in ordered) == sorted(d.id for d in tier)


def test_priority_is_as_written() -> None:
    assert firsts("priority", TIER) == {"a": 3000}


def test_lowest_cost_is_cheapest_first() -> None:
    assert POLICIES["lowest-cost"](TIER, table(), False, NOW, Random(1)) == (B, C, A)


def test_weights_are_shares_also_when_they_are_tiny() -> None:
    for scale in (1.0, 1e-4):
        tier = (deployment("light", weight=scale), deployment("heavy", weight=3 * scale))
        assert firsts("weighted", tier)["heavy"] == pytest.approx(2250, abs=100)


def test_least_busy_weighs_what_is_in_flight() -> None:
    light, heavy = deployment("light", weight=1.0), deployment("heavy", weight=4.0)
    health = table()
    health.of(light).in_flight = 1
    health.of(heavy).in_flight = 3
    assert POLICIES["least-busy"]((light, heavy), health, False, NOW, Random(1))[0] is heavy
    health.of(heavy).in_flight = 5
    assert POLICIES["least-busy"]((light, heavy), health, False, NOW, Random(1))[0] is light


def test_least_busy_breaks_ties_at_random() -> None:
    assert min(firsts("least-busy", TIER).values()) > 800


def test_least_latency_prefers_the_fast_and_never_starts_with_the_slowest() -> None:
    health, rng = table(), Random(2)
    for one, seconds in ((A, 5.0), (B, 1.0), (C, 2.0)):
        health.of(one).whole.add(seconds, NOW)
    first = Counter(POLICIES["least-latency"](TIER, health, False, NOW, rng)[0].id for _ in range(3000))
    assert first["a"] == 0
    assert first["b"] == pytest.approx(2000, abs=100)


def test_least_latency_weighs_calls_in_flight() -> None:
    health = table()
    for one in (A, B):
        health.of(one).whole.add(1.0, NOW)
    health.of(A).in_flight = 1
    assert POLICIES["least-latency"]((A, B), health, False, NOW, Random(1))[0] is B


def test_a_deployment_without_a_sample_gets_one_call_and_no_rush() -> None:
    health, rng = table(), Random(1)
    health.of(A).whole.add(0.5, NOW)
    assert POLICIES["least-latency"]((A, B), health, False, NOW, rng)[0] is B
    permit = health.admit(B, NOW, 0)
    assert not isinstance(permit, str)
    assert POLICIES["least-latency"]((A, B), health, False, NOW, rng)[0] is A
    health.settle(permit, OK, NOW + 0.1, latency=0.1, stream=False, slow=False, used=0)
    assert POLICIES["least-latency"]((A, B), health, False, NOW, rng)[0] is B


def test_a_spike_is_not_held_against_a_deployment_for_ever() -> None:
    health, rng = table(), Random(1)
    health.of(A).whole.add(10.0, NOW)
    for second in range(600):
        health.of(B).whole.add(0.5, NOW + second)
    assert POLICIES["least-latency"]((A, B), health, False, NOW + 600, rng)[0] is A
