from dataclasses import replace

import pytest

from gateway.core.actions import ClientGone, Done, Failed, Finish, FirstToken, Send, Woke
from gateway.core.breaker import Phase, Transition
from gateway.core.decision import Rejected
from gateway.core.model import Allow, Need, Price, Route
from gateway.core.outcome import Kind, Outcome, Signal, Usage

from .build import ask, budget, deployment, failed, failover, table
from .steps import ALONE, ROUTE, SERVER_ERROR, A, B, down, finished, sent, waited

FALLS_BACK = [
    kind for kind in Kind if failed(kind).rule.fall_back and kind not in (Kind.TOO_LONG, Kind.REFUSED, Kind.REJECTING)
]


# -- falling back ----------------------------------------------------------------------------------------------------


def test_the_first_answer_is_the_answer() -> None:
    machine = failover(ask(ROUTE))
    assert sent(machine.start(10.0)).deployment is A
    end = finished(machine.receive(Done(Usage(1000, 500)), 11.0))
    assert (end.outcome.kind, end.served) == (Kind.OK, A)
    (attempt,) = machine.attempts
    assert (attempt.deployment, attempt.started, attempt.took, attempt.output_tokens) == ("a", 0.0, 1.0, 500)


@pytest.mark.parametrize("kind", FALLS_BACK)
def test_falls_back_at_once_and_without_a_budget(kind: Kind) -> None:
    machine = failover(ask(ROUTE), retries=budget(0.0, 0))
    machine.start(0.0)
    assert sent(machine.receive(Failed(failed(kind)), 1.0)).deployment is B
    assert finished(machine.receive(Done(), 2.0)).served is B


def test_attempts_are_bounded_and_the_last_failure_is_told() -> None:
    machine = failover(ask(replace(ROUTE, attempts=2)))
    machine.start(0.0)
    machine.receive(SERVER_ERROR, 1.0)
    end = finished(machine.receive(Failed(failed(Kind.OVERLOADED)), 2.0))
    assert (end.outcome.kind, end.served, len(machine.attempts)) == (Kind.OVERLOADED, None, 2)


def test_each_attempt_is_priced_by_whom_it_called() -> None:
    dear = replace(A, price=Price(10.0, 20.0))
    machine = failover(ask(Route("chat", ((dear,), (B,)))))
    machine.start(0.0)
    machine.receive(Failed(failed(Kind.CUT), Usage(1_000_000, 500_000)), 1.0)
    machine.receive(Done(Usage(1_000_000, 500_000)), 2.0)
    assert [attempt.usd for attempt in machine.attempts] == [20.0, 0.0]


def test_an_open_breaker_is_passed_over() -> None:
    machine = failover(ask(ROUTE), down(table(), A))
    assert sent(machine.start(0.0)).deployment is B
    assert machine.rejected == (Rejected("a", "breaker open: down"),)


def test_who_was_called_is_not_listed_as_rejected() -> None:
    health = down(table(), A)
    breaker = health.of(A).breaker
    now = breaker.open_until
    for _ in range(health.settings.close_after):
        probe = breaker.admit(now)
        assert probe is not None
        breaker.first_token(probe, now)
    for _ in range(20):
        machine = failover(ask(Route("chat", ((A,),))), health, budget(0.0, 0))
        assert sent(machine.start(now)).deployment is A, "ramping, and nobody else is there"
        machine.receive(Done(), now)
        assert machine.rejected == ()


def test_constraints_and_needs_hold_also_when_everything_else_is_down() -> None:
    forbidden, unable = deployment("forbidden", "x"), deployment("unable", "v", can=Need.STREAM)
    able = deployment("able", "v")
    route = Route("chat", ((forbidden, unable), (able,)))
    machine = failover(ask(route, allow=Allow({"vendor": frozenset({"v"})}), need=Need.TOOLS), down(table(), able))
    assert sent(machine.start(0.0)).deployment is able
    assert finished(machine.receive(SERVER_ERROR, 1.0)).outcome.kind is Kind.SERVER_ERROR
    assert machine.rejected == (
        Rejected("forbidden", "vendor x is not allowed"),
        Rejected("unable", "cannot serve tools"),
    )


def test_nobody_to_ask() -> None:
    machine = failover(ask(ROUTE, allow=Allow({"vendor": frozenset()})))
    end = finished(machine.start(0.0))
    assert (end.outcome.kind, end.outcome.retry_after, end.served) == (Kind.NO_CANDIDATE, None, None)


def test_nobody_to_ask_for_now_says_until_when() -> None:
    health = down(table(), A, B)
    health.of(B).breaker.trip(0.0, "down", hold=60.0)
    end = finished(failover(ask(Route("chat", ((A, B),), when_all_open="fail")), health).start(1.0))
    assert end.outcome.kind is Kind.NO_CANDIDATE
    assert end.outcome.retry_after == health.of(A).breaker.open_until - 1.0


# -- what never falls back -------------------------------------------------------------------------------------------


def test_a_bad_request_ends_in_the_vendors_words() -> None:
    health = table()
    machine = failover(ask(ROUTE, stream=True), health)
    machine.start(0.0)
    outcome = Outcome(Kind.BAD_REQUEST, status=400, body=b"{}")
    assert finished(machine.receive(Failed(outcome), 9.0)).outcome == outcome
    assert health.of(A).breaker.window.calls == 0, "not even as a slow call"


def test_a_wave_of_bad_requests_is_taken_elsewhere_and_counted_when_that_proves_it() -> None:
    health, refused, elsewhere = table(), 0, 0
    for number in range(40):
        machine = failover(ask(ROUTE, workflow=f"workflow-{number % 2}"), health)
        if sent(machine.start(number)).deployment is not A:
            break
        action = machine.receive(Failed(failed(Kind.BAD_REQUEST)), number)
        if isinstance(action, Finish):
            refused += 1
            assert action.outcome.kind is Kind.BAD_REQUEST
            continue
        elsewhere += 1
        assert finished(machine.receive(Done(), number)).served is B
        assert machine.attempts[0].outcome == "rejecting"
    assert (refused, elsewhere) == (9, health.settings.consecutive), "the tenth of ten answers is taken elsewhere"
    assert health.of(A).breaker.cause == "5 failures in a row: rejecting"


def test_a_wave_of_bad_requests_that_everyone_refuses_is_the_clients() -> None:
    transitions: list[Transition] = []
    health = table(transitions=transitions)
    for number in range(40):
        machine = failover(ask(Route("chat", ((A,), (B,))), workflow=f"workflow-{number % 2}"), health)
        action = machine.start(number)
        while isinstance(action, Send):
            action = machine.receive(Failed(failed(Kind.BAD_REQUEST)), number)
    assert transitions == []
    assert [health.of(one).breaker.window.calls for one in (A, B)] == [0, 0]


@pytest.mark.parametrize(("on_refusal", "second"), [("fail", None), ("fallback", "b")])
def test_a_refusal_falls_back_only_where_the_route_says_so(on_refusal: str, second: str | None) -> None:
    route = replace(ROUTE, on_refusal="fallback") if on_refusal == "fallback" else ROUTE
    machine = failover(ask(route))
    machine.start(0.0)
    action = machine.receive(Failed(failed(Kind.REFUSED)), 1.0)
    assert (action.deployment.id if isinstance(action, Send) else None) == second


def test_too_long_goes_to_a_larger_context_only_also_on_later_retries() -> None:
    small, same, unknown, large = (
        deployment(name, context=context)
        for name, context in (("small", 8000), ("same", 8000), ("unknown", None), ("large", 32000))
    )
    machine = failover(ask(Route("chat", ((unknown, small, same, large),), attempts=9)))
    assert sent(machine.start(0.0)).deployment is unknown
    assert sent(machine.receive(SERVER_ERROR, 0.0)).deployment is small
    assert sent(machine.receive(Failed(failed(Kind.TOO_LONG)), 0.0)).deployment is large
    until = waited(machine.receive(SERVER_ERROR, 0.0))
    assert sent(machine.receive(Woke(), until)).deployment is large
    end = finished(machine.receive(Failed(failed(Kind.TOO_LONG)), until))
    assert end.outcome.kind is Kind.TOO_LONG
    assert Rejected("same", "no larger context") in machine.rejected


def test_too_long_for_an_unknown_context_is_the_end() -> None:
    machine = failover(ask(ROUTE))
    machine.start(0.0)
    assert finished(machine.receive(Failed(failed(Kind.TOO_LONG)), 0.0)).outcome.kind is Kind.TOO_LONG


# -- the client, and misuse ------------------------------------------------------------------------------------------


def test_a_client_may_leave_at_any_time() -> None:
    health = table()
    for before in ([], [FirstToken()]):
        machine = failover(ask(ALONE, stream=True), health)
        machine.start(0.0)
        for event in before:
            machine.receive(event, 1.0)
        assert finished(machine.receive(ClientGone(Usage(5, 5)), 2.0)).outcome.kind is Kind.CLIENT_GONE
        assert machine.attempts[-1].outcome == "client_gone"
    waiting = failover(ask(ALONE), health)
    waiting.start(3.0)
    waited(waiting.receive(SERVER_ERROR, 3.0))
    assert finished(waiting.receive(ClientGone(), 3.1)).outcome.kind is Kind.CLIENT_GONE
    assert health.of(A).in_flight == 0
    assert health.of(A).breaker.window.counts(3.1).calls == 1


def test_after_the_end_nothing_happens() -> None:
    machine = failover(ask(ALONE))
    machine.start(0.0)
    machine.receive(Done(), 1.0)
    with pytest.raises(AssertionError, match="Finish"):
        machine.receive(Done(), 1.0)


def test_a_driver_that_forgets_a_call_is_told() -> None:
    machine = failover(ask(ROUTE))
    machine.start(0.0)
    with pytest.raises(AssertionError, match="one call at a time"):
        machine.receive(Woke(), 1.0)


def test_a_trip_is_certain_for_each_kind_that_says_so() -> None:
    for kind in (kind for kind in Kind if failed(kind).rule.signal is Signal.TRIP):
        health = table()
        machine = failover(ask(ROUTE), health)
        machine.start(0.0)
        machine.receive(Failed(failed(kind)), 0.0)
        assert health.of(A).breaker.phase is Phase.OPEN
        assert health.of(A).breaker.lasting
