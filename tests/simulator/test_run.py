import gc
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.breaker import Phase
from gateway.core.fault import Fault, FaultKind
from gateway.core.model import Limits, Price, Route, Snapshot
from gateway.core.outcome import Kind
from gateway.simulator.run import Course, Record, run
from gateway.simulator.traffic import Request, generate
from gateway.simulator.world import Bursts, Lognormal, Loop, Pattern, Profile, World
from tests.core.build import REPEATABLE, deployment

from .build import CHAT, NO_RETRIES, NUMB, SOLO, STEADY, WORKFLOW, A, B, every, fault, in_fresh_process, request, world
from .build import snapshot as config

SEED = 1


def course(
    *faults: Fault, requests: Sequence[Request], snapshot: Snapshot | None = None, given: World | None = None
) -> Course:
    return run(snapshot or config(), given or world(), faults, requests, SEED)


def only(found: Course) -> Record:
    (record,) = found.records
    return record


def share_served(found: Course) -> float:
    return sum(bool(record.served) for record in found.records) / len(found.records)


# -- one request -----------------------------------------------------------------------------------------------------


def test_a_quiet_answer() -> None:
    found = only(course(requests=[request(10.0)]))
    assert found == Record("support", "chat", 10.0, 2.0, Kind.OK, "a", 0, False, 1, None, 0.0, 200, False)


def test_a_quiet_stream() -> None:
    found = only(course(requests=[request(10.0, stream=True)]))
    assert (found.first_token, found.took, found.served) == (1.0, 2.0, "a")


def test_a_failed_call_is_taken_to_the_second_source() -> None:
    found = only(course(fault(FaultKind.ERRORS), requests=[request()]))
    assert (found.served, found.tier, found.fell_back, found.attempts) == ("b", 1, True, 2)
    assert found.took == pytest.approx(0.25 + 2.0)


def test_without_a_second_source_it_fails_in_the_vendors_words() -> None:
    alone = config(SOLO, retry_budget=NO_RETRIES)
    found = only(course(fault(FaultKind.BLOCKED), requests=[request(route=SOLO)], snapshot=alone))
    assert (found.kind, found.served, found.tier, found.attempts) == (Kind.FORBIDDEN, "", -1, 1)


@pytest.mark.parametrize("breaking", [FaultKind.CUT, FaultKind.STALL])
def test_an_interrupted_stream_is_continued_and_no_token_comes_twice(breaking: FaultKind) -> None:
    onward = replace(CHAT, on_interrupt="continue")
    asked = [replace_route(number, onward) for number in range(20)]
    found = course(fault(breaking), requests=asked, snapshot=config(onward, breaker=NUMB))
    assert {(record.served, record.tokens, record.first_token) for record in found.records} == {("b", 200, 1.0)}
    assert {record.attempts for record in found.records} == {2}


def replace_route(number: int, route: Route) -> Request:
    return request(60.0 * number, number, route=route, stream=True, resumable=True)


def test_an_interrupted_stream_that_may_not_go_on_has_failed() -> None:
    found = only(course(fault(FaultKind.CUT), requests=[request(stream=True, resumable=True)]))
    assert (found.kind, found.served, found.first_token, found.attempts) == (Kind.CUT, "", 1.0, 1)
    assert 100 <= found.tokens < 200


def test_every_attempt_is_paid_and_a_price_fault_makes_it_dearer() -> None:
    dear = deployment("a", price=Price(10.0, 20.0))
    priced = config(Route("chat", ((dear,), (B,))))
    (route,) = priced.routes.values()
    asked = [request(route=route)]
    assert only(course(requests=asked, snapshot=priced)).usd == pytest.approx(0.003)
    assert only(course(fault(FaultKind.PRICE, dear, factor=4.0), requests=asked, snapshot=priced)).usd == pytest.approx(
        0.012
    )
    streamed = [request(route=route, stream=True, output_tokens=1000)]
    cut = only(course(fault(FaultKind.CUT, dear), requests=streamed, snapshot=priced))
    assert cut.usd == pytest.approx(0.001 + (cut.tokens - 100) * 20e-6)


def test_a_poor_answer_counts_as_good_and_is_marked() -> None:
    found = only(course(fault(FaultKind.QUALITY), requests=[request()]))
    assert (found.kind, found.poor) == (Kind.OK, True)


def test_whoever_was_over_quota_is_named() -> None:
    throttled = only(course(fault(FaultKind.RATE_LIMIT, retry_after=60.0), requests=[request()]))
    assert (throttled.served, throttled.over_quota) == ("b", ("a",))
    limited = deployment("a", limits=Limits(rpm=1))
    route = Route("chat", ((limited,), (B,)))
    first, second = course(requests=every(0.1, 2, route), snapshot=config(route)).records
    assert (first.served, first.over_quota) == ("a", ())
    assert (second.served, second.over_quota) == ("b", ("a",))


def test_a_breaker_opens_and_spares_the_others_the_wait() -> None:
    found = course(fault(FaultKind.ERRORS, start=5.0), requests=every(1.0, 40))
    opened = [change for change in found.transitions if change.subject == "a" and change.after is Phase.OPEN]
    assert opened[0].at == pytest.approx(9.25), "after five in a row"
    spared = [record for record in found.records if record.began > opened[0].at and record.attempts == 1]
    assert len(spared) > 20
    assert share_served(found) == 1.0


# -- agents ----------------------------------------------------------------------------------------------------------


def task(calls: int, pause: float) -> Request:
    rest = tuple(request(0.0, number, pause=pause) for number in range(1, calls))
    return request(10.0, 0, pause=pause, then=rest)


def test_an_agents_next_call_comes_a_pause_after_the_answer() -> None:
    found = course(requests=[task(4, 3.0)])
    assert [record.began for record in found.records] == [10.0, 15.0, 20.0, 25.0]


def test_a_call_that_fails_ends_its_task() -> None:
    found = course(
        fault(FaultKind.BLOCKED, start=14.0), fault(FaultKind.BLOCKED, B, start=14.0), requests=[task(4, 3.0)]
    )
    # What was then never asked is work that was not done either.
    assert [record.kind for record in found.records] == [Kind.OK, *[Kind.FORBIDDEN] * 3]
    assert [record.attempts > 0 for record in found.records] == [True, True, False, False]


def test_each_call_of_a_task_has_luck_of_its_own() -> None:
    spread = world(profile=replace(STEADY, first_token=Lognormal(1.0, 3.0)))
    assert len({record.took for record in course(requests=[task(6, 1.0)], given=spread).records}) == 6


# -- many requests ---------------------------------------------------------------------------------------------------

BUSY = Pattern(240.0, bursts=Bursts(60.0, 20.0, 3.0))
KINDS = [FaultKind.OUTAGE, FaultKind.ERRORS, FaultKind.RATE_LIMIT, FaultKind.STALL, FaultKind.CUT, FaultKind.CREDIT]
STORMS = st.lists(
    st.builds(
        lambda kind, on, start, length, share: fault(kind, on, start, start + length, share=share),
        st.sampled_from(KINDS),
        st.sampled_from([A, B]),
        st.floats(0, 60),
        st.floats(1, 60),
        st.floats(0.1, 1.0),
    ),
    max_size=4,
)


@REPEATABLE
@given(STORMS, st.sampled_from(["fail", "continue"]), st.integers(0, 5))
def test_every_request_ends_once_and_in_time(faults: list[Fault], on_interrupt: str, seed: int) -> None:
    limited = deployment("a", limits=Limits(rpm=150))
    continuing = on_interrupt == "continue"
    route = replace(CHAT, tiers=((limited,), (B,)), deadline=30.0, on_interrupt="continue" if continuing else "fail")
    snapshot = config(route)
    asked = generate(snapshot, World(patterns={WORKFLOW.id: BUSY}), seed, 60.0)
    found = run(snapshot, World(), faults, asked, seed)
    assert sorted(record.began for record in found.records) == [one.at for one in asked]
    ends = [record.began + record.took for record in found.records]
    assert ends == pytest.approx(sorted(ends)), "virtual time never runs backwards"
    assert all(0.0 <= record.took <= 30.0 + 1e-6 for record in found.records)
    assert all((record.served != "") == (record.kind is Kind.OK) for record in found.records)
    assert all(record.attempts <= route.attempts for record in found.records)
    assert [change.at for change in found.transitions] == sorted(change.at for change in found.transitions)


@REPEATABLE
@given(st.integers(0, 1000), st.integers(1, 5))
def test_all_calls_of_all_tasks_are_made_on_a_quiet_day(seed: int, calls: int) -> None:
    looping = World({"a": STEADY, "b": STEADY}, {WORKFLOW.id: Pattern(60.0, loop=Loop(calls, 0.5))})
    asked = generate(config(), looping, seed, 60.0)
    found = run(config(), looping, (), asked, seed)
    assert len(found.records) == calls * len(asked)


def test_the_same_arguments_give_the_same_course() -> None:
    world_ = World(patterns={WORKFLOW.id: BUSY})
    asked = generate(config(), world_, SEED, 120.0)
    faults = (fault(FaultKind.OUTAGE, start=30.0, end=60.0, share=0.7),)
    one, again = (run(config(), world_, faults, asked, SEED) for _ in range(2))
    assert one == again
    assert run(config(), world_, faults, asked, 2) != one


def test_the_collector_is_as_it_was() -> None:
    for turn in (gc.disable, gc.enable):
        turn()
        before = gc.isenabled()
        course(requests=[request()])
        assert gc.isenabled() is before


def test_two_configs_meet_the_same_luck() -> None:
    noisy = World({"a": Profile(), "b": Profile(), "c": Profile()}, {WORKFLOW.id: BUSY})
    wider = config(Route("chat", ((A,), (deployment("c"),), (B,))))
    asked = generate(config(), noisy, SEED, 120.0)
    calm = {record.began: record for record in run(config(), noisy, (), asked, SEED).records}
    for record in run(wider, noisy, (), [one._replace(route=wider.routes["chat"]) for one in asked], SEED).records:
        if record.attempts == calm[record.began].attempts == 1:
            assert record.took == calm[record.began].took


# -- what a textbook says --------------------------------------------------------------------------------------------


def flaky(*shares: float) -> tuple[World, Snapshot, list[Request]]:
    """Deployments that fail independently, no breaker, no retry: 20,000 requests."""
    members = [deployment(f"d{index}") for index in range(len(shares))]
    route = Route("chat", tuple((one,) for one in members))
    profiles = {one.id: replace(STEADY, errors=share) for one, share in zip(members, shares, strict=True)}
    snapshot = config(route, breaker=NUMB, retry_budget=NO_RETRIES)
    return World(profiles), snapshot, every(0.05, 20_000, route)


@pytest.mark.parametrize(("shares", "failing"), [((0.2,), 0.2), ((0.2, 0.3), 0.06), ((0.3, 0.4, 0.5), 0.06)])
def test_simulated_and_analytic_availability_agree(shares: tuple[float, ...], failing: float) -> None:
    given, snapshot, asked = flaky(*shares)
    found = course(requests=asked, snapshot=snapshot, given=given)
    assert share_served(found) == pytest.approx(1.0 - failing, abs=4 * math.sqrt(failing * (1 - failing) / len(asked)))


def test_simulated_and_analytic_number_of_attempts_agree() -> None:
    given, snapshot, asked = flaky(0.2, 0.3)
    found = course(requests=asked, snapshot=snapshot, given=given)
    attempts = Counter(record.attempts for record in found.records)
    assert attempts[2] / len(asked) == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / len(asked)))


def test_simulated_and_analytic_number_under_way_agree() -> None:
    """M/G/inf: as many are in service as come in the mean time of one (Little's law), Poisson distributed."""
    spread = replace(STEADY, first_token=Lognormal(1.0, 4.0))
    given = world(profile=spread, patterns={WORKFLOW.id: Pattern(1200.0, stream=0.0, output=Lognormal(1.0, 1.0))})
    asked = generate(config(), given, SEED, 600.0)
    records = course(requests=asked, given=given).records
    mean = math.exp(spread.first_token.sigma**2 / 2) + 0.01
    spans = [(record.began, record.began + record.took) for record in records]
    seen = [sum(began <= at < ended for began, ended in spans) for at in range(30, 600, 10)]
    average = sum(seen) / len(seen)
    spread_out = sum((count - average) ** 2 for count in seen) / (len(seen) - 1)
    assert average == pytest.approx(20.0 * mean, rel=0.1)
    assert spread_out / average == pytest.approx(1.0, abs=0.6)


def test_simulated_and_analytic_throughput_at_a_rate_limit_agree() -> None:
    """A queue that is always full serves at its limit; whoever waited, waited for no longer than `PATIENCE`."""
    limited = deployment("a", limits=Limits(rpm=60))
    route = Route("chat", ((limited,),))
    found = course(requests=every(0.2, 1500, route), snapshot=config(route))
    served = [record for record in found.records if record.served]
    assert len(served) == pytest.approx(60 + 300 + 10, abs=3)
    late = sorted(record.began + record.took for record in served)[80:]
    gaps = [after - before for before, after in pairwise(late)]
    assert min(gaps) == pytest.approx(1.0, abs=0.01), "one after the other"
    assert max(record.took for record in served) <= 10.0 + 2.0 + 1e-6
    assert all(record.took == 0.0 for record in found.records if not record.served)


# -- in another process ----------------------------------------------------------------------------------------------


def described() -> str:
    patterns = {WORKFLOW.id: replace(BUSY, loop=Loop(2, 1.0))}
    asked = generate(config(), World(patterns=patterns), SEED, 60.0)
    storm = (fault(FaultKind.OUTAGE, end=20.0, share=0.5), fault(FaultKind.RATE_LIMIT, B, 10.0, 30.0))
    return repr(run(config(), World(patterns=patterns), storm, asked, SEED))


def test_another_process_with_another_hash_sees_the_same() -> None:
    code = "from tests.simulator.test_run import described; print(described())"
    assert in_fresh_process(code, 1) == in_fresh_process(code, 2) == described()
