from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.outcome import Usage
from gateway.dialect.openai_continue import (
    INSTRUCTION,
    REPEATED_TAIL,
    Seam,
    add_usage,
    continuation_body,
    first_text,
    mark_continued,
    rewrite,
)
from tests.dialect.build import REPEATABLE, request

TEXTS = st.text("ab \n.é😀", min_size=1, max_size=120)
SIZES = st.integers(1, 40)


def joined(said: str, second: str, size: int) -> str:
    seam = Seam(said)
    pieces = [second[start : start + size] for start in range(0, len(second), size)]
    return said + "".join([seam.join(piece) for piece in pieces]) + seam.flush()


def looks_repeated(said: str, rest: str) -> bool:
    """Would a reader, too, take the beginning of `rest` for a repetition?"""
    tails = range(REPEATED_TAIL, min(len(said), len(rest)) + 1)
    return rest.startswith(said) or any(said.endswith(rest[:size]) for size in tails)


@REPEATABLE
@given(text=TEXTS, cut=st.integers(1, 119), size=SIZES)
def test_a_leg_that_goes_on_is_joined_without_gap_or_doubling(text: str, cut: int, size: int) -> None:
    said, rest = text[:cut], text[cut:]
    assume(not looks_repeated(said, rest))
    assert joined(said, rest, size) == text


@REPEATABLE
@given(text=TEXTS, cut=st.integers(1, 119), size=SIZES)
def test_a_leg_that_starts_again_is_not_doubled(text: str, cut: int, size: int) -> None:
    said = text[:cut]
    assume(said not in (said + said)[1:-1])  # of a text that repeats itself nobody can tell
    assert joined(said, text, size) == text


@REPEATABLE
@given(words=st.lists(st.integers(0, 10_000), min_size=12, max_size=60, unique=True), data=st.data(), size=SIZES)
def test_a_leg_that_repeats_the_tail_is_not_doubled(words: list[int], data: st.DataObject, size: int) -> None:
    text = " ".join(f"w{word}" for word in words)
    cut = data.draw(st.integers(REPEATED_TAIL, len(text)))
    back = data.draw(st.integers(REPEATED_TAIL, cut))
    said, tail = text[:cut], text[cut - back : cut]
    assume(sum(map(str.isalnum, tail)) >= REPEATED_TAIL and said.find(tail) == cut - back)
    assert joined(said, text[cut - back :], size) == text


@pytest.mark.parametrize("word", ["tok ", "ha", "la la ", "- item\n"])
def test_a_text_that_repeats_itself_is_left_to_the_vendor(word: str) -> None:
    for said, rest in ((word * 12, word * 28), (word * 3, word * 3)):
        assert joined(said, rest, 4) == said + rest


def test_text_is_held_only_while_it_could_be_a_repetition() -> None:
    seam = Seam("The answer is ")
    assert seam.join("The ") == ""
    assert seam.join("same") == "The same"
    assert seam.join("The ") == "The "


@pytest.mark.parametrize("prefill", [True, False])
def test_the_second_request(prefill: bool) -> None:
    asked = request(model="chat", temperature=0.5, max_tokens=100, metadata={"a": "b"})
    body = orjson.loads(continuation_body(asked, "other", "so far", 30, prefill=prefill))
    first, *added = body["messages"]
    assert first == {"role": "user", "content": "hi"}
    assert added[0] == {"role": "assistant", "content": "so far"}
    assert added[1:] == ([] if prefill else [{"role": "user", "content": INSTRUCTION}])
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("other", 70, 0.5)
    assert body["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, {}),
        ({"max_tokens": 10}, {"max_tokens": 1}),
        ({"max_completion_tokens": 50}, {"max_completion_tokens": 20}),
        ({"max_tokens": None}, {"max_tokens": None}),
        ({"max_tokens": -1}, {"max_tokens": -1}),
    ],
)
def test_the_tokens_already_spent_are_taken_off(members: dict[str, Any], expected: dict[str, Any]) -> None:
    body = orjson.loads(continuation_body(request(**members), "other", "so far", 30, prefill=True))
    assert {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body} == expected


def test_a_chunk_becomes_part_of_the_stream_that_was_begun() -> None:
    second = {"id": "c2", "created": 9, "model": "m-2", "choices": [{"delta": {"role": "assistant", "content": "xy"}}]}
    written = orjson.loads(rewrite(second, "y", "c1", 7).removeprefix(b"data: "))
    assert written == {"id": "c1", "created": 7, "model": "m-2", "choices": [{"delta": {"content": "y"}}]}


def test_text_that_was_held_to_the_last_leaves_with_the_finish() -> None:
    finish: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    written = orjson.loads(rewrite(finish, " ha", "c1", 7).removeprefix(b"data: "))
    assert first_text(written) == " ha"


@pytest.mark.parametrize(
    "chunk", [{}, {"choices": []}, {"choices": [{}]}, {"choices": [{"delta": {"content": None}}]}, {"choices": None}]
)
def test_a_chunk_that_says_nothing(chunk: dict[str, Any]) -> None:
    assert first_text(chunk) == ""


def test_usage_counts_both_legs() -> None:
    chunk: dict[str, Any] = {"usage": {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}}
    add_usage(chunk, Usage(10, 20))
    assert chunk["usage"] == {"prompt_tokens": 14, "completion_tokens": 26, "total_tokens": 40}
    add_usage(silent := {"usage": None}, Usage(10, 20))
    assert silent == {"usage": None}


def test_the_writers_are_named() -> None:
    chunk: dict[str, Any] = {}
    mark_continued(chunk, ["one", "two"])
    assert chunk == {"gateway": {"continued": True, "deployments": ["one", "two"]}}
