"""Whole disturbances in virtual time: what an operator would see on a dashboard."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.core.breaker import Phase
from gateway.core.model import PolicyName, RetryBudgetSettings, Route
from gateway.core.outcome import OK, Kind, Outcome

from .build import BREAKER, ask, deployment
from .world import Reply, World

A, B = deployment("a"), deployment("b")
ROUTE = Route("chat", ((A,), (B,)))
RATE = 50.0


def down(name: str, since: float, until: float, kind: Kind = Kind.SERVER_ERROR) -> Callable[[str, float], Reply]:
    """Everything is fine, but `name` fails from `since` to `until`."""
    return lambda one, now: Reply(0.05, Outcome(kind, status=503)) if one == name and since <= now < until else Reply()


def run(world: World, route: Route, until: float, stream: bool = False) -> World:
    request = ask(route, stream=stream)
    world.run(lambda number: request, RATE, until)
    return world


def outcomes(world: World) -> Counter[Kind]:
    return Counter(ended.kind for ended in world.ended)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_outage_of_a_minute(seed: int, stream: bool) -> None:
    world = run(World(down("a", 10.0, 70.0), seed=seed), ROUTE, 130.0, stream)
    assert outcomes(world) == {Kind.OK: round(130 * RATE)}, "nobody noticed"
    tripped = next(transition.at for transition in world.transitions)
    assert tripped < 10.3, "as soon as the last good answers are in"
    opened = [t.at for t in world.transitions if t.after is Phase.OPEN]
    probes = world.reached("a", tripped + 0.06, 70.0)
    assert len(probes) == len(opened) - 1, "one probe for each time it was open"
    assert all(later.at - earlier.at >= BREAKER.open for earlier, later in pairwise(probes))
    assert len(world.reached("a", 100.0, 101.0)) == RATE, "all traffic is back within half a minute"


def test_long_streams_that_began_before_an_outage_do_not_hide_it() -> None:
    troubled = down("a", 60.0, 120.0)
    world = run(World(lambda one, now: troubled(one, now)._replace(flow=30.0)), ROUTE, 90.0, stream=True)
    assert 60.0 < world.transitions[0].at < 60.5


def test_the_way_back_is_a_ramp() -> None:
    world = run(World(down("a", 10.0, 40.0)), ROUTE, 90.0)
    closed = next(transition.at for transition in world.transitions if transition.after is Phase.CLOSED)
    stages = [(closed, closed + 3.3), (closed + 3.4, closed + 6.6), (closed + 6.7, closed + 10.0)]
    shares = [len(world.reached("a", since, until)) / ((until - since) * RATE) for since, until in stages]
    assert shares == pytest.approx([0.05, 0.25, 0.5], abs=0.1)
    assert len(world.reached("a", closed + 10.0, closed + 11.0)) == RATE


def test_a_flapping_vendor_is_left_alone_for_longer_and_longer() -> None:
    def flapping(one: str, now: float) -> Reply:
        return Reply(0.05, Outcome(Kind.SERVER_ERROR)) if one == "a" and now % 8 < 6 else Reply()

    world = run(World(flapping), ROUTE, 300.0)
    assert outcomes(world) == {Kind.OK: 300 * RATE}
    failures = sum(now.at % 8 < 6 for now in world.reached("a", 0.0, 300.0))
    assert failures / len(world.ended) < 0.02, "few requests have to be taken elsewhere"


def test_a_brown_out_of_half_the_calls_is_turned_away_from() -> None:
    odd = [0]

    def brown(one: str, now: float) -> Reply:
        odd[0] += one == "a"
        return Reply(0.05, Outcome(Kind.SERVER_ERROR)) if one == "a" and odd[0] % 2 else Reply()

    world = run(World(brown), ROUTE, 60.0)
    assert outcomes(world) == {Kind.OK: 60 * RATE}
    assert len(world.reached("a", 0.0, 60.0)) < 0.1 * len(world.ended)


def test_a_vendor_that_has_become_slow_is_turned_away_from_and_not_closed_by_slow_probes() -> None:
    def slow(one: str, now: float) -> Reply:
        return Reply(9.0) if one == "a" and now > 5.0 else Reply()

    world = run(World(slow), ROUTE, 90.0, stream=True)
    assert set(outcomes(world)) == {Kind.OK}
    assert "slow" in world.transitions[0].cause
    assert Phase.CLOSED not in {transition.after for transition in world.transitions}
    assert len(world.reached("a", world.transitions[0].at, 90.0)) < 10


def test_a_hanging_vendor_costs_a_first_token_timeout_only_until_it_trips() -> None:
    def hanging(one: str, now: float) -> Reply:
        return Reply(1000.0) if one == "a" else Reply()

    world = run(World(hanging), ROUTE, 60.0, stream=True)
    assert set(outcomes(world)) == {Kind.OK}
    assert len(world.reached("a", 10.1, 60.0)) < 10


@pytest.mark.parametrize(("wish", "stays_away"), [(20.0, 20.0), (86400.0, BREAKER.open_max)])
def test_the_vendors_wish_is_obeyed_and_clamped(wish: float, stays_away: float) -> None:
    def limited(one: str, now: float) -> Reply:
        full = one == "a" and 10.0 <= now < 11.0
        return Reply(0.05, Outcome(Kind.RATE_LIMITED, status=429, retry_after=wish)) if full else Reply()

    world = World(limited)
    request = ask(ROUTE)
    world.run(lambda number: request, 5.0, 400.0)
    assert outcomes(world) == {Kind.OK: 2000}
    assert len(world.reached("a", 10.0, 10.2)) == 1
    assert world.reached("a", 10.2, 10.0 + stays_away) == []
    assert world.reached("a", 10.0 + stays_away, 10.5 + stays_away)
    assert world.transitions == []


# -- last resorts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_when_all_is_down_the_last_resort_is_capped_by_the_budget(share: float) -> None:
    everything = World(lambda one, now: Reply(0.05, Outcome(Kind.SERVER_ERROR)), retries=RetryBudgetSettings(share, 2))
    run(everything, ROUTE, 60.0)
    while_down = [sent for sent in everything.sent if sent.at >= 5.0]
    assert set(outcomes(everything)) == {Kind.SERVER_ERROR, Kind.NO_CANDIDATE}
    assert sum(sent.forced for sent in while_down) <= share * 60 * RATE + 2
    assert (sum(sent.forced for sent in while_down) > 0) == (share > 0)
    assert sum(not sent.forced for sent in while_down) < 40


def test_a_route_that_fails_when_all_is_open_forces_nothing() -> None:
    everything = World(lambda one, now: Reply(0.05, Outcome(Kind.SERVER_ERROR)))
    run(everything, replace(ROUTE, when_all_open="fail"), 30.0)
    assert not any(sent.forced for sent in everything.sent)


# -- common causes ---------------------------------------------------------------------------------------------------


def test_when_a_vendor_falls_its_other_deployments_share_a_probe() -> None:
    azure = [deployment(f"azure-{number}", "azure") for number in range(6)]
    route = Route("chat", (tuple(azure), (B,)), policy="priority", attempts=3)

    def azure_down(one: str, now: float) -> Reply:
        return Reply(0.05, Outcome(Kind.SERVER_ERROR)) if one.startswith("azure") and now < 60.0 else Reply()

    world = run(World(azure_down), route, 120.0)
    accused = next(t for t in world.transitions if t.subject == "vendor:azure")
    assert accused.at < 1.0
    tried = {sent.deployment for sent in world.sent if sent.at < 60.0}
    assert "azure-5" not in tried, "they are not tried in turn"
    after = [sent for sent in world.sent if sent.deployment != "b" and accused.at + 0.1 < sent.at < 60.0]
    assert len(after) < 20
    assert len([s for s in world.sent if s.deployment.startswith("azure") and 100.0 <= s.at < 101.0]) == RATE
    assert sum(kind is not Kind.OK for kind in outcomes(world).elements()) < 0.02 * len(world.ended)


def test_one_vendors_fall_never_blocks_another() -> None:
    pool = [deployment(f"{vendor}-{number}", vendor, maker="m", region="eu") for vendor in "xy" for number in range(2)]
    route = Route("chat", (tuple(pool[:2]), tuple(pool[2:])))

    def x_down(one: str, now: float) -> Reply:
        return Reply(0.05, Outcome(Kind.UNREACHABLE)) if one.startswith("x") else Reply()

    world = run(World(x_down), route, 60.0)
    assert set(outcomes(world)) == {Kind.OK}
    assert not any(t.subject.startswith(("maker:", "region:")) or "y" in t.subject for t in world.transitions)
    assert "vendor:x" in {t.subject for t in world.transitions}


# -- a wave of bad requests that is the vendor's own (Azure OpenAI, 2026-03-09) --------------------------------------


def test_a_wave_of_400s_is_noticed_and_survived() -> None:
    world = World(down("a", 10.0, 600.0, Kind.BAD_REQUEST))
    requests = [ask(ROUTE, workflow=f"workflow-{number}") for number in range(4)]
    world.run(lambda number: requests[number % 4], 5.0, 600.0)
    told = [ended.at for ended in world.ended if ended.kind is Kind.BAD_REQUEST]
    assert len(told) < 60
    assert max(told) < 25.0, "later probes cost nobody an answer"
    assert outcomes(world)[Kind.OK] == len(world.ended) - len(told)
    assert "rejecting" in next(t.cause for t in world.transitions)


def test_one_workflows_bad_requests_harm_nobody() -> None:
    world = World(lambda one, now: Reply(0.05, Outcome(Kind.BAD_REQUEST)))
    request = ask(ROUTE)
    world.run(lambda number: request, RATE, 60.0)
    assert outcomes(world) == {Kind.BAD_REQUEST: 60 * RATE}
    assert {sent.deployment for sent in world.sent} == {"a"}
    assert world.transitions == []


# -- determinism -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["weighted", "least-latency", "least-busy"])
def test_the_same_seed_decides_the_same(policy: PolicyName) -> None:
    def world(seed: int) -> World:
        tier = tuple(deployment(name) for name in "abcd")
        troubled = World(lambda one, now: Reply(0.3, OK) if one < "c" else down("c", 5.0, 15.0)(one, now), seed=seed)
        return run(troubled, Route("chat", (tier,), policy=policy), 20.0)

    first, again, other = world(1), world(1), world(2)
    assert (first.sent, first.ended, first.transitions) == (again.sent, again.ended, again.transitions)
    assert first.sent != other.sent
