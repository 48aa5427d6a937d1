from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Domain, Snapshot
from gateway.simulator.causes import causes
from gateway.simulator.importance import unavailability
from gateway.simulator.renewal import YEAR, timeline
from gateway.simulator.result import YearLoss
from gateway.simulator.structure import fault_trees
from gateway.simulator.world import DAY, Group, Outages, World
from gateway.simulator.year import Lost, expected_shortfall, simulate_years

from .exposed import REPEATABLE, deployment, snapshot, workflow

# Makers: without a rate in the world they have none, unlike vendors.
A, B, CLOUD = Domain("maker", "a"), Domain("maker", "b"), Domain("maker", "cloud")
OFTEN = Outages(2 * DAY, 0.1 * DAY, 0.08 * DAY)
SELDOM = Outages(10 * DAY, 0.5 * DAY, 0.5 * DAY)
ONE = snapshot(workflow("w", usd_per_minute=2.0), routes={"chat": [deployment("a", A)]})
TWO = snapshot(workflow("w"), routes={"chat": [deployment("a", A, CLOUD), deployment("b", B, CLOUD)]})
THREE = snapshot(
    workflow("w"), routes={"chat": [deployment("a", A), deployment("b", B), deployment("c", Domain("maker", "never"))]}
)
ALONE = World(outages={A: OFTEN})
APART = World(outages={A: OFTEN, B: SELDOM}, groups=())
NOTHING: Mapping[str, Mapping[str, float]] = {}


def single(config: Snapshot, world: World, years: int = 300) -> YearLoss:
    return simulate_years(config, world, NOTHING, NOTHING, 1, years).workflows[0]


def expected(config: Snapshot, world: World) -> float:
    return YEAR * unavailability(config, world, fault_trees(config, world)["w"])


def test_a_single_point_costs_its_unavailability() -> None:
    found = single(ONE, ALONE)
    assert found.minutes_mean == pytest.approx(YEAR * OFTEN.unavailability, rel=0.02)
    assert found.usd_mean == pytest.approx(2.0 * found.minutes_mean)
    assert found.by_domain == {"maker:a": pytest.approx(found.usd_mean)}


def test_two_in_parallel_cost_the_product_and_each_carries_all_of_it() -> None:
    found = single(TWO, APART, 1000)
    assert found.minutes_mean == pytest.approx(YEAR * OFTEN.unavailability * SELDOM.unavailability, rel=0.05)
    assert found.by_domain == pytest.approx({"maker:a": found.usd_mean, "maker:b": found.usd_mean})


def test_a_common_cause_soon_costs_more_than_coincidence() -> None:
    rare = Outages(100 * DAY, 0.1 * DAY, 0.1 * DAY)
    both = {A: rare, B: rare}
    apart = single(TWO, World(outages=both, groups=()), 2000).minutes_mean
    together = single(TWO, World(outages=both, groups=(Group("all", (A, B), 0.05),)), 2000).minutes_mean
    assert together > 20 * apart
    assert together == pytest.approx(YEAR * 0.05 * rare.unavailability, rel=0.1)


@pytest.mark.parametrize("groups", [(), (Group("all", (A, B), 0.1),)])
def test_it_agrees_with_the_exact_unavailability(groups: tuple[Group, ...]) -> None:
    world = World(outages={A: OFTEN, B: SELDOM, CLOUD: Outages(300 * DAY, DAY, DAY)}, groups=groups)
    assert single(TWO, world, 2000).minutes_mean == pytest.approx(expected(TWO, world), rel=0.05)


def test_while_it_is_not_lost_the_worst_measured_share_is() -> None:
    losses = {"w": {"maker:a": 0.2, "maker:b": 0.5, "maker:never": 1.0}}
    q, r = OFTEN.unavailability, SELDOM.unavailability
    for config, both in ((TWO, 1.0), (THREE, 0.5)):
        found = simulate_years(config, APART, losses, NOTHING, 1, 1000).workflows[0]
        lost = q * r * both + q * (1 - r) * 0.2 + r * (1 - q) * 0.5
        assert found.minutes_mean == pytest.approx(YEAR * lost, rel=0.015)


def test_each_outage_costs_its_transition_but_never_more_than_it_lasts() -> None:
    world = World(outages={A: OFTEN})
    course = timeline(causes(TWO, world), 1, 50)
    lengths = course.starts[0].length
    for minutes in (1.0, 100.0, 1e9):
        found = simulate_years(TWO, world, NOTHING, {"w": {"maker:a": minutes}}, 1, 50).workflows[0]
        assert found.minutes_mean == pytest.approx(np.minimum(lengths, minutes).sum() / 50)


def test_no_transition_is_added_to_what_is_lost_anyway() -> None:
    transition = {"w": {"maker:a": 30.0}}
    assert simulate_years(ONE, ALONE, NOTHING, transition, 1, 50) == simulate_years(ONE, ALONE, NOTHING, NOTHING, 1, 50)


LOSSES = {"maker:a": 0.3, "maker:cloud": 0.1}
TRANSITION = {"maker:a": 100.0, "maker:b": 9.0}


@pytest.mark.parametrize("perfect", [A, B, CLOUD])
def test_a_domain_is_to_blame_for_what_would_not_be_lost_without_its_outages(perfect: Domain) -> None:
    """Each cause has its own luck, so leaving one out leaves the others as they were."""
    rates = {A: OFTEN, B: SELDOM, CLOUD: SELDOM}
    left = {domain: outages for domain, outages in rates.items() if domain != perfect}
    before, after = (
        simulate_years(TWO, World(outages=each, groups=()), {"w": LOSSES}, {"w": TRANSITION}, 1, 50).workflows[0]
        for each in (rates, left)
    )
    blame = before.by_domain[f"maker:{perfect.name}"]
    assert blame == pytest.approx(before.usd_mean - after.usd_mean)
    assert list(before.by_domain.values()) == sorted(before.by_domain.values(), reverse=True)


def test_the_mean_is_the_mean_of_the_years() -> None:
    world = World(outages={A: OFTEN, B: SELDOM}, groups=(Group("all", (A, B), 0.1),))
    course = timeline(causes(TWO, world), 1, 50)
    lost = Lost(course, fault_trees(TWO, world)["w"], LOSSES, TRANSITION)
    assert lost.mean() == pytest.approx(lost.by_year().mean())


def test_workflows_suffer_from_the_same_outages() -> None:
    twins = snapshot(workflow("v"), workflow("w", usd_per_minute=3.0), routes={"chat": [deployment("a", A)]})
    found = simulate_years(twins, ALONE, NOTHING, NOTHING, 1, 100)
    v, w = found.workflows
    assert (v.workflow, w.workflow, found.total.workflow) == ("v", "w", "all workflows")
    assert (v.minutes_p50, v.minutes_p95) == (w.minutes_p50, w.minutes_p95)
    assert found.total.usd_p95 == pytest.approx(4.0 * v.usd_p95)
    assert found.total.usd_shortfall_95 == pytest.approx(4.0 * v.usd_shortfall_95)
    assert found.total.by_domain == {"maker:a": pytest.approx(4.0 * v.by_domain["maker:a"])}


def test_a_workflow_that_nobody_may_serve_loses_the_whole_year() -> None:
    nobody = snapshot(workflow("w"), routes={"chat": []})
    found = single(nobody, World(), 3)
    assert (found.minutes_mean, found.usd_shortfall_975) == (YEAR, YEAR)


def test_it_says_which_rates_it_used() -> None:
    world = World(outages={A: Outages(DAY - 1800.0, 1800.0, 1800.0, "counted")})
    assert simulate_years(TWO, world, NOTHING, NOTHING, 1, 2).sources == (
        "maker:a: 365 outages a year of 30 minutes (counted)",
        "no rate is known, so these never fail here: maker:cloud, maker:b",
    )
    vendors = [deployment(str(n), Domain("vendor", str(n))) for n in range(70)]
    many = snapshot(workflow("w"), routes={"chat": vendors})
    rarely = {Domain("vendor", str(n)): Outages((1000 + n) * DAY) for n in range(70)}
    *_, last = simulate_years(many, World(outages=rarely, groups=()), NOTHING, NOTHING, 1, 2).sources
    assert last == "left out, as the rarest of 70: " + ", ".join(f"vendor:{n}" for n in range(62, 70))


def test_the_same_seed_finds_the_same() -> None:
    first, again, other = (simulate_years(TWO, APART, NOTHING, NOTHING, seed, 50) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("level", "shortfall"), [(0.95, 20.0), (0.9, 19.5), (0.875, 19.5), (0.75, 18.0), (0.0, 10.5), (0.975, 20.0)]
)
def test_the_shortfall_is_the_mean_of_the_worst(level: float, shortfall: float) -> None:
    assert expected_shortfall(np.arange(1.0, 21.0), level) == shortfall


@REPEATABLE
@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=60), st.sampled_from((0.5, 0.9, 0.95, 0.975)))
def test_the_shortfall_is_never_less_than_the_quantile(losses: list[float], level: float) -> None:
    """Acerbi and Tasche, "On the coherence of expected shortfall" (2002)."""
    years = np.array(losses)
    assert expected_shortfall(years, level) >= np.quantile(years, level) * (1 - 1e-9)


def test_ten_thousand_years_of_a_usual_config() -> None:
    domains = [(Domain("vendor", f"v{n}"), Domain("region", f"r{n % 2}")) for n in range(3)]
    config = snapshot(workflow("w"), routes={"chat": [deployment(str(n), *each) for n, each in enumerate(domains)]})
    found = simulate_years(config, World(), NOTHING, NOTHING, 1)
    assert found.years == 10_000
    assert found.total.minutes_mean == pytest.approx(expected(config, World()), rel=0.1)
    assert found.total.usd_shortfall_975 > found.total.usd_shortfall_95 > found.total.usd_p95
