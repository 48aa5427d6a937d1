import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.cutsets import minimal_cut_sets
from gateway.simulator.probability import probability
from gateway.simulator.structure import ALWAYS, NEVER, Node

from .exposed import (
    BRIDGE,
    EVENTS,
    PRESSURE_TANK,
    PRESSURE_TANK_CHANCES,
    REPEATABLE,
    TREES,
    all_of,
    any_of,
    fails,
)

CHANCES = st.fixed_dictionaries({event: st.floats(0.0, 1.0) for event in EVENTS})


def test_the_pressure_tank_of_the_fault_tree_handbook() -> None:
    """NUREG-0492, chapter VIII: about 3.5e-5, nearly all of it from K2 and T."""
    expected = 5e-6 + 3e-5 + 1e-4 * (3e-5 + 3e-5 + 1e-4)
    assert probability(PRESSURE_TANK, PRESSURE_TANK_CHANCES) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("q", [0.01, 0.1, 0.5, 0.9])
def test_the_bridge_of_equal_parts(q: float) -> None:
    """Rausand and Hoyland: with reliability p, 2 p^2 + 2 p^3 - 5 p^4 + 2 p^5."""
    p = 1.0 - q
    expected = 1.0 - (2 * p**2 + 2 * p**3 - 5 * p**4 + 2 * p**5)
    assert probability(BRIDGE, dict.fromkeys("12345", q)) == pytest.approx(expected)


def test_two_of_three() -> None:
    """3 q^2 - 2 q^3: each pair shares an event with each other pair."""
    tree = any_of(all_of("1", "2"), all_of("1", "3"), all_of("2", "3"))
    assert probability(tree, dict.fromkeys("123", 0.1)) == pytest.approx(0.028)


def test_settled_and_unnamed_events() -> None:
    assert probability(ALWAYS, {}) == 1.0
    assert probability(NEVER, {}) == 0.0
    assert probability("a", {}) == 0.0
    assert probability(any_of("a", "b"), {"a": 1.0}) == 1.0
    assert probability(all_of("a", "b"), {"a": 1.0, "b": 0.25}) == 0.25


@REPEATABLE
@given(TREES, CHANCES)
def test_it_is_the_sum_over_all_states(tree: Node, chances: dict[str, float]) -> None:
    total = 0.0
    for state in product((False, True), repeat=len(EVENTS)):
        down = frozenset(event for event, failed in zip(EVENTS, state, strict=True) if failed)
        if fails(tree, down):
            total += math.prod(q if event in down else 1.0 - q for event, q in chances.items())
    assert probability(tree, chances) == pytest.approx(total, abs=1e-12)


@REPEATABLE
@given(TREES, CHANCES)
def test_the_minimal_cut_sets_are_as_likely_as_the_tree(tree: Node, chances: dict[str, float]) -> None:
    cut_sets = minimal_cut_sets(tree, len(EVENTS))
    same = any_of(*(all_of(*cut) for cut in cut_sets))
    assert probability(same, chances) == pytest.approx(probability(tree, chances), abs=1e-12)


def test_a_dozen_deployments_on_three_clouds_and_three_routes() -> None:
    """By hand: whatever clouds are down, a route fails when the vendors of its other deployments do."""
    of = [any_of(f"vendor:{n}", f"cloud:{n % 3}", f"account:{n}") for n in range(12)]
    tree = any_of(all_of(*of[:8]), all_of(*of[4:]), all_of(*of))
    q, c = 0.1, 0.02
    expected = 0.0
    for clouds in product((False, True), repeat=3):
        up = [n for n in range(12) if not clouds[n % 3]]
        one, other = (q ** len([n for n in up if n in part]) for part in (range(8), range(4, 12)))
        expected += math.prod(c if down else 1 - c for down in clouds) * (one + other - q ** len(up))
    chances = {f"vendor:{n}": q for n in range(12)} | {f"cloud:{n}": c for n in range(3)}
    assert probability(tree, chances) == pytest.approx(expected)
