import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.units import parse_duration, parse_share, show_duration, show_share


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("3s", 3.0), ("5m", 300.0), ("2h", 7200.0), ("31d", 2_678_400.0), ("1.5s", 1.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "3", "s", "3 s", " 3s", "3s ", "-3s", "+3s", "3S", "3w", "3D", "1e3s", ".5s", "1.s", "3s\n", "٣s"]
)
def test_no_durations(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize("text", ["", "15", "%", "15 %", "-1%", "1e1%", "15%\n", "1000%"])
def test_no_shares(text: str) -> None:
    assert parse_share(text) is None


@given(st.integers(0, 86_400_000))
def test_a_shown_duration_reads_back(milliseconds: int) -> None:
    read = parse_duration(show_duration(milliseconds / 1000))
    assert read == pytest.approx(milliseconds / 1000, abs=1e-9)


@given(st.integers(0, 100_000))
def test_a_shown_share_reads_back(thousandths: int) -> None:
    share = thousandths / 100_000
    assert parse_share(show_share(share)) == pytest.approx(share, abs=1e-12)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_none(text: str) -> None:
    seconds = parse_duration(text)
    assert seconds is None or (seconds >= 0 and text[-1] in "smhd")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(86_400, "1d"), (90_000, "25h"), (7200, "2h"), (90, "90s"), (300, "5m"), (0.25, "250ms"), (0, "0ms")],
)
def test_durations_are_shown_in_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text
