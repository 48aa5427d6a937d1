import math
from random import Random
from statistics import fmean, median

import pytest

from gateway.core.model import Domain
from gateway.simulator.world import (
    REPAIR_MEAN,
    REPAIR_MEDIAN,
    UPTIME,
    USUAL_UPTIME,
    Group,
    Lognormal,
    Outages,
    Pattern,
    Profile,
    World,
    lognormal_sigma,
)
from tests.core.build import deployment

from .build import SOLO, A, B, snapshot

CLAUDE = deployment("claude", "anthropic")


def test_a_lognormal_amount_has_its_median_and_its_95th_percentile() -> None:
    amount, rng = Lognormal(0.6, 1.8), Random(1)
    drawn = sorted(rng.lognormvariate(math.log(amount.median), amount.sigma) for _ in range(20_000))
    assert median(drawn) == pytest.approx(0.6, rel=0.03)
    assert drawn[19_000] == pytest.approx(1.8, rel=0.05)


def test_a_mean_and_a_median_make_a_lognormal_distribution() -> None:
    sigma, rng = lognormal_sigma(REPAIR_MEAN, REPAIR_MEDIAN), Random(1)
    drawn = [rng.lognormvariate(math.log(REPAIR_MEDIAN), sigma) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(REPAIR_MEAN, rel=0.02)
    assert median(drawn) == pytest.approx(REPAIR_MEDIAN, rel=0.02)
    assert lognormal_sigma(5.0, 5.0) == 0.0


def test_unavailability_is_the_share_of_time_down() -> None:
    assert Outages(between=900.0, repair=100.0).unavailability == pytest.approx(0.1)


def test_a_vendor_is_down_for_what_its_published_uptime_leaves() -> None:
    for vendor, uptime in UPTIME.items():
        known = World().outages_of(Domain("vendor", vendor))
        assert known is not None
        assert known.unavailability == pytest.approx(1.0 - uptime)
        assert known.source == "published 90-day uptime"
    unknown = World().outages_of(Domain("vendor", "somebody"))
    assert unknown is not None
    assert unknown.unavailability == pytest.approx(1.0 - USUAL_UPTIME)


@pytest.mark.parametrize(
    ("domain", "known"),
    [
        (Domain("cloud", "azure"), True),
        (Domain("region", "eu"), True),
        (Domain("edge", "cloudflare"), True),
        (Domain("maker", "openai"), False),
        (Domain("model", "gpt"), False),
        (Domain("account", "prod"), False),
        (Domain("jurisdiction", "US"), False),
    ],
)
def test_only_what_was_counted_has_a_rate(domain: Domain, known: bool) -> None:
    assert (World().outages_of(domain) is not None) is known


def test_what_is_given_goes_before_what_is_usual() -> None:
    mine, maker = Outages(1000.0, 10.0), Domain("maker", "openai")
    given = World({"claude": Profile(errors=0.5)}, {"w": Pattern(7.0)}, {maker: mine})
    assert given.outages_of(maker) is mine
    assert given.profile(CLAUDE).errors == 0.5
    assert given.pattern("w").per_minute == 7.0
    assert given.pattern("other") == Pattern()


def test_a_deployment_fails_as_often_as_its_vendor() -> None:
    assert World().profile(CLAUDE).errors == pytest.approx(1.0 - UPTIME["anthropic"])
    assert World().profile(A).errors == pytest.approx(1.0 - USUAL_UPTIME)


def test_all_vendors_have_something_in_common_unless_the_world_says_otherwise() -> None:
    (group,) = World().common_causes(snapshot())
    assert group.members == (Domain("vendor", A.vendor), Domain("vendor", B.vendor))
    assert World(groups=()).common_causes(snapshot()) == ()
    mine = Group("mine", group.members)
    assert World(groups=(mine,)).common_causes(snapshot()) == (mine,)


def test_one_vendor_has_nothing_in_common_with_itself() -> None:
    assert World().common_causes(snapshot(SOLO)) == ()
