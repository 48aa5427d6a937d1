import math
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.fault import (
    CALM,
    FAILURES,
    STEP,
    USUAL_MIX,
    Conditions,
    Delay,
    Demand,
    Exposure,
    Failing,
    Fault,
    FaultKind,
    Selector,
)
from gateway.core.model import Deployment
from gateway.core.outcome import Kind

from .build import REPEATABLE, deployment

A = deployment("gpt-eu", "openai", region="eu-west")
B = deployment("claude-us", "anthropic", region="us-east")
ON_A = Selector({"vendor": ("openai",)})
ON_ALL = Selector({"deployment": ("*",)})
BROKEN = Failing(1.0, ((Kind.SERVER_ERROR, 1.0),), None)
SHARES = st.floats(0.01, 1.0)
EVENLY = [(number + 0.5) / 20_000 for number in range(20_000)]


def failing(share: float, kind: Kind, retry_after: float | None = None) -> Failing:
    return Failing(share, ((kind, 1.0),), retry_after)


def struck(conditions: Conditions) -> Counter[Kind]:
    """Of 20,000 calls whose chances lie evenly on [0, 1)."""
    blows = (conditions.strike(chance) for chance in EVENLY)
    return Counter(blow.kind for blow in blows if blow)


# -- who is hit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "hit"),
    [
        ({"vendor": ("openai",)}, True),
        ({"vendor": ("mistral", "openai")}, True),  # one of them
        ({"vendor": ("openai",), "region": ("eu-*",)}, True),
        ({"vendor": ("openai",), "region": ("us-*",)}, False),  # each kind must match
        ({"region": ("eu-wes?",)}, True),
        ({"region": ("EU-*",)}, False),
        ({"vendor": ("open",)}, False),  # the whole name
        ({"deployment": ("gpt-*",)}, True),
        ({"cloud": ("*",)}, False),  # it does not say
    ],
)
def test_who_is_hit(patterns: dict[str, tuple[str, ...]], hit: bool) -> None:
    assert Selector(patterns).hits(A) is hit


def test_a_selector_may_name_others_besides() -> None:
    both = Selector({"vendor": ("anthropic",)}, Selector({"region": ("eu-*",)}))
    assert both.hits(A)
    assert both.hits(B)
    assert not both.hits(deployment("c", "mistral", region="us-east"))


def test_a_selector_says_whom_it_hits() -> None:
    text = str(Selector({"vendor": ("a", "b"), "region": ("eu",)}, Selector({"maker": ("m",)})))
    assert text == "vendor a or b and region eu, or maker m"


# -- how strongly ----------------------------------------------------------------------------------------------------

WINDOWS = st.builds(
    lambda start, length, up, down: Fault(
        FaultKind.OUTAGE, ON_A, start, start + length, ramp_up=up * length, ramp_down=down * length
    ),
    st.floats(0, 1e4),
    st.floats(1, 1e4),
    st.floats(0.1, 1),
    st.floats(0.1, 1),
)


def test_without_ramps_a_fault_is_there_from_its_start_and_gone_at_its_end() -> None:
    fault = Fault(FaultKind.OUTAGE, ON_A, 10.0, 20.0)
    assert [fault.strength(now) for now in (9.99, 10.0, 19.99, 20.0)] == [0.0, 1.0, 1.0, 0.0]


def test_ramps_lie_inside_the_window() -> None:
    fault = Fault(FaultKind.OUTAGE, ON_A, 100.0, 200.0, ramp_up=20.0, ramp_down=40.0)
    assert [fault.strength(now) for now in (100.0, 105.0, 120.0, 159.0, 190.0, 200.0)] == [0.0, 0.25, 1.0, 1.0, 0.25, 0]


@REPEATABLE
@given(WINDOWS, st.floats(-0.1, 1.1), st.floats(0, 0.01))
def test_ramps_are_continuous(fault: Fault, place: float, step: float) -> None:
    length = fault.end - fault.start
    now = fault.start + place * length
    slope = 1.0 / min(fault.ramp_up, fault.ramp_down)
    changed = abs(fault.strength(now + step * length) - fault.strength(now))
    assert changed <= step * length * slope + 1e-6
    assert 0.0 <= fault.strength(now) <= 1.0


def test_what_stays_never_falls() -> None:
    assert Fault(FaultKind.EXIT, ON_A, ramp_down=60.0).strength(1e12) == 1.0


# -- what a call meets -----------------------------------------------------------------------------------------------


def test_calm_strikes_nobody() -> None:
    assert struck(CALM) == {}
    assert CALM.delay(0.0) == 0.0


@REPEATABLE
@given(SHARES, SHARES)
def test_several_faults_strike_independently(one: float, other: float) -> None:
    found = struck(Conditions((failing(one, Kind.CUT), failing(other, Kind.STALLED))))
    assert found[Kind.CUT] / len(EVENLY) == pytest.approx(one, abs=2e-4)
    assert found.total() / len(EVENLY) == pytest.approx(1.0 - (1.0 - one) * (1.0 - other), abs=2e-4)


@REPEATABLE
@given(st.lists(SHARES, max_size=6), st.floats(0, 1, exclude_max=True))
def test_any_chance_has_an_end(shares: list[float], chance: float) -> None:
    conditions = Conditions(tuple(failing(share, Kind.CUT) for share in shares), delays=(Delay(0.5, 1.0),) * 5)
    blow = conditions.strike(chance)
    assert blow is not None or 1.0 not in shares
    assert 0.0 <= conditions.delay(chance) <= 5.0


def test_a_blow_is_one_of_the_mix_by_its_weight() -> None:
    found = struck(Conditions((Failing(0.5, USUAL_MIX[FaultKind.OUTAGE], 7.0),)))
    shares = {kind: count / len(EVENLY) for kind, count in found.items()}
    assert shares == pytest.approx({Kind.SERVER_ERROR: 0.2, Kind.OVERLOADED: 0.2, Kind.TIMEOUT: 0.1}, abs=2e-4)
    assert Conditions((failing(1.0, Kind.RATE_LIMITED, 7.0),)).strike(0.3) == (Kind.RATE_LIMITED, 7.0)


def test_each_usual_mix_is_whole() -> None:
    for kind, mix in USUAL_MIX.items():
        assert math.fsum(weight for _, weight in mix) == pytest.approx(1.0), kind
        assert {outcome for outcome, _ in mix} <= FAILURES


@REPEATABLE
@given(SHARES, SHARES)
def test_delays_add_up_and_hit_independently(one: float, other: float) -> None:
    conditions = Conditions(delays=(Delay(one, 1.0), Delay(other, 10.0)))
    waits = Counter(conditions.delay(chance) for chance in EVENLY)
    assert waits[11.0] / len(EVENLY) == pytest.approx(one * other, abs=3e-4)
    assert (waits[1.0] + waits[11.0]) / len(EVENLY) == pytest.approx(one, abs=3e-4)


def test_faults_of_one_time_add_up() -> None:
    faults = (
        Fault(FaultKind.LATENCY, ON_A, factor=3.0),
        Fault(FaultKind.LATENCY, ON_ALL, factor=2.0),
        Fault(FaultKind.QUOTA, ON_A, factor=0.5),
        Fault(FaultKind.PRICE, ON_A, factor=10.0),
        Fault(FaultKind.QUALITY, ON_A, share=0.5),
        Fault(FaultKind.QUALITY, ON_ALL, share=0.5),
        Fault(FaultKind.SLOW_FIRST_TOKEN, ON_A, seconds=4.0, share=0.25),
        Fault(FaultKind.ERRORS, ON_A, share=0.25, retry_after=3.0),
        Fault(FaultKind.ERRORS, ON_A, share=0.25, mix=((Kind.MALFORMED, 1.0),)),
    )
    assert Exposure(A, faults).at(5.0) == Conditions(
        failing=(failing(0.25, Kind.SERVER_ERROR, 3.0), failing(0.25, Kind.MALFORMED)),
        slower=6.0,
        delays=(Delay(0.25, 4.0),),
        quota=0.5,
        price=10.0,
        poor=0.75,
    )
    assert Exposure(B, faults).at(5.0) == Conditions(slower=2.0, poor=0.5)


@pytest.mark.parametrize(
    ("kind", "field", "half"),
    [(FaultKind.LATENCY, "slower", 2.0), (FaultKind.QUOTA, "quota", 2.0), (FaultKind.PRICE, "price", 2.0)],
)
def test_a_factor_ramps_from_one(kind: FaultKind, field: str, half: float) -> None:
    exposure = Exposure(A, [Fault(kind, ON_A, 0.0, 100.0, factor=3.0, ramp_up=20.0)])
    assert [getattr(exposure.at(now), field) for now in (0.0, 10.0, 50.0, 100.0)] == [1.0, half, 3.0, 1.0]


# -- looked up by time -----------------------------------------------------------------------------------------------


def test_outside_of_every_window_it_is_calm_itself() -> None:
    exposure = Exposure(
        A, [Fault(FaultKind.OUTAGE, ON_A, 10.0, 20.0), Fault(FaultKind.OUTAGE, Selector({"vendor": ()}))]
    )
    assert exposure.at(5.0) is CALM
    assert exposure.at(20.0) is CALM
    assert exposure.at(15.0).strike(0.999) is not None


@pytest.mark.parametrize("down", [False, True])
def test_a_ramp_goes_on_also_when_its_very_first_moment_was_looked_up(down: bool) -> None:
    fault = Fault(FaultKind.LATENCY, ON_A, 0.0, 100.0, factor=3.0, ramp_up=0.0 if down else 100.0)
    exposure = Exposure(A, [replace(fault, ramp_down=100.0) if down else fault])
    for moment in range(100):
        expected = 1.0 + 2.0 * (100 - moment if down else moment) / 100
        assert exposure.at(float(moment)).slower == pytest.approx(expected)


FAULTS = st.lists(
    st.builds(
        lambda fault, on, share, demand: replace(fault, on=on, share=share, demand=demand),
        WINDOWS,
        st.sampled_from([ON_A, ON_ALL, Selector({"vendor": ("anthropic",)})]),
        SHARES,
        st.none() | st.builds(Demand, st.floats(1, 10), st.floats(0, 600)),
    ),
    max_size=4,
)


def steepest(faults: list[Fault]) -> float:
    """The most that any share or load can move within a second."""
    slopes = [
        max(1.0, fault.demand.factor if fault.demand else 1.0) / min(fault.ramp_up, fault.ramp_down) for fault in faults
    ]
    return max(slopes, default=0.0)


@REPEATABLE
@given(FAULTS, st.lists(st.floats(0, 2.5e4), min_size=1, max_size=30), st.sampled_from([A, B]))
def test_the_order_of_looking_does_not_matter(faults: list[Fault], times: list[float], one: Deployment) -> None:
    often = Exposure(one, faults)
    for now in times:
        found, alone = often.at(now), Exposure(one, faults).at(now)
        slack = STEP * steepest(faults) + 1e-6
        assert found.load == pytest.approx(alone.load, abs=slack)
        assert spared(found) == pytest.approx(spared(alone), abs=slack * len(faults))


def spared(conditions: Conditions) -> float:
    """The share of the calls that no fault hits."""
    return math.prod(1.0 - each.share for each in conditions.failing)


# -- where the load goes ---------------------------------------------------------------------------------------------

DISPLACED = Fault(FaultKind.OUTAGE, ON_A, 100.0, 400.0, demand=Demand(3.0, after=60.0))


def test_displaced_load_comes_late_to_the_spared_and_is_gone_with_the_fault() -> None:
    others, hit = Exposure(B, [DISPLACED]), Exposure(A, [DISPLACED])
    assert [others.at(now).load for now in (100.0, 159.9, 160.0, 399.9, 400.0)] == [1.0, 1.0, 3.0, 3.0, 1.0]
    assert {hit.at(now).load for now in (100.0, 200.0, 399.0)} == {1.0}


def test_displaced_load_ramps_as_the_fault_did() -> None:
    others = Exposure(B, [replace(DISPLACED, ramp_up=40.0)])
    assert [others.at(now).load for now in (160.0, 170.0, 180.0, 200.0)] == [1.0, 1.5, 2.0, 3.0]


def test_displaced_load_goes_as_the_fault_does() -> None:
    others = Exposure(B, [replace(DISPLACED, ramp_down=40.0)])
    assert [others.at(now).load for now in (360.0, 370.0, 380.0, 399.0)] == [3.0, 2.5, 2.0, 1.05]


def test_of_two_displaced_loads_the_larger_counts() -> None:
    other = replace(DISPLACED, on=Selector({"vendor": ("mistral",)}), demand=Demand(2.0))
    others = Exposure(B, [DISPLACED, other])
    assert [others.at(now).load for now in (110.0, 200.0)] == [2.0, 3.0]


def test_a_load_is_not_displaced_by_whoever_displaces_none() -> None:
    assert Exposure(B, [replace(DISPLACED, demand=None)]).at(200.0) is CALM


@REPEATABLE
@given(st.floats(0.01, 1.0), st.integers(0, 2**32))
def test_random_chances_fail_by_the_share(share: float, seed: int) -> None:
    rng, conditions, calls = Random(seed), Conditions((failing(share, Kind.CUT),)), 4000
    hit = sum(conditions.strike(rng.random()) is not None for _ in range(calls))
    assert abs(hit / calls - share) <= 4.5 * math.sqrt(share * (1.0 - share) / calls)
