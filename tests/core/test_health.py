from dataclasses import replace

import pytest

from gateway.core.breaker import Phase
from gateway.core.health import COOL_DOWN_MAX, RAMPING, CallPermit, HealthTable
from gateway.core.model import Allow, Deployment, Limits, Need, Route
from gateway.core.outcome import CLIENT_GONE, OK, Kind, Outcome

from .build import BREAKER, deployment, failed, table

D = deployment("d", "v")


def admitted(health: HealthTable, one: Deployment, now: float = 0.0, tokens: int = 0) -> CallPermit:
    permit = health.admit(one, now, tokens)
    assert isinstance(permit, CallPermit), permit
    return permit


def settle(health: HealthTable, permit: CallPermit, outcome: Outcome, now: float = 0.0, used: int = 0) -> None:
    health.settle(permit, outcome, now, latency=0.5, stream=False, slow=False, used=used)


def throttled(health: HealthTable, now: float, retry_after: float | None = None) -> float:
    """How long it cools down after a 429."""
    settle(health, admitted(health, D, now), failed(Kind.RATE_LIMITED, retry_after), now)
    return health.of(D).cool_until - now


# -- our own bounds --------------------------------------------------------------------------------------------------


def test_calls_in_flight_are_counted_and_bounded() -> None:
    one, health = deployment("one", limits=Limits(concurrency=2)), table()
    permits = [admitted(health, one) for _ in range(2)]
    assert health.admit(one, 0.0, 0) == "concurrency limit reached"
    assert health.force(one, 0.0, 0) == "concurrency limit reached"
    settle(health, permits[0], CLIENT_GONE)
    assert health.of(one).in_flight == 1
    admitted(health, one)


def test_requests_a_minute_are_bounded() -> None:
    one, health = deployment("one", limits=Limits(rpm=2)), table()
    for _ in range(2):
        settle(health, admitted(health, one), OK)
    assert health.admit(one, 0.0, 0) == "request rate limit reached"
    assert health.of(one).available_at(0.0, 0) == pytest.approx(30.0)
    admitted(health, one, 30.0)


def test_tokens_are_reserved_and_the_difference_comes_back() -> None:
    one, health = deployment("one", limits=Limits(tpm=1000)), table()
    permit = admitted(health, one, tokens=900)
    assert health.admit(one, 0.0, 900) == "token rate limit reached"
    settle(health, permit, OK, used=100)
    admitted(health, one, tokens=900)


def test_a_reload_does_not_fill_the_buckets_unless_the_limits_change() -> None:
    one, health = deployment("one", limits=Limits(rpm=1)), table()
    settle(health, admitted(health, one), OK)
    health.adopt(BREAKER, [replace(one, weight=2.0)])
    assert isinstance(health.admit(one, 0.0, 0), str)
    health.adopt(BREAKER, [replace(one, limits=Limits(rpm=5))])
    admitted(health, one)


# -- cooling down ----------------------------------------------------------------------------------------------------


def test_a_rate_limit_cools_down_for_as_long_as_the_vendor_asks_within_reason() -> None:
    assert throttled(table(), 0.0, retry_after=7.0) == 7.0
    assert throttled(table(), 0.0, retry_after=86400.0) == BREAKER.open_max


def test_without_a_wish_each_cool_down_in_a_row_is_longer() -> None:
    health, now, waits = table(), 0.0, []
    for _ in range(8):
        waits.append(throttled(health, now))
        now = health.of(D).cool_until
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    settle(health, admitted(health, D, now), OK, now)
    assert throttled(health, now) == 1.0


def test_a_burst_of_rate_limits_is_one_cool_down() -> None:
    health = table()
    for permit in [admitted(health, D) for _ in range(2000)]:
        settle(health, permit, failed(Kind.RATE_LIMITED))
    assert health.of(D).cool_until == 1.0


def test_thousands_of_rate_limits_in_a_row_overflow_nothing() -> None:
    health = table()
    for _ in range(1100):
        throttled(health, 0.0, retry_after=0.0)
    assert throttled(health, 0.0) == COOL_DOWN_MAX


def test_of_two_cool_downs_the_later_holds() -> None:
    health = table()
    first, second = admitted(health, D), admitted(health, D)
    settle(health, first, failed(Kind.RATE_LIMITED, 20.0))
    settle(health, second, failed(Kind.RATE_LIMITED, 2.0))
    assert health.of(D).cool_until == 20.0
    assert health.admit(D, 19.9, 0) == "cooling down after a rate limit"
    assert isinstance(health.force(D, 19.9, 0), str)


def test_a_rate_limit_is_not_a_failure_and_an_overload_with_a_wish_is_both() -> None:
    health = table()
    throttled(health, 0.0)
    assert health.of(D).breaker.window.calls == 0
    settle(health, admitted(health, D, 10.0), failed(Kind.OVERLOADED, 3.0), 10.0)
    assert health.of(D).breaker.window.failures == 1
    assert health.of(D).cool_until == 13.0


# -- breakers --------------------------------------------------------------------------------------------------------


def test_force_passes_an_open_breaker_unless_it_is_open_for_something_lasting() -> None:
    health = table()
    settle(health, admitted(health, D), failed(Kind.SERVER_ERROR))
    health.of(D).breaker.trip(0.0, "down")
    assert isinstance(health.admit(D, 0.0, 0), str)
    permit = health.force(D, 0.0, 0)
    assert isinstance(permit, CallPermit)
    assert permit.forced
    settle(health, permit, OK)
    assert health.of(D).breaker.phase is Phase.OPEN
    health.of(D).breaker.trip(0.0, "no_credit", lasting=True)
    assert health.force(D, 0.0, 0) == "breaker open: no_credit"


def test_a_ramp_passes_its_share() -> None:
    health = table()
    breaker = health.of(D).breaker
    breaker.trip(0.0, "down")
    now = breaker.open_until
    for _ in range(BREAKER.close_after):
        settle(health, admitted(health, D, now), OK, now)
    for since, share in ((1.0, 0.05), (4.0, 0.25), (8.0, 0.5), (11.0, 1.0)):
        answers = [health.admit(D, now + since, 0) for _ in range(2000)]
        passed = [answer for answer in answers if isinstance(answer, CallPermit)]
        assert {answer for answer in answers if isinstance(answer, str)} <= {RAMPING}
        assert len(passed) / 2000 == pytest.approx(share, abs=0.04)


def test_it_says_when_it_recovers() -> None:
    health = table()
    assert health.recovers_at(D, 5.0, 0) == 5.0
    throttled(health, 5.0, retry_after=4.0)
    assert health.recovers_at(D, 5.0, 0) == 9.0
    health.of(D).breaker.trip(5.0, "down", hold=60.0)
    assert health.recovers_at(D, 5.0, 0) == 65.0


# -- what is learnt --------------------------------------------------------------------------------------------------


def test_latency_is_learnt_from_answers_and_timeouts_only() -> None:
    health = table()
    for kind in (Kind.BAD_REQUEST, Kind.SERVER_ERROR, Kind.RATE_LIMITED):
        settle(health, admitted(health, D, 100.0), failed(kind), 100.0)
        health.of(D).cool_until = 0.0
    assert health.of(D).latency(stream=False) is None
    settle(health, admitted(health, D), failed(Kind.TIMEOUT))
    assert health.of(D).latency(stream=False) == 0.5
    assert health.of(D).latency(stream=True) is None


def test_a_reload_keeps_what_is_known_of_the_same_thing_and_forgets_the_rest() -> None:
    health, gone = table(), deployment("gone")
    health.of(gone)
    health.of(D).breaker.trip(0.0, "down")
    permit = health.force(D, 0.0, 0)
    assert isinstance(permit, CallPermit)
    health.adopt(replace(BREAKER, consecutive=1), [replace(D, weight=9.0)])
    assert [(one.id, one.weight) for one, _ in health.standings()] == [("d", 9.0)]
    assert health.of(D).breaker.phase is Phase.OPEN
    assert health.of(D).in_flight == 1
    settle(health, permit, OK)
    assert health.of(D).in_flight == 0
    assert health.of(D).breaker.settings.consecutive == 1
    health.adopt(BREAKER, [replace(D, model="another")])
    assert health.of(replace(D, model="another")).breaker.phase is Phase.CLOSED


def test_a_reload_lets_go_of_what_was_worked_out_for_the_old_config() -> None:
    health, route, anyone = table(), Route("chat", ((D,),)), Allow()
    before = health.candidates.of(route, anyone, Need.NONE)
    assert health.candidates.of(route, anyone, Need.NONE) is before
    health.adopt(BREAKER, [D])
    assert health.candidates.of(route, anyone, Need.NONE) is not before


def test_a_call_that_outlives_its_deployment_returns_its_permit() -> None:
    health = table()
    permit = admitted(health, D)
    health.adopt(BREAKER, [])
    settle(health, permit, failed(Kind.SERVER_ERROR))
    assert permit.health.in_flight == 0
    assert list(health.standings()) == []


def test_a_greedy_request_reserves_a_minute_s_tokens_and_no_more() -> None:
    health = table()
    limited = replace(D, limits=Limits(tpm=600))
    permit = health.admit(limited, 0.0, 2**31)
    assert isinstance(permit, CallPermit)
    assert permit.tokens == 600
    health.settle(permit, OK, 0.0, latency=0.1, stream=False, slow=False, used=10)
    assert health.of(limited).available_at(0.0, 500) == 0.0
