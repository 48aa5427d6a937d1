from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limits import BACKOFF_MAX, TokenBucket, backoff
from gateway.core.model import RetryBudgetSettings

from .build import REPEATABLE, budget


def test_a_bucket_gives_a_minutes_worth_then_refills_evenly() -> None:
    bucket = TokenBucket(60)
    for _ in range(60):
        assert bucket.wait(1, 10.0) == 0.0
        bucket.take(1, 10.0)
    assert bucket.wait(1, 10.0) == pytest.approx(1.0)
    assert bucket.wait(1, 10.5) == pytest.approx(0.5)
    assert bucket.wait(1, 11.0) == 0.0


def test_what_exceeds_the_capacity_waits_for_a_full_bucket() -> None:
    bucket = TokenBucket(60)
    assert bucket.wait(1000, 0.0) == 0.0
    bucket.take(1000, 0.0)
    assert bucket.wait(1, 0.0) == pytest.approx(941.0)


def test_a_refund_never_overfills() -> None:
    bucket = TokenBucket(60)
    bucket.take(-100, 0.0)
    bucket.take(60, 0.0)
    assert bucket.wait(1, 0.0) > 0


@REPEATABLE
@given(
    st.floats(1, 1e8),
    st.floats(0, 1e7),
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 5)), min_size=1, max_size=20),
)
def test_whoever_waits_as_long_as_told_may_take(rate: float, now: float, takes: list[tuple[float, float]]) -> None:
    bucket = TokenBucket(rate)
    for amount, gap in takes:
        now += gap
        bucket.take(amount, now)
        now += bucket.wait(amount, now)
        assert bucket.wait(amount, now) == 0.0


def test_a_clock_that_stands_still_or_steps_back_refills_nothing() -> None:
    bucket = TokenBucket(60)
    bucket.take(60, 100.0)
    assert bucket.wait(1, 99.0) == pytest.approx(1.0)
    assert bucket.wait(1, 100.0) == pytest.approx(1.0)


def test_a_retry_budget_is_a_floor_and_a_share_of_requests() -> None:
    retries = budget(share=0.2, floor=3)
    for _ in range(10):
        retries.note_request(0.0)
    spent = 0
    while retries.allows(0.0):
        retries.spend(0.0)
        spent += 1
    assert spent == 5
    assert retries.allows(61.0), "spent retries fall out of the window"


def test_a_new_config_changes_the_budget_at_once() -> None:
    retries = budget(share=0.0, floor=1)
    retries.spend(0.0)
    assert not retries.allows(0.0)
    retries.configure(RetryBudgetSettings(0.0, 2))
    assert retries.allows(0.0)


def test_backoff_grows_is_jittered_and_is_bounded() -> None:
    rng = Random(1)
    longest = [max(backoff(attempt, rng) for _ in range(500)) for attempt in range(12)]
    assert longest[0] <= 0.1 < longest[2] <= 0.4
    assert longest[-1] <= BACKOFF_MAX
    assert min(backoff(3, rng) for _ in range(500)) < 0.05


@REPEATABLE
@given(st.integers(1, 600), st.integers(0, 30), st.floats(0, 1e6))
def test_whoever_queues_waits_for_those_ahead(rate: int, queued: int, now: float) -> None:
    bucket = TokenBucket(rate)
    bucket.take(rate, now)
    waits = [bucket.wait(1, now, ahead) for ahead in range(queued + 1)]
    assert waits == pytest.approx([60.0 / rate * (ahead + 1) for ahead in range(queued + 1)], abs=1e-5)
    for wait in waits:
        assert bucket.wait(1, now + wait) == 0.0, "each finds its place at its turn"
        bucket.take(1, now + wait)


def test_those_ahead_are_served_from_what_is_saved_up() -> None:
    bucket = TokenBucket(60)
    bucket.take(50, 0.0)
    assert bucket.wait(1, 0.0, 9) == 0.0
    assert bucket.wait(1, 0.0, 10) == pytest.approx(1.0)
