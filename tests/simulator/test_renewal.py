import numpy as np
import pytest

from gateway.simulator.causes import Cause
from gateway.simulator.renewal import MOST, YEAR, Timeline, timeline
from gateway.simulator.world import DAY, MINUTE, Outages

WEEKLY = Outages(7 * DAY, 68 * MINUTE, 60 * MINUTE)
MONTHLY = Outages(30 * DAY, 8 * 3600.0, 6 * 3600.0)


def cause(name: str, outages: Outages = WEEKLY, *takes: str) -> Cause:
    return Cause(name, takes or (name,), outages)


def minutes_down(course: Timeline, domain: str) -> float:
    return float(course.minutes[course.down(domain)[course.state]].sum())


def test_the_long_run_availability_is_mttf_over_mttf_plus_mttr() -> None:
    """Rausand and Hoyland, on alternating renewal processes; 10,000 outages leave about 1 % of chance."""
    for rates in (WEEKLY, MONTHLY):
        course = timeline([cause("a", rates)], 1, 1000)
        assert minutes_down(course, "a") / (1000 * YEAR) == pytest.approx(rates.unavailability, rel=0.03)


def test_outages_are_as_long_as_they_should_be() -> None:
    (starts,) = timeline([cause("a", MONTHLY)], 1, 1000).starts
    assert starts.length.mean() == pytest.approx(8 * 60.0, rel=0.02)
    assert np.median(starts.length) == pytest.approx(6 * 60.0, rel=0.02)
    assert starts.length.size == pytest.approx(1000 * 365 / (30 + 8 / 24), rel=0.02)


def test_every_minute_is_accounted_for_in_its_year() -> None:
    course = timeline([cause("a"), cause("b", MONTHLY)], 1, 50)
    assert np.bincount(course.year, course.minutes) == pytest.approx(np.full(50, YEAR))
    for bit, starts in enumerate(course.starts):
        assert minutes_down(course, "ab"[bit]) == pytest.approx(starts.length.sum())
        assert np.all(course.states[starts.state] >> bit & 1)


def test_a_cause_takes_all_its_domains_and_a_domain_has_all_its_causes() -> None:
    course = timeline([cause("a"), cause("b"), cause("both", MONTHLY, "a", "b")], 1, 50)
    states = course.states.tolist()
    assert course.states[course.down("a")].tolist() == [mask for mask in states if mask & 0b101]
    assert course.states[course.down("b")].tolist() == [mask for mask in states if mask & 0b110]
    assert not course.down("c").any()


def test_the_horizon_cuts_an_outage_off() -> None:
    endless = Outages(YEAR * MINUTE / 100, YEAR * MINUTE * 1000, YEAR * MINUTE * 1000)
    course = timeline([cause("a", endless)], 1, 3)
    assert course.minutes.sum() == 3 * YEAR
    assert course.starts[0].length.tolist() == [pytest.approx(minutes_down(course, "a"))]
    assert np.all(course.year < 3)


def test_the_luck_of_one_cause_is_its_own() -> None:
    alone, among = timeline([cause("a")], 1, 20), timeline([cause("b"), cause("a")], 1, 20)
    assert alone.starts[0].length.tolist() == among.starts[1].length.tolist()
    assert alone.starts[0].length.tolist() != among.starts[0].length.tolist()


def test_the_same_seed_gives_the_same_years_and_another_one_others() -> None:
    first, again, other = (timeline([cause("a"), cause("b")], seed, 20) for seed in (1, 1, 2))
    assert first.minutes.tobytes() == again.minutes.tobytes()
    assert first.minutes.tobytes() != other.minutes.tobytes()


def test_nothing_that_fails_is_one_quiet_state() -> None:
    course = timeline([], 1, 3)
    assert course.states.tolist() == [0]
    assert course.minutes.tolist() == [YEAR] * 3


def test_beyond_the_bits_of_a_state_the_rarest_are_left_out() -> None:
    many = [cause(str(n), Outages((100 + n % 70) * DAY)) for n in range(MOST + 8)]
    kept = timeline(many, 1, 1).causes
    assert kept == tuple(many[:MOST])
    assert timeline(many[::-1], 1, 1).causes == tuple(many[:MOST][::-1])
