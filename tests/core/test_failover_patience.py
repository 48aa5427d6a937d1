from dataclasses import replace
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.actions import Action, ClientGone, Done, Event, Failed, Finish, FirstToken, Send, Wait, Woke
from gateway.core.failover import PATIENCE, Failover
from gateway.core.health import HealthTable
from gateway.core.limits import BACKOFF_BASE
from gateway.core.model import Deployment, Limits, Route, Timeouts, WhenAllOpen
from gateway.core.outcome import Kind

from .build import REPEATABLE, ask, budget, deployment, failed, failover, table
from .steps import ALONE, ROUTE, SERVER_ERROR, A, B, down, finished, sent, waited

# -- retrying, last resorts, waiting ---------------------------------------------------------------------------------


def test_without_a_second_source_it_retries_after_a_backoff() -> None:
    machine = failover(ask(ALONE))
    machine.start(0.0)
    first = waited(machine.receive(SERVER_ERROR, 1.0))
    assert 1.0 <= first <= 1.0 + BACKOFF_BASE
    assert sent(machine.receive(Woke(), first)).deployment is A
    second = waited(machine.receive(SERVER_ERROR, 2.0))
    assert second > 2.0, "each retry has a backoff of its own"
    assert sent(machine.receive(Woke(), second)).deployment is A
    assert finished(machine.receive(SERVER_ERROR, 3.0)).outcome.kind is Kind.SERVER_ERROR


def test_a_backoff_that_was_overtaken_by_a_fallback_is_not_reused() -> None:
    limited = deployment("limited", limits=Limits(concurrency=1))
    health = table()
    busy = failover(ask(Route("other", ((limited,),))), health)
    busy.start(0.0)
    machine = failover(ask(Route("chat", ((A,), (limited,)), attempts=9)), health)
    machine.start(0.0)
    until = waited(machine.receive(SERVER_ERROR, 0.0))
    busy.receive(Done(), until)
    assert sent(machine.receive(Woke(), until)).deployment is limited
    assert waited(machine.receive(SERVER_ERROR, 5.0)) > 5.0


def test_retries_are_paid_from_the_budget() -> None:
    machine = failover(ask(ALONE), retries=budget(0.0, 0))
    machine.start(0.0)
    assert finished(machine.receive(SERVER_ERROR, 1.0)).outcome.kind is Kind.SERVER_ERROR


def test_each_retry_is_spent() -> None:
    machine = failover(ask(replace(ALONE, attempts=9)), retries=budget(0.0, 2))
    action, retried = machine.start(0.0), 0
    while not isinstance(action, Finish):
        if isinstance(action, Wait):
            retried += 1
            action = machine.receive(Woke(), action.until)
        else:
            action = machine.receive(SERVER_ERROR, 1.0 + retried)
    assert retried == 2


@pytest.mark.parametrize("kind", [Kind.TIMEOUT, Kind.NO_CREDIT, Kind.UNAUTHORIZED, Kind.MODEL_GONE])
def test_what_will_not_pass_is_not_retried(kind: Kind) -> None:
    machine = failover(ask(ALONE))
    machine.start(0.0)
    assert finished(machine.receive(Failed(failed(kind)), 1.0)).outcome.kind is kind


@pytest.mark.parametrize(("when_all_open", "tried"), [("try_least_bad", True), ("fail", False)])
def test_when_all_are_open(when_all_open: WhenAllOpen, tried: bool) -> None:
    health = down(table(), A, B)
    health.of(A).breaker.trip(0.0, "down", hold=60.0)
    action = failover(ask(Route("chat", ((A, B),), when_all_open=when_all_open)), health).start(1.0)
    assert isinstance(action, Send) == tried
    if isinstance(action, Send):
        assert action.deployment is B, "the one that is expected back first"
        assert action.permit.forced


def test_the_least_bad_is_never_one_without_credit() -> None:
    health = table()
    for one in (A, B):
        health.of(one).breaker.trip(0.0, "no_credit", lasting=True)
    assert finished(failover(ask(Route("chat", ((A, B),))), health).start(1.0)).outcome.kind is Kind.NO_CANDIDATE


def test_a_short_cool_down_is_waited_for_and_a_long_one_is_not() -> None:
    for wish, waits in ((4.0, True), (60.0, False)):
        health = table()
        first = failover(ask(replace(ALONE, attempts=1)), health)
        first.start(0.0)
        first.receive(Failed(failed(Kind.RATE_LIMITED, wish)), 0.0)
        machine = failover(ask(ALONE), health)
        action = machine.start(1.0)
        if waits:
            assert waited(action) == 4.0
            assert sent(machine.receive(Woke(), 4.0)).deployment is A
        else:
            assert finished(action).outcome.retry_after == 59.0


def test_a_rate_limit_is_waited_for_only_if_a_retry_is_left() -> None:
    machine = failover(ask(ALONE), retries=budget(0.0, 0))
    machine.start(0.0)
    assert finished(machine.receive(Failed(failed(Kind.RATE_LIMITED, 2.0)), 0.0)).outcome.kind is Kind.RATE_LIMITED


def test_our_own_rate_limit_is_waited_for_at_any_clock() -> None:
    for start in (0.0, 1e6 / 3, 1e9 / 7):
        limited = deployment("limited", limits=Limits(rpm=70))
        health = table()
        for _ in range(70):
            spent = failover(ask(Route("chat", ((limited,),))), health)
            spent.start(start)
            spent.receive(Done(), start)
        machine = failover(ask(Route("chat", ((limited,),))), health)
        until = waited(machine.start(start))
        assert sent(machine.receive(Woke(), until)).deployment is limited


# -- queueing for a rate limit ---------------------------------------------------------------------------------------

LIMITED = deployment("limited", limits=Limits(rpm=60))
QUEUE = Route("chat", ((LIMITED,),))


def used_up(one: Deployment = LIMITED) -> HealthTable:
    """Nothing of this minute is left."""
    health = table()
    for _ in range(one.limits.rpm or 0):
        spent = failover(ask(Route("chat", ((one,),))), health)
        spent.start(0.0)
        spent.receive(Done(), 0.0)
    return health


def queued(health: HealthTable, count: int, route: Route = QUEUE) -> list[Failover]:
    return [failover(ask(route), health) for _ in range(count)]


def test_those_that_wait_for_a_rate_limit_wake_one_after_the_other() -> None:
    health = used_up()
    waiting = queued(health, 5)
    wakes = [waited(one.start(0.0)) for one in waiting]
    assert wakes == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])
    assert health.of(LIMITED).waiting == 5
    for one, at in zip(waiting, wakes, strict=True):
        assert sent(one.receive(Woke(), at)).deployment is LIMITED, "and find their place at once"
    assert health.of(LIMITED).waiting == 0


def test_whoever_would_wait_too_long_gives_up_at_once_and_is_told_when() -> None:
    health = used_up()
    for one in queued(health, 10):
        assert waited(one.start(0.0)) <= PATIENCE
    late = finished(queued(health, 1)[0].start(0.0)).outcome
    assert late.kind is Kind.NO_CANDIDATE
    assert late.retry_after == pytest.approx(11.0)
    assert health.of(LIMITED).waiting == 10, "it took no place"


def test_a_place_in_the_queue_is_as_long_as_what_is_asked_for() -> None:
    one = deployment("by-tokens", limits=Limits(tpm=6000))  # a hundred a second
    route, health = Route("chat", ((one,),)), table()
    spent = failover(ask(route, tokens=6000), health)
    spent.start(0.0)
    wakes = [waited(failover(ask(route, tokens=tokens), health).start(0.0)) for tokens in (100, 100, 500, 100)]
    assert wakes == pytest.approx([1.0, 2.0, 7.0, 8.0])


def test_a_client_that_leaves_gives_its_place_back() -> None:
    health = used_up()
    first, second, third = queued(health, 3)
    assert waited(first.start(0.0)) == pytest.approx(1.0)
    assert waited(second.start(0.0)) == pytest.approx(2.0)
    finished(first.receive(ClientGone(), 0.5))
    assert health.of(LIMITED).waiting == 1
    assert waited(third.start(0.5)) == pytest.approx(2.0)


def test_a_place_in_the_queue_outlasts_a_reload() -> None:
    health = used_up()
    (one,) = queued(health, 1)
    before, at = health.of(LIMITED), waited(one.start(0.0))
    health.adopt(health.settings, [])
    health.adopt(health.settings, [LIMITED])
    finished(one.receive(ClientGone(), at / 2))
    assert before.waiting == health.of(LIMITED).waiting == 0


def test_the_shorter_queue_is_joined() -> None:
    twin = deployment("twin", limits=Limits(rpm=60))
    either, health = Route("chat", ((LIMITED, twin),), attempts=200), used_up()
    for _ in range(60):
        spent = failover(ask(Route("chat", ((twin,),))), health)
        spent.start(0.0)
        spent.receive(Done(), 0.0)
    for one in queued(health, 6, either):
        waited(one.start(0.0))
    assert (health.of(LIMITED).waiting, health.of(twin).waiting) == (3, 3)


def test_a_backoff_is_no_place_in_a_queue() -> None:
    health = table()
    machine = failover(ask(ALONE), health)
    machine.start(0.0)
    waited(machine.receive(SERVER_ERROR, 1.0))
    assert health.of(A).waiting == 0


@REPEATABLE
@given(
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["stay", "leave", "fail", "throttle"])), max_size=40),
    st.integers(1, 90),
)
def test_nobody_waits_once_all_requests_have_ended(comers: list[tuple[float, str]], rpm: int) -> None:
    tight = deployment("tight", limits=Limits(rpm=rpm, tpm=4000))
    route, health, retries = Route("chat", ((tight,), (LIMITED,))), table(), budget()
    now, active = 0.0, list[tuple[float, int, Failover, str]]()
    for number, (gap, fate) in enumerate(comers):
        now += gap
        machine = failover(ask(route), health, retries, number)
        follow(active, machine, machine.start(now), (now, number), fate)
    while active:
        assert sum(health.of(one).waiting for one in (tight, LIMITED)) <= len(active)
        active.sort(key=itemgetter(0, 1))
        at, number, machine, fate = active.pop(0)
        now = max(now, at)
        event: Event = ClientGone() if fate == "leave" else Woke()
        follow(active, machine, machine.receive(event, now), (now, number), fate)
    assert [health.of(one).waiting for one in (tight, LIMITED)] == [0, 0]
    assert [health.of(one).in_flight for one in (tight, LIMITED)] == [0, 0]


def follow(
    active: list[tuple[float, int, Failover, str]],
    machine: Failover,
    action: Action,
    turn: tuple[float, int],
    fate: str,
) -> None:
    """Perform what needs no time; what waits comes back."""
    now, number = turn
    answers: dict[str, Event] = {
        "fail": SERVER_ERROR,
        "throttle": Failed(failed(Kind.RATE_LIMITED, 2.0)),
    }
    while isinstance(action, Send):
        action = machine.receive(answers.get(fate, Done()), now)
    if isinstance(action, Wait):
        active.append((action.until, number, machine, fate))


# -- time ------------------------------------------------------------------------------------------------------------


def test_half_of_what_remains_is_left_to_whoever_comes_next() -> None:
    route = replace(ROUTE, deadline=8.0)
    machine = failover(ask(route))
    first = sent(machine.start(0.0))
    assert (first.connect_by, first.finish_by) == (3.0, 4.0)
    second = sent(machine.receive(SERVER_ERROR, 4.0))
    assert (second.connect_by, second.finish_by) == (6.0, 6.0)
    last = sent(machine.receive(SERVER_ERROR, 6.0))
    assert (last.connect_by, last.finish_by) == (8.0, 8.0)


def test_a_stream_must_begin_in_its_turn_and_may_last_to_the_deadline() -> None:
    send = sent(failover(ask(replace(ROUTE, deadline=16.0), stream=True)).start(0.0))
    assert (send.first_token_by, send.finish_by) == (8.0, 16.0)


def test_the_shorter_deadline_holds() -> None:
    send = sent(failover(ask(ALONE, deadline=5.0)).start(100.0))
    assert send.finish_by == 105.0
    assert sent(failover(ask(replace(ALONE, deadline=2.0), deadline=5.0)).start(100.0)).finish_by == 102.0


def test_after_the_deadline_nobody_is_asked() -> None:
    machine = failover(ask(ROUTE, deadline=5.0))
    machine.start(0.0)
    assert finished(machine.receive(SERVER_ERROR, 5.0)).outcome.kind is Kind.SERVER_ERROR
    assert finished(failover(ask(ROUTE, deadline=0.0)).start(0.0)).outcome.kind is Kind.DEADLINE


@pytest.mark.parametrize(
    ("deadline", "usual", "at", "kind"),
    [
        (2.0, 1.5, "turn", Kind.DEADLINE),  # the app was in a greater hurry than this deployment ever is
        (2.0, 0.2, "turn", Kind.TIMEOUT),  # slower than usual: that is the deployment's
        (60.0, None, "connect", Kind.TIMEOUT),  # its own timeout, however short the app's deadline
        (60.0, None, "first_token", Kind.TIMEOUT),
        (12.0, None, "connect", Kind.TIMEOUT),
        (120.0, 1.5, "turn", Kind.TIMEOUT),  # no deadline of the app's own
    ],
)
def test_whose_timeout_it_was(deadline: float, usual: float | None, at: str, kind: Kind) -> None:
    health = table()
    if usual is not None:
        health.of(A).first_token.add(usual, 0.0)
    machine = failover(ask(ROUTE, stream=True, deadline=deadline), health)
    send = sent(machine.start(0.0))
    machine.receive(Failed(failed(Kind.TIMEOUT)), send.connect_by if at == "connect" else send.first_token_by)
    assert machine.attempts[0].outcome == kind.value


def test_a_stream_that_flowed_until_the_apps_deadline_did_nothing_wrong() -> None:
    health = table()
    machine = failover(ask(ALONE, stream=True, deadline=20.0), health)
    machine.start(0.0)
    machine.receive(FirstToken(), 1.0)
    assert finished(machine.receive(Failed(failed(Kind.TIMEOUT)), 20.0)).outcome.kind is Kind.DEADLINE
    assert health.of(A).breaker.window.calls == 0


def test_a_stream_that_outlasts_its_own_total_is_a_timeout() -> None:
    brisk = deployment("brisk", timeouts=Timeouts(total=10.0))
    machine = failover(ask(Route("chat", ((brisk,),)), stream=True, deadline=20.0))
    machine.start(0.0)
    machine.receive(FirstToken(), 1.0)
    assert finished(machine.receive(Failed(failed(Kind.TIMEOUT)), 10.0)).outcome.kind is Kind.TIMEOUT
