import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator.report import words
from gateway.simulator.result import Bucket, Quantiles, SloVerdict


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, words.NONE),
        (0.9942, "99.42 %"),
        (1.0, "100 %"),
        (0.999999, "> 99.99 %"),
        (0.0, "0 %"),
        (0.000001, "< 0.01 %"),
        (0.5, "50.00 %"),
    ],
)
def test_shares(value: float | None, text: str) -> None:
    assert words.share(value).replace("\u00a0", " ") == text


@settings(derandomize=True, deadline=None)
@given(st.floats(0, 1))
def test_only_all_and_nothing_read_as_such(value: float) -> None:
    for said in (words.share(value), words.rough_share(value)):
        assert (said == "100\u00a0%") == (value == 1)
        assert (said == "0\u00a0%") == (value == 0)


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0"),
        (1234, "$1,230"),
        (999.9, "$1,000"),
        (1_234_567, "$1,230,000"),
        (101.6, "$102"),
        (4.2, "$4.20"),
        (0.00042, "$0.00042"),
        (-3.2, "\u2212$3.20"),
    ],
)
def test_money(usd: float, text: str) -> None:
    assert words.money(usd) == text


def test_a_change_of_money_has_a_sign() -> None:
    assert [words.money_change(usd) for usd in (1.5, -1.5, 0.0)] == ["+$1.50", "\u2212$1.50", "$0"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, words.NONE),
        (0.0, "0 s"),
        (0.34, "0.34 s"),
        (45, "45 s"),
        (750, "12.5 min"),
        (7200, "2 h"),
        (4 * 86400, "4 days"),
        (math.inf, "for good"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.5"), (2.0, "2"), (100.0, "100"), (-0.38, "\u22120.4"), (-0.01, "0")]
)
def test_digits(value: float, text: str) -> None:
    assert words.digits(value, 1) == text


def test_minutes_and_small_numbers() -> None:
    assert [words.minutes(value) for value in (0.04, 0.6, 1234.4)] == ["0", "0.6", "1,234"]
    assert [words.small(value) for value in (None, 0.0031, 41.0, 1320.0)] == [words.NONE, "0.0031", "41", "1,320"]


def test_names() -> None:
    assert words.domain("vendor:a:b") == "vendor a:b"
    assert words.together(("vendor:a", "cloud:b")) == "vendor a + cloud b"
    assert [words.listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_counts() -> None:
    assert [words.count(n, "change") for n in (0, 1, 1200)] == ["no changes", "1 change", "1,200 changes"]
    assert words.counts([("timeout", 1200), ("cut", 0)]) == "timeout 1,200"
    assert words.counts([]) == words.NONE


def test_quantiles() -> None:
    assert words.quantiles(Quantiles(0.3, 1.204, 12)) == "0.30 / 1.20 / 12.00"
    assert words.quantiles(None) == words.NONE


def test_promises() -> None:
    verdicts = (SloVerdict(True), SloVerdict(None), SloVerdict(False, ("success", "first token")))
    kept, none, missed = map(words.promise, verdicts)
    assert kept == "✓ kept"
    assert none == "nothing promised or measured"
    assert missed == "✕ missed: success; first token"


def test_the_step_of_a_timeline() -> None:
    assert words.step([Bucket(0, 1, 0, {}), Bucket(30, 1, 0, {})], 3600) == 30
    assert words.step([Bucket(0, 1, 0, {})], 3600) == 3600
