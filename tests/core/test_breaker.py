from dataclasses import replace

import pytest

from gateway.core.breaker import LASTING_OPEN, Phase, Transition
from gateway.core.outcome import Signal

from .trial import SETTINGS, Trial

# -- tripping --------------------------------------------------------------------------------------------------------


def test_trips_on_failures_in_a_row_and_not_before() -> None:
    trial = Trial()
    for _ in range(4):
        trial.call(Signal.FAILURE, 0.0)
    trial.call(Signal.SUCCESS, 0.0)
    for _ in range(4):
        trial.call(Signal.FAILURE, 0.0)
    assert trial.transitions == []
    trial.call(Signal.FAILURE, 0.0)
    assert trial.transitions == [
        Transition("d", Phase.CLOSED, Phase.OPEN, "5 failures in a row: cause", 0.0, trial.breaker.open_until)
    ]


def test_trips_on_a_brown_out_that_never_fails_twice_in_a_row() -> None:
    trial = Trial()
    for _ in range(5):
        trial.call(Signal.SUCCESS, 1.0)
        assert trial.breaker.phase is Phase.CLOSED
        trial.call(Signal.FAILURE, 1.0)
    assert trial.breaker.cause == "5 of 10 calls failed: cause"


def test_old_failures_do_not_trip() -> None:
    trial = Trial(replace(SETTINGS, consecutive=100))
    for _ in range(9):
        trial.call(Signal.FAILURE, 0.0)
    trial.call(Signal.FAILURE, 61.0)
    assert trial.breaker.phase is Phase.CLOSED


def test_trips_on_the_share_of_slow_calls() -> None:
    trial = Trial()
    for _ in range(2):
        trial.call(Signal.SUCCESS, 0.0)
    for _ in range(8):
        trial.call(Signal.SUCCESS, 0.0, slow=True)
    assert trial.breaker.cause == "8 of 10 streams were slow: cause"


def test_a_client_that_leaves_counts_only_if_it_had_waited_long() -> None:
    trial = Trial()
    for _ in range(100):
        trial.call(Signal.NEUTRAL, 0.0)
    assert trial.breaker.window.calls == 0
    for _ in range(10):
        trial.call(Signal.NEUTRAL, 0.0, slow=True)
    assert trial.breaker.phase is Phase.OPEN


def test_neutral_and_throttled_calls_do_not_interrupt_a_run_of_failures() -> None:
    trial = Trial()
    for _ in range(4):
        trial.call(Signal.FAILURE, 0.0)
        trial.call(Signal.NEUTRAL, 0.0)
        trial.call(Signal.THROTTLE, 0.0)
    trial.call(Signal.FAILURE, 0.0)
    assert trial.breaker.phase is Phase.OPEN


def test_what_is_certain_trips_at_once_and_lasts() -> None:
    trial = Trial()
    trial.call(Signal.TRIP, 0.0)
    assert trial.breaker.lasting
    assert trial.breaker.open_until >= LASTING_OPEN
    trial.call(Signal.FAILURE, trial.breaker.open_until)
    assert not trial.breaker.lasting, "what keeps it open now is something else"


def test_streams_that_began_before_an_outage_do_not_hide_it() -> None:
    trial = Trial()
    streams = [trial.breaker.admit(0.0) for _ in range(100)]
    for permit in streams:
        assert permit is not None
        trial.breaker.first_token(permit, 1.0)
    for permit in streams[:4]:
        assert permit is not None
        trial.call(Signal.FAILURE, 2.0)
        trial.breaker.settle(permit, Signal.SUCCESS, 2.0)
    trial.call(Signal.FAILURE, 2.0)
    assert trial.breaker.cause == "5 failures in a row: cause"


def test_first_tokens_do_not_hide_that_each_stream_is_cut() -> None:
    trial = Trial()
    for _ in range(5):
        permit = trial.breaker.admit(0.0)
        assert permit is not None
        trial.breaker.first_token(permit, 0.0)
        trial.breaker.settle(permit, Signal.FAILURE, 0.0, cause="cut")
    assert trial.breaker.cause == "5 failures in a row: cut"


def test_a_first_token_ends_a_run_of_failures() -> None:
    trial = Trial()
    for _ in range(4):
        trial.call(Signal.FAILURE, 0.0)
    permit = trial.breaker.admit(0.0)
    assert permit is not None
    trial.breaker.first_token(permit, 0.0)
    trial.call(Signal.FAILURE, 0.0)
    assert trial.breaker.phase is Phase.CLOSED


# -- permits ---------------------------------------------------------------------------------------------------------


def test_a_permit_is_returned_once() -> None:
    trial = Trial()
    permit = trial.call(Signal.SUCCESS, 0.0)
    with pytest.raises(AssertionError, match="once"):
        trial.breaker.settle(permit, Signal.SUCCESS, 0.0)


@pytest.mark.parametrize("signal", list(Signal))
def test_a_result_from_before_a_trip_changes_nothing(signal: Signal) -> None:
    trial = Trial()
    early = [trial.breaker.admit(0.0) for _ in range(10)]
    breaker, _, probed = trial.half_open()
    before = (breaker.phase, breaker.open_until, breaker.cause)
    for permit in early:
        assert permit is not None
        breaker.first_token(permit, probed)
        breaker.settle(permit, signal, probed, slow=True, hold=100.0)
        breaker.accuse(permit, probed, "late")
    assert (breaker.phase, breaker.open_until, breaker.cause) == before
    assert breaker.refusal(probed) is not None, "the probe is still out"


def test_a_forced_success_closes_nothing_and_a_forced_failure_keeps_nothing_open() -> None:
    breaker = Trial().tripped()
    until = breaker.open_until
    for signal in (Signal.SUCCESS, Signal.FAILURE):
        breaker.settle(breaker.force(), signal, 1.0)
    assert (breaker.phase, breaker.open_until) == (Phase.OPEN, until)


def test_plain_calls_do_not_hide_slow_streams() -> None:
    """They have no first token to be late with: counted in, they would keep the share below any bound."""
    trial = Trial()
    for _ in range(9):
        trial.call(Signal.SUCCESS, 0.0, slow=True)
        trial.call(Signal.SUCCESS, 0.0, slow=None)
        trial.call(Signal.SUCCESS, 0.0, slow=None)
    assert trial.breaker.phase is Phase.CLOSED
    trial.call(Signal.SUCCESS, 0.0, slow=True)
    assert trial.breaker.cause == "10 of 10 streams were slow: cause"
