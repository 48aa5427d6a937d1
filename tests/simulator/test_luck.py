import math
from statistics import correlation, fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.luck import KEPT, SIZE, Luck, Lucks, generator, number, rng
from tests.core.build import REPEATABLE

from .build import in_fresh_process

MANY = 20_000


def lucks(*names: str, seed: int = 1, count: int = MANY) -> list[Luck]:
    source = Lucks(seed, *names)
    return [source.of(index) for index in range(count)]


def test_a_purpose_has_its_number_in_every_process() -> None:
    code = "from gateway.simulator.luck import number; print(number(1, 'call', 'w', '0'))"
    assert int(in_fresh_process(code)) == number(1, "call", "w", "0")


def test_each_seed_and_each_purpose_has_its_own_number() -> None:
    known = [number(1), number(2), number(1, ""), number(1, "a"), number(1, "a", "b"), number(1, "ab"), number(12, "a")]
    assert len({*known}) == len(known)
    assert number(1, "1", "a") != number(11, "a")


def test_the_streams_start_anew() -> None:
    assert rng(1, "a").random() == rng(1, "a").random() != rng(1, "b").random()
    assert generator(1, "a").random() == generator(1, "a").random() != generator(2, "a").random()


@REPEATABLE
@given(st.lists(st.integers(0, (KEPT + 3) * SIZE), max_size=40))
def test_any_request_has_the_luck_it_had_in_turn(asked: list[int]) -> None:
    source = Lucks(7, "call")
    assert [source.of(index) for index in asked] == [IN_TURN[index] for index in asked]


IN_TURN = lucks("call", seed=7, count=(KEPT + 3) * SIZE + 1)


def test_only_the_last_few_are_kept() -> None:
    source = Lucks(1, "call")
    for index in range(0, 20 * SIZE, SIZE):
        source.of(index)
    assert len(source._chunks) == KEPT


def test_luck_is_uniform_or_normal() -> None:
    *uniforms, first, flow = zip(*lucks("call"), strict=True)
    for uniform in uniforms:
        assert 0.0 <= min(uniform) <= max(uniform) < 1.0
        counts = [0] * 20
        for value in uniform:
            counts[int(value * 20)] += 1
        chi_square = sum((count - MANY / 20) ** 2 / (MANY / 20) for count in counts)
        assert chi_square < 43.8, "19 degrees of freedom, 0.1 %"
    for normal in (first, flow):
        assert fmean(normal) == pytest.approx(0.0, abs=4 / math.sqrt(MANY))
        assert pstdev(normal) == pytest.approx(1.0, abs=4 / math.sqrt(2 * MANY))


def test_what_is_drawn_for_one_purpose_says_nothing_about_another() -> None:
    columns = [
        *zip(*lucks("call", "w", "0"), strict=True),
        *zip(*lucks("call", "w", "1"), strict=True),
        *zip(*lucks("call", "v", "0"), strict=True),
        *zip(*lucks("call", "w", "0", seed=2), strict=True),
    ]
    pairs = [(one, other) for index, one in enumerate(columns) for other in columns[:index]]
    assert max(abs(correlation(one, other)) for one, other in pairs) < 4.5 / math.sqrt(MANY)


def test_requests_in_a_row_are_independent() -> None:
    strikes = [luck.strikes for luck in lucks("call")]
    assert abs(correlation(strikes[1:], strikes[:-1])) < 4 / math.sqrt(MANY)
