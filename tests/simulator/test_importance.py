from dataclasses import replace

import pytest

from gateway.core.model import Domain
from gateway.simulator.importance import importance, measures, unavailability
from gateway.simulator.result import Importance
from gateway.simulator.structure import ALWAYS, NEVER, fault_trees
from gateway.simulator.world import Group, Outages, World

from .exposed import PRESSURE_TANK, PRESSURE_TANK_CHANCES, all_of, any_of, deployment, snapshot, workflow


def test_series_and_parallel_by_hand() -> None:
    """Rausand and Hoyland: in series, the reliability of the rest; in parallel, the unreliability of the rest."""
    q = {"a": 0.1, "b": 0.2}
    series, parallel = measures(any_of("a", "b"), q, "a"), measures(all_of("a", "b"), q, "a")
    assert series == pytest.approx((0.8, 1.0 / 0.28))
    assert parallel == pytest.approx((0.2, 0.2 / 0.02))


def test_two_of_three_by_hand() -> None:
    """I_B(1) = q2 + q3 - 2 q2 q3."""
    tree = any_of(all_of("1", "2"), all_of("1", "3"), all_of("2", "3"))
    q = {"1": 0.1, "2": 0.2, "3": 0.3}
    top = 0.1 * 0.2 + 0.1 * 0.3 + 0.2 * 0.3 - 2 * 0.1 * 0.2 * 0.3
    assert measures(tree, q, "1") == pytest.approx((0.2 + 0.3 - 2 * 0.2 * 0.3, (0.2 + 0.3 - 0.2 * 0.3) / top))


def test_of_the_pressure_tank() -> None:
    """NUREG-0492, chapter VIII: relay K2 is 86 % of the risk, the tank 14 %, the pressure switch next to nothing."""
    top = 3.5e-5
    shares = {
        name: measures(PRESSURE_TANK, PRESSURE_TANK_CHANCES, name).birnbaum * PRESSURE_TANK_CHANCES[name] / top
        for name in ("K2", "T", "S")
    }
    assert shares == pytest.approx({"K2": 0.857, "T": 0.143, "S": 0.00046}, abs=1e-3)


def test_an_event_of_unknown_rate_has_importance_too() -> None:
    assert measures(any_of("a", "law"), {"a": 0.1}, "law") == pytest.approx((0.9, 10.0))


def test_where_nothing_else_can_fail() -> None:
    assert measures(all_of("a", "b"), {}, "a") == (0.0, None)
    assert measures(any_of("a", "b"), {}, "a") == (1.0, None)
    assert measures(NEVER, {}, "a") == (0.0, None)
    assert measures(ALWAYS, {}, "a") == (0.0, 1.0)


A, B = Domain("vendor", "a"), Domain("vendor", "b")
MAKER, CLOUD, ELSEWHERE = Domain("maker", "m"), Domain("cloud", "c"), Domain("vendor", "z")
ONE_PER_CENT = Outages(99.0, 1.0, 1.0)
CONFIG = snapshot(
    workflow("w", "chat"),
    routes={
        "chat": [deployment("a", A, MAKER, CLOUD), deployment("b", B, CLOUD)],
        "other": [deployment("z", ELSEWHERE)],
    },
)
WORLD = World(outages={A: ONE_PER_CENT, B: ONE_PER_CENT, CLOUD: Outages(999.0, 1.0, 1.0)}, groups=())
TREE = fault_trees(CONFIG, WORLD)["w"]


def test_of_each_domain_that_the_workflow_hangs_on() -> None:
    both, cloud = 0.01 * 0.01, 0.001
    top = cloud + (1 - cloud) * both
    alone = (1 - cloud) * 0.01
    found = importance(CONFIG, WORLD, TREE)
    assert unavailability(CONFIG, WORLD, TREE) == pytest.approx(top)
    assert [one.domain for one in found] == ["cloud:c", "vendor:a", "vendor:b", "maker:m"]
    assert [one.unavailability for one in found] == [pytest.approx(0.001), *[pytest.approx(0.01)] * 2, None]
    vendor = (alone, (cloud + alone) / top)
    assert figures(found[0]) == pytest.approx((1 - both, 1 / top))
    assert figures(found[1]) == pytest.approx(vendor)
    # Without a rate of its own it counts as intact, and its loss leaves only the other vendor.
    assert figures(found[3]) == pytest.approx((alone * 0.99, (cloud + alone) / top))


def figures(found: Importance) -> tuple[float, float | None]:
    return found.birnbaum, found.raw


def test_a_common_cause_is_counted_and_a_domain_keeps_its_own_figure() -> None:
    together = replace(WORLD, groups=(Group("both", (A, B), 0.1),))
    assert unavailability(CONFIG, together, TREE) == pytest.approx(0.001 + 0.1 * 0.01 + (0.9 * 0.01) ** 2, rel=0.02)
    shares = {one.domain: one.unavailability for one in importance(CONFIG, together, TREE)}
    assert shares["vendor:a"] == pytest.approx(0.01)
