from itertools import combinations

import pytest
from hypothesis import given

from gateway.simulator.cutsets import minimal_cut_sets
from gateway.simulator.structure import ALWAYS, NEVER, Node

from .exposed import BRIDGE, EVENTS, PRESSURE_TANK, REPEATABLE, TREES, all_of, any_of, fails


def test_the_pressure_tank_of_the_fault_tree_handbook() -> None:
    """NUREG-0492, chapter VIII."""
    assert minimal_cut_sets(PRESSURE_TANK) == (("K2",), ("T",), ("K1", "S"), ("R", "S"), ("S", "S1"))


def test_the_bridge() -> None:
    """Rausand and Hoyland, "System Reliability Theory"."""
    assert minimal_cut_sets(BRIDGE) == (("1", "2"), ("4", "5"), ("1", "3", "5"), ("2", "3", "4"))


def test_two_of_three() -> None:
    """Rausand and Hoyland, as above."""
    tree = any_of(all_of("1", "2"), all_of("1", "3"), all_of("2", "3"))
    assert minimal_cut_sets(tree) == (("1", "2"), ("1", "3"), ("2", "3"))


def test_what_contains_another_set_is_absorbed() -> None:
    """(a or b) and (a or c) fails by a, or by b and c."""
    assert minimal_cut_sets(all_of(any_of("a", "b"), any_of("a", "c"))) == (("a",), ("b", "c"))


def test_a_tree_that_always_or_never_fails() -> None:
    assert minimal_cut_sets(ALWAYS) == ((),)
    assert minimal_cut_sets(any_of("a", ALWAYS)) == ((),)
    assert minimal_cut_sets(NEVER) == ()
    assert minimal_cut_sets(all_of("a", NEVER)) == ()


@pytest.mark.parametrize(("order", "count"), [(0, 0), (1, 0), (2, 2), (3, 4), (9, 4)])
def test_larger_sets_are_cut_off(order: int, count: int) -> None:
    assert len(minimal_cut_sets(BRIDGE, order)) == count
    assert len(minimal_cut_sets("a", order)) == min(order, 1)


def by_brute_force(tree: Node, order: int) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for size in range(order + 1):
        found += [
            down
            for down in combinations(EVENTS, size)
            if fails(tree, frozenset(down)) and not any(set(less) <= set(down) for less in found)
        ]
    return found


@REPEATABLE
@given(TREES)
def test_they_are_minimal_and_complete(tree: Node) -> None:
    assert minimal_cut_sets(tree, len(EVENTS)) == tuple(by_brute_force(tree, len(EVENTS)))
    assert minimal_cut_sets(tree, 2) == tuple(by_brute_force(tree, 2))


def test_four_deployments_with_eight_domains_each() -> None:
    """8 ** 4 combinations; and twelve of them, which nobody could write out."""
    cloud = "cloud:shared"
    tree = [any_of(cloud, *(f"domain:{deployment}/{n}" for n in range(7))) for deployment in range(12)]
    assert minimal_cut_sets(all_of(*tree[:4]), 3) == ((cloud,),)
    assert len(minimal_cut_sets(all_of(*tree[:4]), 4)) == 1 + 7**4
    assert minimal_cut_sets(all_of(*tree)) == ((cloud,),)
