import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.decision import Attempt, Decision, Rejected
from gateway.store.codec import COLUMNS, UNSTORABLE, from_line, from_row, sound, to_line, to_row

from .samples import decision

text = st.text(max_size=20)
number = st.floats(-1e12, 1e12)
count = st.integers(-(2**63) + 1, 2**63 - 1)
attempts = st.builds(
    Attempt,
    *[text, text, text, count, text, number, st.none() | number, number],
    *[count, count, st.booleans(), number, st.booleans()],
)
decisions = st.builds(
    Decision,
    **dict.fromkeys(["id", "request_id", "revision", "key", "workflow", "route", "endpoint", "outcome"], text),
    **dict.fromkeys(["served_by", "served_vendor", "model"], text),
    **dict.fromkeys(["at", "took", "usd"], number),
    **dict.fromkeys(["status", "input_tokens", "output_tokens"], count),
    **dict.fromkeys(["stream", "fallback"], st.booleans()),
    first_token=st.none() | number,
    attempts=st.lists(attempts, max_size=3).map(tuple),
    rejected=st.lists(st.builds(Rejected, text, text), max_size=3).map(tuple),
    stream_ending=st.sampled_from([None, "finish", "error_event", "aborted"]),
    notes=st.lists(text, max_size=3).map(tuple),
)


@given(decisions)
def test_a_row_gives_the_decision_back(it: Decision) -> None:
    assert from_row(to_row(it)) == it


@given(decisions)
def test_a_line_gives_the_decision_back_and_is_one_line(it: Decision) -> None:
    line = to_line(it)
    assert line.find(b"\n") == len(line) - 1
    assert from_line(line) == it


@given(decisions)
def test_a_sound_decision_stays_as_it_is(it: Decision) -> None:
    assert sound(it) == it


def test_the_row_has_the_columns_in_order() -> None:
    it = decision(1)
    row = dict(zip(COLUMNS, to_row(it), strict=True))
    assert row["request_id"] == it.request_id
    assert row["stream_ending"] == it.stream_ending
    assert row["notes"] == '["breaker of gpt-openai opened"]'


@pytest.mark.parametrize(
    ("changes", "mended"),
    [
        ({"usd": math.nan}, {"usd": 0.0}),
        ({"took": math.inf}, {"took": 0.0}),
        ({"input_tokens": 10**30}, {"input_tokens": 2**63 - 1}),
        ({"notes": ("cut \ud83d",)}, {"notes": (r"cut \ud83d",)}),
        ({"model": "\udcff"}, {"model": r"\udcff"}),
    ],
)
def test_what_cannot_be_stored_is_mended(changes: dict[str, object], mended: dict[str, object]) -> None:
    assert sound(decision(1, **changes)) == decision(1, **mended)
    back = from_line(to_line(decision(1, **changes)))
    assert back
    assert sound(back) == decision(1, **mended)


def test_a_figure_that_is_none_is_refused_wherever_it_stands() -> None:
    attempt = replace(decision(1).attempts[0], usd=math.nan)
    with pytest.raises(UNSTORABLE):
        to_row(decision(1, attempts=(attempt,)))


@given(decisions, st.integers(0, 400))
def test_a_torn_line_is_no_decision(it: Decision, length: int) -> None:
    line = to_line(it)
    torn = line[: min(length, len(line) - 2)]
    assert from_line(torn) is None
