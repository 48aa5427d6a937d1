import random
from statistics import median

import pytest

from gateway.emulator.settings import Pacing


def test_no_pace_is_the_default() -> None:
    assert Pacing().first(random.Random(1)) == 0.0
    assert Pacing().gaps(10, random.Random(1)) == ()


def test_an_even_pace() -> None:
    pacing = Pacing(first_token_ms=250, tokens_per_second=50)
    assert pacing.first(random.Random(1)) == 0.25
    assert pacing.gaps(4, random.Random(1)) == (0.02,) * 3
    assert pacing.gaps(0, random.Random(1)) == ()


def test_jitter_is_seeded_and_keeps_the_median() -> None:
    pacing = Pacing(first_token_ms=200, jitter=0.4)
    draws = [[pacing.first(luck) for _ in range(2000)] for luck in (random.Random(1), random.Random(1))]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 2000
    assert median(draws[0]) == pytest.approx(0.2, rel=0.05)
