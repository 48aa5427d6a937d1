import pytest

from gateway.core.model import Domain
from gateway.simulator.causes import by_cause, causes, chances
from gateway.simulator.probability import probability
from gateway.simulator.world import Group, Outages, World

from .exposed import all_of, any_of, deployment, snapshot, workflow

A, B = Domain("vendor", "a"), Domain("vendor", "b")
CONFIG = snapshot(workflow("w"), routes={"chat": [deployment("a"), deployment("b")]})
PAIR = all_of("vendor:a", "vendor:b")
EVERY_DAY = Outages(86_400.0, 3600.0, 3000.0)
EVERY_OTHER_DAY = Outages(2 * 86_400.0, 7200.0, 5000.0)


def world(beta: float, *members: Domain) -> World:
    return World(outages={A: EVERY_DAY, B: EVERY_OTHER_DAY}, groups=(Group("both", members, beta),))


def test_a_share_of_the_outages_is_common() -> None:
    a, b, both = causes(CONFIG, world(0.1, A, B))
    assert (a.name, a.takes, b.name) == ("vendor:a", ("vendor:a",), "vendor:b")
    assert 1.0 / a.outages.between == pytest.approx(0.9 / 86_400.0)
    assert 1.0 / b.outages.between == pytest.approx(0.9 / 2 / 86_400.0)
    assert (both.name, both.takes) == ("group:both", ("vendor:a", "vendor:b"))
    assert 1.0 / both.outages.between == pytest.approx(0.1 * (1.0 + 0.5) / 2 / 86_400.0)
    assert (both.outages.repair, both.outages.median) == (5400.0, 4000.0)


@pytest.mark.parametrize("members", [(), (A,), (A, A), (A, Domain("vendor", "elsewhere"))])
def test_alone_nothing_is_common(members: tuple[Domain, ...]) -> None:
    assert [cause.outages for cause in causes(CONFIG, world(0.1, *members))] == [EVERY_DAY, EVERY_OTHER_DAY]


def test_all_or_nothing_in_common() -> None:
    assert [cause.name for cause in causes(CONFIG, world(1.0, A, B))] == ["group:both"]
    assert [cause.name for cause in causes(CONFIG, world(0.0, A, B))] == ["vendor:a", "vendor:b"]


def test_a_domain_without_a_rate_has_no_cause() -> None:
    makers = snapshot(workflow("w"), routes={"chat": [deployment("a", A, Domain("maker", "a"))]})
    assert [cause.name for cause in causes(makers, World(outages={A: EVERY_DAY}))] == ["vendor:a"]


@pytest.mark.parametrize("beta", [0.0, 0.05, 1.0])
def test_two_in_parallel_fail_by_coincidence_or_together(beta: float) -> None:
    """NUREG/CR-5485: ((1 - beta) q)^2 + beta q, to first order in each."""
    found = causes(CONFIG, World(outages={A: EVERY_DAY, B: EVERY_DAY}, groups=(Group("both", (A, B), beta),)))
    q = EVERY_DAY.unavailability
    expected = ((1.0 - beta) * q) ** 2 + beta * q
    assert probability(by_cause(PAIR, found), chances(found)) == pytest.approx(expected, rel=0.05)


def test_a_domain_that_can_fail_only_with_the_others_still_has_its_own_event() -> None:
    found = causes(CONFIG, world(1.0, A, B))
    assert by_cause(PAIR, found) == all_of(any_of("vendor:a", "group:both"), any_of("vendor:b", "group:both"))
