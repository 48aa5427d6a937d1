from typing import Literal

import pytest

from gateway.core.actions import ClientGone, Commit, Done, Failed, FirstToken, Woke
from gateway.core.failover import Failover
from gateway.core.model import Deployment, OnInterrupt, Route
from gateway.core.outcome import Kind

from .build import ask, deployment, failed, failover, table
from .steps import ALONE, A, B, C, finished, sent, waited

# -- streams ---------------------------------------------------------------------------------------------------------


def begun(
    *deployments: Deployment,
    on_interrupt: OnInterrupt = "continue",
    on_refusal: Literal["fail", "fallback"] = "fail",
    resumable: bool = True,
    attempts: int = 5,
) -> Failover:
    """A request of which the first deployment has sent its first token."""
    tiers = tuple((one,) for one in deployments)
    route = Route("chat", tiers, on_interrupt=on_interrupt, on_refusal=on_refusal, attempts=attempts)
    machine = failover(ask(route, stream=True, resumable=resumable))
    assert sent(machine.start(0.0)).mode == "fresh"
    assert machine.receive(FirstToken(), 0.5) == Commit()
    return machine


CUT = Failed(failed(Kind.CUT))
PREFILLS = deployment("prefills", prefill=True)


@pytest.mark.parametrize(("on_interrupt", "resumable"), [("fail", True), ("continue", False), ("fail", False)])
def test_an_interrupted_stream_ends_unless_it_may_and_can_go_on(on_interrupt: OnInterrupt, resumable: bool) -> None:
    end = finished(begun(A, B, on_interrupt=on_interrupt, resumable=resumable).receive(CUT, 1.0))
    assert (end.outcome.kind, end.served) == (Kind.CUT, A)


@pytest.mark.parametrize(("next_one", "mode"), [(B, "instruct"), (PREFILLS, "prefill")])
def test_an_interrupted_stream_goes_on_elsewhere(next_one: Deployment, mode: str) -> None:
    machine = begun(A, next_one)
    send = sent(machine.receive(CUT, 1.0))
    assert (send.deployment, send.mode) == (next_one, mode)
    assert machine.receive(FirstToken(), 1.5) == Commit()
    assert finished(machine.receive(Done(), 2.0)).served is next_one
    assert [attempt.continuation for attempt in machine.attempts] == [False, True]


def test_who_refuses_a_prefill_is_asked_by_instruction() -> None:
    machine = begun(A, PREFILLS, attempts=3)
    assert sent(machine.receive(CUT, 1.0)).mode == "prefill"
    again = sent(machine.receive(Failed(failed(Kind.BAD_REQUEST)), 1.1))
    assert (again.deployment, again.mode) == (PREFILLS, "instruct")
    end = finished(machine.receive(Failed(failed(Kind.BAD_REQUEST)), 1.2))
    assert (end.outcome.kind, end.served) == (Kind.CUT, A)


def test_a_refused_prefill_is_remembered() -> None:
    health = table()
    modes = []
    for _ in range(2):
        route = Route("chat", ((A,), (PREFILLS,)), on_interrupt="continue")
        machine = failover(ask(route, stream=True, resumable=True), health)
        machine.start(0.0)
        machine.receive(FirstToken(), 0.5)
        modes.append(sent(machine.receive(CUT, 1.0)).mode)
        machine.receive(Failed(failed(Kind.BAD_REQUEST)), 1.0)
        machine.receive(ClientGone(), 2.0)
    assert modes == ["prefill", "instruct"]


def test_who_was_cut_and_then_refuses_a_prefill_is_asked_by_instruction_at_once() -> None:
    machine = begun(PREFILLS)
    until = waited(machine.receive(CUT, 1.0))
    assert sent(machine.receive(Woke(), until)).mode == "prefill"
    assert sent(machine.receive(Failed(failed(Kind.BAD_REQUEST)), until)).mode == "instruct"


def test_a_continuation_that_is_badly_put_for_one_may_be_good_for_the_next() -> None:
    machine = begun(A, B, C, attempts=3)
    assert sent(machine.receive(CUT, 1.0)).deployment is B
    assert sent(machine.receive(Failed(failed(Kind.BAD_REQUEST)), 1.0)).deployment is C
    assert finished(machine.receive(Failed(failed(Kind.BAD_REQUEST)), 1.0)).outcome.kind is Kind.CUT


@pytest.mark.parametrize("when", ["first", "continuation"])
@pytest.mark.parametrize("on_refusal", ["fail", "fallback"])
def test_a_refusal_in_a_stream_is_the_end(when: str, on_refusal: Literal["fail", "fallback"]) -> None:
    machine = begun(A, B, C, on_refusal=on_refusal)
    if when == "continuation":
        machine.receive(CUT, 1.0)
    end = finished(machine.receive(Failed(failed(Kind.REFUSED)), 2.0))
    assert end.outcome.kind is (Kind.REFUSED if when == "first" else Kind.CUT)


def test_a_slow_first_token_is_counted_as_slow() -> None:
    health = table()
    machine = failover(ask(ALONE, stream=True), health)
    machine.start(0.0)
    machine.receive(FirstToken(), 8.0)
    machine.receive(Done(), 9.0)
    assert health.of(A).breaker.window.counts(9.0).slow == 1
