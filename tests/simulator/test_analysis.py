import math
from dataclasses import replace

import pytest

from gateway.core.model import Domain, Price, Snapshot
from gateway.simulator.analysis import concentrations, dependence, expected_loss, year
from gateway.simulator.importance import unavailability
from gateway.simulator.renewal import YEAR
from gateway.simulator.result import Dependence
from gateway.simulator.structure import fault_trees
from gateway.simulator.world import Group, Outages, Pattern, World

from .calm import CLAUDE, CLOUDS, SCANT, A, B, C, calm, tried
from .exposed import deployment, snapshot, workflow

HOUR = 3600.0
# Down for one hour in twenty, always for the same time.
OFTEN = Outages(19 * HOUR, HOUR, HOUR)
A_DOMAIN, B_DOMAIN = Domain("vendor", "a"), Domain("vendor", "b")


def depends(config: Snapshot, world: World | None = None) -> dict[str, Dependence]:
    chosen = world or calm(config)
    return {one.workflow: one for one in dependence(config, chosen, tried(config, chosen).cases)}


def test_claude_from_four_vendors_hangs_on_its_maker_alone() -> None:
    found = depends(CLAUDE)["w"]
    assert found.single_points == ("maker:anthropic",)
    assert found.cut_sets == (("maker:anthropic",),)  # four vendors at once are beyond the order that is looked for
    assert found.index == 0.0
    assert found.index_vendor == ""
    by_domain = {one.domain: one for one in found.importance}
    assert by_domain["maker:anthropic"].birnbaum == pytest.approx(1.0, abs=0.001)
    assert by_domain["maker:anthropic"].unavailability is None
    assert all(by_domain[f"vendor:{name}"].birnbaum < 0.01 for name in CLOUDS)


def test_the_index_is_the_share_that_goes_with_the_worst_vendor() -> None:
    config = snapshot(workflow("w"), workflow("safe", "chat"), routes={"chat": [A, B], "embed": [C]})
    traffic = {"w": Pattern(routes={"chat": 0.7, "embed": 0.3})}
    found = depends(config, calm(config, traffic))
    assert found["w"].index_vendor == "c"
    assert found["w"].index == pytest.approx(0.3, abs=0.08)
    assert found["w"].single_points == ("vendor:c",)
    assert (found["safe"].index, found["safe"].index_vendor) == (0.0, "")
    assert found["safe"].cut_sets == (("vendor:a", "vendor:b"),)


def test_structure_overlooks_a_quota_and_the_index_does_not() -> None:
    found = depends(SCANT)["w"]
    assert found.single_points == ()
    assert found.index_vendor == "a"
    assert 0.1 < found.index < 0.4


def test_a_workflow_that_sends_nothing_depends_on_nothing() -> None:
    config = snapshot(workflow("w"), workflow("mute"), routes={"chat": [A]})
    assert list(depends(config, calm(config, {"mute": Pattern(per_minute=0.0)}))) == ["w"]


def test_a_year_simulated_agrees_with_the_unavailability_computed() -> None:
    """Of one deployment: minutes a year = unavailability times a year, within five standard errors.

    Outages come as a renewal process, of which n years have some 438 n; the mean of the exponential times between them
    has the relative standard error 1 / sqrt(438 n).
    """
    config = snapshot(workflow("w"), routes={"chat": [A]})
    world = replace(calm(config), outages={A_DOMAIN: OFTEN})
    (tree,) = fault_trees(config, world).values()
    expected = unavailability(config, world, tree) * YEAR
    assert expected == pytest.approx(0.05 * YEAR)
    found = year(config, world, tried(config, world).cases, 1, years=100).workflows[0]
    assert found.minutes_mean == pytest.approx(expected, rel=5 / math.sqrt(438 * 100))
    assert found.by_domain == {"vendor:a": pytest.approx(found.usd_mean)}


@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_so_it_does_for_two_vendors_and_what_they_have_in_common(beta: float) -> None:
    config = snapshot(workflow("w"), routes={"chat": [A, B]})
    groups = (Group("both", (A_DOMAIN, B_DOMAIN), beta),)
    world = replace(calm(config), outages={A_DOMAIN: OFTEN, B_DOMAIN: OFTEN}, groups=groups)
    (tree,) = fault_trees(config, world).values()
    expected = unavailability(config, world, tree)
    alone, common = 1 / (19 / (1 - beta) + 1), 1 / (19 / beta + 1) if beta else 0.0
    assert expected == pytest.approx(1 - (1 - common) * (1 - alone**2))
    # Without cases nothing but the tree counts; both are down at once some 40 times a year or more.
    found = year(config, world, (), 1, years=200).workflows[0]
    assert found.minutes_mean / YEAR == pytest.approx(expected, rel=5 / math.sqrt(20 * 200))


def test_what_a_loss_costs_beyond_the_tree_is_in_the_year() -> None:
    world = replace(calm(SCANT), outages={A_DOMAIN: OFTEN, B_DOMAIN: replace(OFTEN, between=1e12)}, groups=())
    cases = tried(SCANT, world).cases
    (case,) = (case for case in cases if case.lost == ("vendor:a",))
    found = year(SCANT, world, cases, 1, years=100).workflows[0]
    share = 1.0 - case.effects["w"].steady
    assert share > 0.2
    # A third of the twentieth of the year that a is down, and what is lost at each start.
    least, most = (0.05 * YEAR * share * part for part in (0.9, 1.1))
    assert least < found.minutes_mean < most + case.effects["w"].transition * 450


def test_concentration_by_requests_by_spend_and_by_value() -> None:
    dear, cheap = (replace(one, price=Price(price, price)) for one, price in ((A, 9.0), (B, 1.0)))
    config = snapshot(
        workflow("dear", "chat", usd_per_minute=99.0),
        workflow("cheap", "fast", usd_per_minute=1.0),
        routes={"chat": [dear, cheap], "fast": [cheap, dear]},
    )
    found = {(one.measure, one.kind): one for one in concentrations(config, tried(config, requests=1000))}
    assert {kind for _, kind in found} >= {"vendor", "maker"}
    traffic, spend, value = (found[measure, "vendor"] for measure in ("traffic", "spend", "value"))
    assert traffic.shares["a"] == pytest.approx(0.5, abs=0.05)
    assert spend.shares["a"] == pytest.approx(0.9, abs=0.03)
    assert value.shares["a"] == pytest.approx(0.99)
    assert traffic.effective == pytest.approx(2.0, abs=0.05)
    # Without the largest, the other serves all.
    assert {one.hhi_without_top for one in (traffic, spend, value)} == {10_000.0}


def test_without_the_only_vendor_there_is_nothing_to_concentrate() -> None:
    config = snapshot(workflow("w"), routes={"chat": [deployment("a")]})
    (one,) = (one for one in concentrations(config, tried(config)) if (one.measure, one.kind) == ("traffic", "vendor"))
    assert (one.hhi, one.hhi_without_top) == (10_000.0, None)
    # Nobody asks for money here.
    assert "spend" not in {one.measure for one in concentrations(config, tried(config))}


@pytest.mark.parametrize("config", [SCANT, CLAUDE, snapshot(workflow("w"), routes={"chat": [A, B], "solo": [C]})])
def test_the_expected_loss_is_what_many_years_lose_on_the_mean(config: Snapshot) -> None:
    world = calm(config)
    cases = tried(config, world).cases
    drawn = year(config, world, cases, 1, 20_000).total.usd_mean
    assert expected_loss(config, world, cases) == pytest.approx(drawn, rel=0.05, abs=0.5)
