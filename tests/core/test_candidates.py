from gateway.core.candidates import REMEMBERED, CandidateCache, candidates
from gateway.core.model import Allow, Need, Route

from .build import deployment

EU = deployment("eu", "a", region="eu")
US = deployment("us", "b", region="us", can=Need.STREAM)
NOWHERE = deployment("nowhere", "c")
ROUTE = Route("chat", ((EU, US), (NOWHERE,)))


def test_a_rule_on_regions_fails_closed() -> None:
    found = candidates(ROUTE, Allow({"region": frozenset({"eu"})}), Need.NONE)
    assert found.tiers == ((EU,),)
    assert found.deployments == (EU,)
    assert found.rejected == {"us": "region us is not allowed", "nowhere": "region unknown is not allowed"}


def test_each_listed_kind_must_agree() -> None:
    allow = Allow({"region": frozenset({"eu", "us"}), "vendor": frozenset({"b", "c"})})
    assert candidates(ROUTE, allow, Need.NONE).deployments == (US,)


def test_an_empty_list_allows_nothing() -> None:
    assert candidates(ROUTE, Allow({"vendor": frozenset()}), Need.NONE).tiers == ()


def test_each_missing_capability_is_named() -> None:
    found = candidates(ROUTE, Allow(), Need.TOOLS | Need.VISION | Need.STREAM)
    assert found.tiers == ((EU,), (NOWHERE,))
    assert found.rejected == {"us": "cannot serve tools|vision"}


def test_without_a_rule_and_a_need_everyone_may() -> None:
    assert candidates(ROUTE, Allow(), Need.NONE).tiers == ROUTE.tiers


def test_the_cache_tells_arguments_apart_by_identity() -> None:
    cache = CandidateCache()
    europe = Allow({"region": frozenset({"eu"})})
    assert cache.of(ROUTE, europe, Need.NONE) is cache.of(ROUTE, europe, Need.NONE)
    assert cache.of(ROUTE, Allow(), Need.NONE).tiers == ROUTE.tiers
    assert cache.of(ROUTE, europe, Need.VISION).deployments == (EU,)
    assert cache.of(Route("chat", ((US,),)), europe, Need.NONE).tiers == ()


def test_the_cache_is_right_when_rules_come_and_go() -> None:
    cache = CandidateCache()
    for number in range(3 * REMEMBERED):
        region = ("eu", "us")[number % 2]
        assert len(cache.of(ROUTE, Allow({"region": frozenset({region})}), Need.NONE).deployments) == 1
        assert cache.of(ROUTE, Allow({"region": frozenset({region})}), Need.NONE).deployments[0].id == region
