from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from gateway.core.actions import Done, Event, Failed, Send
from gateway.core.fault import Demand, Exposure, Fault, FaultKind, Selector
from gateway.core.health import CallPermit
from gateway.core.model import Deployment, Limits
from gateway.core.outcome import Kind, Usage
from gateway.simulator.luck import Luck, Lucks, rng
from gateway.simulator.traffic import Request
from gateway.simulator.vendor import ERROR_AFTER, FIRST_TOKEN, REFUSED_AFTER, Plan, Vendor
from gateway.simulator.world import Lognormal, Profile
from tests.core.build import deployment, table

from .build import STEADY, A, fault, request

USUAL = Luck(strikes=0.5, place=0.5, delay=0.5, poor=0.5, first=0.0, flow=0.0)
NOW = 100.0
PLAIN, STREAM = request(), request(stream=True)


def vendor(*faults: Fault, profile: Profile = STEADY, one: Deployment = A) -> Vendor:
    return Vendor(one, profile, Exposure(one, faults), rng(1, "vendor"))


def send(
    now: float = NOW, one: Deployment = A, *, first: float = 10.0, finish: float = 60.0, stall: float = 15.0
) -> Send:
    permit = table().admit(one, now, 1)
    assert isinstance(permit, CallPermit)
    return Send(one, permit, now + 3.0, now + first, now + finish, stall, "fresh")


def call(
    asked: Vendor, what: Request = PLAIN, now: float = NOW, luck: Luck = USUAL, said: int = 0, by: Send | None = None
) -> Plan:
    return asked.call(by or send(now), what, said, luck, now)


def kind(event: Event | None) -> Kind:
    assert isinstance(event, Done | Failed), event
    return event.outcome.kind if isinstance(event, Failed) else Kind.OK


def ending(plan: Plan) -> tuple[float, Kind]:
    """When it is over, and how."""
    return (plan.ends, kind(plan.end)) if plan.event is FIRST_TOKEN else (plan.at, kind(plan.event))


def kinds(plans: Iterable[Plan]) -> Counter[Kind]:
    return Counter(ending(plan)[1] for plan in plans)


# -- good calls ------------------------------------------------------------------------------------------------------


def test_a_plain_answer_comes_whole() -> None:
    assert call(vendor()) == Plan(NOW + 2.0, Done(Usage(100, 100)), said=100)


def test_a_stream_begins_with_its_first_token() -> None:
    assert call(vendor(), STREAM) == Plan(NOW + 1.0, FIRST_TOKEN, NOW + 2.0, Done(Usage(100, 100)), 100)


def test_a_continuation_says_only_what_is_missing() -> None:
    assert call(vendor(), STREAM, said=60) == Plan(NOW + 1.0, FIRST_TOKEN, NOW + 1.4, Done(Usage(100, 40)), 40)


def test_luck_moves_an_answer_along_its_distributions() -> None:
    spread = replace(STEADY, first_token=Lognormal(1.0, 2.0), speed=Lognormal(100.0, 200.0))
    plan = call(vendor(profile=spread), STREAM, luck=USUAL._replace(first=1.6448536269514722, flow=1.6448536269514722))
    assert plan.at == pytest.approx(NOW + 2.0)
    assert plan.ends == pytest.approx(NOW + 2.5)


def test_some_calls_fail_on_a_quiet_day() -> None:
    flaky, lucks = vendor(profile=replace(STEADY, errors=0.1)), Lucks(1, "call")
    found = kinds(call(flaky, luck=lucks.of(index)) for index in range(5000))
    assert set(found) == {Kind.OK, Kind.SERVER_ERROR}
    assert found[Kind.SERVER_ERROR] / 5000 == pytest.approx(0.1, abs=4 * (0.09 / 5000) ** 0.5)


# -- our own timeouts ------------------------------------------------------------------------------------------------


def test_what_comes_too_late_is_a_timeout_at_the_time_of_the_timeout() -> None:
    assert ending(call(vendor(), by=send(finish=1.5))) == (NOW + 1.5, Kind.TIMEOUT)
    assert ending(call(vendor(), STREAM, by=send(first=0.5))) == (NOW + 0.5, Kind.TIMEOUT)


def test_a_stream_that_is_not_through_in_time_has_said_a_part() -> None:
    plan = call(vendor(), STREAM, by=send(finish=1.25))
    assert (plan.at, plan.event, plan.said) == (NOW + 1.0, FIRST_TOKEN, 25)
    assert ending(plan) == (NOW + 1.25, Kind.TIMEOUT)
    assert isinstance(plan.end, Failed)
    assert plan.end.usage == Usage(100, 25)


@pytest.mark.parametrize(
    "faults", [(), (fault(FaultKind.CUT),), (fault(FaultKind.ERRORS, mix=((Kind.TIMEOUT, 1.0),)),)]
)
def test_no_call_outlasts_a_total_that_is_shorter_than_the_first_tokens_own(faults: tuple[Fault, ...]) -> None:
    plan = call(vendor(*faults), STREAM, by=send(first=10.0, finish=0.5))
    assert plan.at == NOW + 0.5
    assert kind(plan.event) is Kind.TIMEOUT


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failing", "as_", "after"),
    [
        (FaultKind.ERRORS, Kind.SERVER_ERROR, ERROR_AFTER),
        (FaultKind.RATE_LIMIT, Kind.RATE_LIMITED, REFUSED_AFTER),
        (FaultKind.AUTH, Kind.UNAUTHORIZED, REFUSED_AFTER),
        (FaultKind.CREDIT, Kind.NO_CREDIT, REFUSED_AFTER),
        (FaultKind.BLOCKED, Kind.FORBIDDEN, REFUSED_AFTER),
        (FaultKind.RETIRED, Kind.MODEL_GONE, REFUSED_AFTER),
        (FaultKind.REJECTING, Kind.BAD_REQUEST, ERROR_AFTER),
        (FaultKind.EXIT, Kind.UNREACHABLE, REFUSED_AFTER),
    ],
)
@pytest.mark.parametrize("what", [PLAIN, STREAM], ids=["plain", "stream"])
def test_how_a_call_fails_and_when(failing: FaultKind, as_: Kind, after: float, what: Request) -> None:
    plan = call(vendor(fault(failing, retry_after=7.0)), what)
    assert plan.at == pytest.approx(NOW + after)
    assert isinstance(plan.event, Failed)
    assert plan.event.outcome.kind is as_
    assert plan.event.outcome.retry_after == (7.0 if as_ is Kind.RATE_LIMITED or as_ is Kind.NO_CREDIT else None)
    assert plan.said == 0


def test_whoever_has_no_time_left_sees_no_refusal() -> None:
    plan = call(vendor(fault(FaultKind.BLOCKED)), by=send(first=0.02, finish=0.02))
    assert ending(plan) == (NOW + 0.02, Kind.TIMEOUT)


def test_an_outage_fails_in_several_ways_and_hangs_at_times() -> None:
    dead, lucks = vendor(fault(FaultKind.OUTAGE)), Lucks(1, "call")
    plans = [call(dead, luck=lucks.of(index)) for index in range(2000)]
    assert set(kinds(plans)) == {Kind.SERVER_ERROR, Kind.OVERLOADED, Kind.TIMEOUT}
    assert {plan.at for plan in plans if kind(plan.event) is Kind.TIMEOUT} == {NOW + 10.0}


@pytest.mark.parametrize(("breaking", "after"), [(FaultKind.CUT, 1.5), (FaultKind.STALL, 16.5)])
def test_an_answer_breaks_off_in_its_midst(breaking: FaultKind, after: float) -> None:
    broken = vendor(fault(breaking))
    found = Kind.CUT if breaking is FaultKind.CUT else Kind.STALLED
    assert ending(call(broken)) == (NOW + after, found)
    stream = call(broken, STREAM)
    assert (stream.at, stream.event, stream.said) == (NOW + 1.0, FIRST_TOKEN, 50)
    assert ending(stream) == (NOW + after, found)


def test_a_stall_beyond_the_total_is_a_timeout() -> None:
    stalled = vendor(fault(FaultKind.STALL))
    for what in (PLAIN, STREAM):
        assert ending(call(stalled, what, by=send(finish=5.0))) == (NOW + 5.0, Kind.TIMEOUT)


def test_a_fault_begins_and_ends_on_time() -> None:
    short = vendor(fault(FaultKind.ERRORS, start=10.0, end=20.0))
    found = [kind(call(short, now=now).event) for now in (9.9, 10.0, 19.9, 20.0)]
    assert found == [Kind.OK, Kind.SERVER_ERROR, Kind.SERVER_ERROR, Kind.OK]


def test_a_fault_with_a_share_spares_the_lucky() -> None:
    half = vendor(fault(FaultKind.ERRORS, share=0.5))
    assert kind(call(half, luck=USUAL._replace(strikes=0.49)).event) is Kind.SERVER_ERROR
    assert kind(call(half, luck=USUAL._replace(strikes=0.5)).event) is Kind.OK


def test_a_slow_vendor_is_slow_in_everything_and_a_late_one_only_at_first() -> None:
    assert ending(call(vendor(fault(FaultKind.LATENCY, factor=3.0)))) == (NOW + 6.0, Kind.OK)
    late = call(vendor(fault(FaultKind.SLOW_FIRST_TOKEN, seconds=4.0)), STREAM)
    assert (late.at, late.ends) == (NOW + 5.0, NOW + 6.0)


def test_a_price_fault_names_its_factor_and_a_quality_fault_the_poor_answers() -> None:
    assert call(vendor(fault(FaultKind.PRICE, factor=3.0))).price == 3.0
    poor = vendor(fault(FaultKind.QUALITY, share=0.3))
    assert [call(poor, luck=USUAL._replace(poor=drawn)).poor for drawn in (0.29, 0.31)] == [True, False]
    assert [call(poor, STREAM, luck=USUAL._replace(poor=drawn)).poor for drawn in (0.29, 0.31)] == [True, False]


# -- quota and capacity ----------------------------------------------------------------------------------------------


def over_a_minute(asked: Vendor, per_second: int = 10, seconds: int = 60, start: float = 0.0) -> Counter[Kind]:
    times = (start + number / per_second for number in range(per_second * seconds))
    return kinds(call(asked, now=now) for now in times)


def test_a_vendor_keeps_to_the_quota_it_really_grants() -> None:
    strict = vendor(profile=replace(STEADY, rpm=60))
    assert over_a_minute(strict)[Kind.OK] == 60 + 59, "a minute's worth saved up, and what comes in"
    assert over_a_minute(strict, start=60.0)[Kind.OK] == 60
    assert kind(call(strict, now=120.0).event) is Kind.OK
    plan = call(strict, now=120.25)
    assert isinstance(plan.event, Failed)
    assert plan.event.outcome.retry_after == pytest.approx(0.75)
    assert plan.at == 120.25 + REFUSED_AFTER


def test_a_quota_of_tokens_counts_tokens() -> None:
    strict = vendor(profile=replace(STEADY, tpm=12_000))
    assert over_a_minute(strict)[Kind.OK] == 60 + 59, "200 tokens each"


def test_the_gateway_itself_keeps_to_the_quota_of_its_config() -> None:
    limited = deployment("a", limits=Limits(rpm=60))
    assert over_a_minute(vendor(one=limited)) == {Kind.OK: 600}


def test_a_shrunken_quota_holds() -> None:
    limited = deployment("a", limits=Limits(rpm=60))
    half = vendor(fault(FaultKind.QUOTA, end=120.0, factor=0.5), one=limited)
    assert over_a_minute(half)[Kind.OK] == 30 + 29
    assert over_a_minute(half, start=60.0)[Kind.OK] == 30
    assert over_a_minute(half, start=120.0) == {Kind.OK: 600}


def test_a_quota_that_shrinks_little_by_little_is_not_filled_up_at_each_step() -> None:
    limited = deployment("a", limits=Limits(rpm=60))
    shrinking = vendor(replace(fault(FaultKind.QUOTA, factor=0.5), ramp_up=60.0), one=limited)
    assert 60 + 30 < over_a_minute(shrinking)[Kind.OK] < 60 + 60


def test_no_quota_at_all_refuses_everybody() -> None:
    assert over_a_minute(vendor(fault(FaultKind.QUOTA, factor=0.0))) == {Kind.RATE_LIMITED: 600}


def test_a_vendor_takes_so_many_calls_at_once() -> None:
    small = vendor(profile=replace(STEADY, concurrency=4))
    found = over_a_minute(small, per_second=10, seconds=10)
    assert found == {Kind.OK: 4 * 5, Kind.OVERLOADED: 80}, "each takes two seconds"


def test_a_stream_counts_until_its_end() -> None:
    small = vendor(profile=replace(STEADY, concurrency=1))
    times = (0.0, 1.5, 1.99, 2.0)
    assert [ending(call(small, STREAM, now=now))[1] for now in times] == [
        Kind.OK,
        Kind.OVERLOADED,
        Kind.OVERLOADED,
        Kind.OK,
    ]


def displaced(load: float) -> Fault:
    return Fault(FaultKind.OUTAGE, Selector({"deployment": ("b",)}), demand=Demand(load))


def test_displaced_load_beyond_the_headroom_is_shed() -> None:
    crowded = vendor(displaced(4.0), profile=replace(STEADY, headroom=1.5))
    found = over_a_minute(crowded, per_second=100)
    assert found[Kind.OK] / 6000 == pytest.approx(1.5 / 4.0, abs=4 * (0.375 * 0.625 / 6000) ** 0.5)
    assert set(found) == {Kind.OK, Kind.OVERLOADED}


def test_displaced_load_within_the_headroom_only_slows() -> None:
    busy = vendor(displaced(1.5), profile=replace(STEADY, headroom=2.0))
    assert over_a_minute(busy, per_second=100) == {Kind.OK: 6000}
    assert ending(call(busy)) == (NOW + 3.0, Kind.OK)
    roomy = vendor(displaced(1000.0))
    assert ending(call(roomy)) == (NOW + 2.0, Kind.OK), "as much as may come"
