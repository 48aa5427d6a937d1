from dataclasses import replace

import pytest

from gateway.core.breaker import Phase
from gateway.core.outcome import Signal

from .trial import SETTINGS, Trial

# -- open and half-open ----------------------------------------------------------------------------------------------


def test_while_open_nothing_passes() -> None:
    breaker = Trial().tripped()
    assert breaker.admit(breaker.open_until - 0.001) is None
    assert breaker.refusal(0.0) == "breaker open: tripped"
    assert breaker.refusal(breaker.open_until) is None


def test_one_probe_at_a_time_and_three_good_ones_close() -> None:
    trial = Trial()
    breaker, probe, now = trial.half_open()
    assert breaker.admit(now) is None
    breaker.settle(probe, Signal.SUCCESS, now)
    trial.call(Signal.SUCCESS, now)
    assert breaker.phase is Phase.HALF_OPEN
    trial.call(Signal.SUCCESS, now)
    assert [t.after for t in trial.transitions] == [Phase.OPEN, Phase.HALF_OPEN, Phase.CLOSED]


@pytest.mark.parametrize("signal", [Signal.NEUTRAL, Signal.THROTTLE])
def test_a_probe_that_says_nothing_gives_its_slot_back(signal: Signal) -> None:
    breaker, probe, now = Trial().half_open()
    breaker.settle(probe, signal, now)
    assert breaker.phase is Phase.HALF_OPEN
    assert breaker.admit(now) is not None


def test_a_bad_probe_opens_again() -> None:
    trial = Trial()
    breaker, probe, now = trial.half_open()
    breaker.settle(probe, Signal.FAILURE, now, cause="cause")
    assert breaker.cause == "probe failed: cause"
    assert breaker.open_until > now


def test_a_slow_probe_is_a_bad_probe_already_at_its_first_token() -> None:
    breaker, probe, now = Trial().half_open()
    breaker.first_token(probe, now + 9.0, slow=True)
    assert breaker.cause == "probe failed: slow"
    breaker.settle(probe, Signal.SUCCESS, now + 10.0, slow=True)
    assert breaker.phase is Phase.OPEN


def test_a_first_token_counts_once_and_frees_the_slot() -> None:
    breaker, probe, now = Trial().half_open()
    breaker.first_token(probe, now)
    breaker.first_token(probe, now)
    second = breaker.admit(now)
    assert second is not None
    breaker.settle(probe, Signal.SUCCESS, now)
    breaker.first_token(second, now)
    assert breaker.phase is Phase.HALF_OPEN, "two probes are good, not four"


def test_a_stream_that_breaks_after_its_first_token_is_a_bad_probe() -> None:
    breaker, probe, now = Trial().half_open()
    breaker.first_token(probe, now)
    breaker.settle(probe, Signal.FAILURE, now + 1.0)
    assert breaker.phase is Phase.OPEN


def test_a_hanging_probe_does_not_keep_the_others_out_for_ever() -> None:
    breaker, hanging, now = Trial().half_open()
    assert breaker.admit(now + SETTINGS.open - 0.01) is None
    second = breaker.admit(now + SETTINGS.open)
    assert second is not None
    breaker.settle(hanging, Signal.NEUTRAL, now + SETTINGS.open)
    assert breaker.admit(now + SETTINGS.open) is None, "the slot is the second probe's"


def test_probes_that_take_longer_than_their_lease_still_close_it() -> None:
    breaker, probe, now = Trial(replace(SETTINGS, close_after=2)).half_open()
    second = breaker.admit(now + 6.0)
    assert second is not None
    breaker.settle(probe, Signal.SUCCESS, now + 20.0)
    breaker.settle(second, Signal.SUCCESS, now + 26.0)
    assert breaker.phase is Phase.CLOSED


# -- how long, and back again ----------------------------------------------------------------------------------------


def test_stays_open_longer_the_longer_the_trouble_lasts() -> None:
    trial = Trial()
    breaker, now, periods = trial.tripped(), 0.0, []
    while now < 3600:
        periods.append(breaker.open_until - now)
        now = breaker.open_until
        trial.call(Signal.FAILURE, now)
    assert 5.0 <= periods[0] <= 6.25
    assert all(period <= SETTINGS.open_max * 1.25 for period in periods)
    assert max(periods) >= SETTINGS.open_max
    assert len(periods) < 40


def test_obeys_the_vendors_wish_and_clamps_it() -> None:
    for hold, longest in ((60.0, 60.0), (86400.0, SETTINGS.open_max)):
        trial = Trial(replace(SETTINGS, consecutive=1))
        trial.call(Signal.FAILURE, 0.0, hold=hold)
        assert trial.breaker.open_until == longest


def test_of_two_times_the_later_holds() -> None:
    breaker = Trial().tripped()
    breaker.trip(1.0, "long", hold=100.0)
    assert breaker.open_until == 101.0
    breaker.trip(2.0, "short")
    assert breaker.open_until == 101.0


def test_without_a_trip_there_is_no_ramp() -> None:
    assert Trial().breaker.ramp_share(0.0) == 1.0


def test_traffic_ramps_up_after_closing() -> None:
    breaker, now = Trial().closed_again()
    shares = [breaker.ramp_share(now + after) for after in (0.0, 3.3, 3.4, 6.6, 6.7, 9.99, 10.0)]
    assert shares == [0.05, 0.05, 0.25, 0.25, 0.5, 0.5, 1.0]


def test_a_ramp_follows_a_new_config() -> None:
    breaker, now = Trial().closed_again()
    breaker.configure(replace(SETTINGS, ramp=0.0))
    assert breaker.ramp_share(now) == 1.0
    breaker.configure(replace(SETTINGS, ramp=100.0))
    assert breaker.ramp_share(now + 10.0) == 0.05


def test_a_relapse_while_ramping_is_the_same_trouble() -> None:
    breaker, now = Trial().closed_again()
    breaker.trip(now + 9.0, "relapse")
    relapsed = breaker.open_until - (now + 9.0)
    assert relapsed <= 1.25 * SETTINGS.open
    breaker, now = Trial(replace(SETTINGS, open=1.0)).closed_again()
    breaker.trip(now + 9.0, "relapse")
    assert breaker.open_until - (now + 9.0) >= 0.2 * (now + 9.0) > 1.25


def test_a_reset_closes_at_once_and_without_a_ramp() -> None:
    breaker = Trial().tripped()
    breaker.reset(1.0, "by hand")
    assert (breaker.phase, breaker.ramp_share(1.0)) == (Phase.CLOSED, 1.0)
    assert breaker.admit(1.0) is not None


def test_a_window_of_another_length_starts_empty_and_others_are_kept() -> None:
    trial = Trial()
    trial.call(Signal.FAILURE, 0.0)
    trial.breaker.configure(replace(SETTINGS, consecutive=9))
    assert trial.breaker.window.calls == 1
    trial.breaker.configure(replace(SETTINGS, window=30.0))
    assert trial.breaker.window.calls == 0


def test_an_accusation_counts_like_a_failure() -> None:
    trial = Trial()
    for _ in range(5):
        permit = trial.call(Signal.NEUTRAL, 0.0)
        trial.breaker.accuse(permit, 0.0, "rejecting")
    assert trial.breaker.cause == "5 failures in a row: rejecting"
    breaker, probe, now = Trial().half_open()
    breaker.settle(probe, Signal.NEUTRAL, now)
    breaker.accuse(probe, now, "rejecting")
    assert breaker.cause == "probe failed: rejecting"
