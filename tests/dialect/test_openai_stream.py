from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.outcome import Kind, Usage
from gateway.dialect.openai_request import Request
from gateway.dialect.openai_stream import StreamJudge
from tests.dialect.build import DONE, REPEATABLE, ROLE, STOP, TOOL, call, chunk, event, request, text

WORDS = [f"w{index} é" for index in range(8)]
USAGE = event({"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 8}})
GOOD = [ROLE, *map(text, WORDS), STOP]
TOOLS = [ROLE, call("", name="look_up", id_="a"), call('{"city":'), call('"Rome"}'), chunk(finish="tool_calls")]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


def watch(
    stream: list[bytes] | bytes, asked: Request | None = None, size: int = 1 << 20
) -> tuple[StreamJudge, list[bytes]]:
    """The judge after the whole body, and what it let pass."""
    judge = StreamJudge(asked or request())
    data = stream if isinstance(stream, bytes) else b"".join(stream)
    passed: list[bytes] = []
    for start in range(0, len(data), size):
        if judge.ended or judge.failure:
            break
        passed += judge.feed(data[start : start + size])
    return judge, passed + judge.end_of_body()


def kind_of(judge: StreamJudge) -> Kind | None:
    return judge.failure.kind if judge.failure else None


@REPEATABLE
@given(size=st.integers(1, 400), usage=st.booleans(), comments=st.booleans())
def test_however_it_is_cut_a_good_stream_passes_whole_and_once(size: int, usage: bool, comments: bool) -> None:
    asked = request(stream_options={"include_usage": True})
    stream = [*GOOD, *([USAGE] if usage else [])]
    wire = [b": ping\n\n" + part if comments else part for part in stream]
    judge, passed = watch([*wire, DONE], asked, size)
    assert judge.ended
    assert judge.failure is None
    assert [part + b"\n\n" for part in passed] == stream
    assert "".join(judge.text) == "".join(WORDS)
    assert judge.spent() == (Usage(3, 8) if usage else Usage(asked.input_tokens, 8, estimated=True))


@REPEATABLE
@given(data=st.data(), size=st.integers(1, 400))
def test_a_truncated_stream_never_ends(data: st.DataObject, size: int) -> None:
    whole = b"".join(GOOD)
    judge, passed = watch(whole[: data.draw(st.integers(0, len(whole) - 3))], size=size)
    assert not judge.ended
    assert kind_of(judge) is Kind.CUT
    assert b"stop" not in b"".join(passed)
    assert "".join(judge.text) == "".join(orjson.loads(part[6:])["choices"][0]["delta"]["content"] for part in passed)


@pytest.mark.parametrize("ending", [DONE, b"", b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n\r\n"])
def test_all_choices_finished_is_an_end_with_or_without_done(ending: bytes) -> None:
    judge, passed = watch([*GOOD, ending])
    assert judge.ended
    assert passed[-1] + b"\n\n" == STOP


MALFORMED: list[tuple[str, list[bytes], dict[str, Any], Kind]] = [
    ("done without finish", [ROLE, text("a"), DONE], {}, Kind.CUT),
    ("done at once", [DONE], {}, Kind.CUT),
    ("nothing", [], {}, Kind.CUT),
    ("only a role", [ROLE], {}, Kind.CUT),
    ("broken JSON", [ROLE, b'data: {"choices": [{"in\n\n'], {}, Kind.MALFORMED),
    ("invalid UTF-8", [ROLE, text("a").replace(b"m-1", b"\xff\xfe")], {}, Kind.MALFORMED),
    ("no data prefix", [ROLE, text("a").removeprefix(b"data: ")], {}, Kind.MALFORMED),
    ("not an object", [event([1])], {}, Kind.MALFORMED),
    ("no choices", [event({"id": "c1"})], {}, Kind.MALFORMED),
    ("choices no list", [event({"choices": {}})], {}, Kind.MALFORMED),
    ("choice no object", [event({"choices": [1]})], {}, Kind.MALFORMED),
    ("index no number", [event({"choices": [{"index": "0", "delta": {}}]})], {}, Kind.MALFORMED),
    ("delta no object", [event({"choices": [{"index": 0, "delta": "a"}]})], {}, Kind.MALFORMED),
    ("HTML", [b"<html>\n\n</html>\n\n"], {}, Kind.MALFORMED),
    ("empty answer", [ROLE, STOP], {}, Kind.MALFORMED),
    ("words after the finish", [ROLE, text("a"), STOP, text("b")], {}, Kind.MALFORMED),
    ("no call", [ROLE, chunk(finish="tool_calls")], {"tools": [TOOL]}, Kind.MALFORMED),
    ("unknown tool", [call("{}", name="look_up_v2", id_="a")], {"tools": [TOOL]}, Kind.MALFORMED),
    ("cut arguments", [*TOOLS[:3], TOOLS[-1]], {"tools": [TOOL]}, Kind.MALFORMED),
    (
        "two calls, one index",
        [call("{}", name="look_up", id_="a"), call("{}", name="look_up", id_="b")],
        {"tools": [TOOL]},
        Kind.MALFORMED,
    ),
    ("tool_calls no list", [chunk({"tool_calls": {"a": 1}})], {"tools": [TOOL]}, Kind.MALFORMED),
    ("call no object", [chunk({"tool_calls": [1]})], {"tools": [TOOL]}, Kind.MALFORMED),
    ("function no object", [chunk({"tool_calls": [{"function": "f"}]})], {"tools": [TOOL]}, Kind.MALFORMED),
    ("call index no number", [chunk({"tool_calls": [{"index": "x"}]})], {"tools": [TOOL]}, Kind.MALFORMED),
    ("not the schema", [text("Sure, "), text("here"), STOP], {"response_format": SCHEMA}, Kind.INVALID_OUTPUT),
    ("error event", [text("a"), event({"error": {"message": "m", "type": "server_error"}})], {}, Kind.SERVER_ERROR),
    ("error event first", [event({"error": {"message": "m", "code": "insufficient_quota"}})], {}, Kind.NO_CREDIT),
    (
        "typed error event",
        [b"event: error\n" + event({"message": "m", "type": "overloaded_error"})],
        {},
        Kind.OVERLOADED,
    ),
    ("a plain error", [b'{"error": {"message": "m", "type": "rate_limit_error"}}'], {}, Kind.RATE_LIMITED),
    ("a plain answer", [b'{"choices": [{"message": {"content": "a"}}]}'], {}, Kind.CUT),
]


@pytest.mark.parametrize(
    ("stream", "members", "kind"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
@pytest.mark.parametrize("size", [1 << 20, 7])
def test_a_stream_that_is_not_whole(stream: list[bytes], members: dict[str, Any], kind: Kind, size: int) -> None:
    judge, passed = watch(stream, request(**members), size)
    assert not judge.ended
    assert kind_of(judge) is kind
    assert b'"finish_reason":"' not in b"".join(passed)


@pytest.mark.parametrize(
    ("stream", "members"),
    [
        (TOOLS, {"tools": [TOOL]}),
        ([ROLE, call("", name="look_up", id_="a"), chunk(finish="tool_calls")], {"tools": [TOOL]}),
        ([*TOOLS[:3], chunk(finish="length")], {"tools": [TOOL]}),
        ([ROLE, chunk(finish="length")], {}),
        ([ROLE, chunk(finish="content_filter")], {}),
        ([ROLE, STOP], {"stop": ["w"]}),
        ([ROLE, chunk({"reasoning_content": "hm"}), STOP], {}),
        ([ROLE, chunk({"refusal": "no"}), STOP], {"response_format": SCHEMA}),
        ([text('{"a":'), text("1}"), STOP], {"response_format": SCHEMA}),
        ([ROLE, chunk({"content": "a"}, "stop")], {}),
        ([event({"choices": []}), ROLE, text("a"), STOP], {}),
        ([b"event: delta\nid: 1\n" + text("a"), STOP], {}),
    ],
)
def test_streams_that_are_whole(stream: list[bytes], members: dict[str, Any]) -> None:
    judge, passed = watch([*stream, DONE], request(**members))
    assert judge.failure is None
    assert judge.ended
    assert [part + b"\n\n" for part in passed] == stream


def test_only_what_says_something_is_meaningful() -> None:
    judge = StreamJudge(request())
    for data in (b": ping\n\n", b"data:\n\n", ROLE, event({"choices": []})):
        judge.feed(data)
        assert not judge.meaningful
    judge.feed(text("a"))
    assert judge.meaningful


def test_every_choice_that_was_asked_for_must_finish() -> None:
    asked = request(n=2)
    one = [chunk({"content": "a"}), chunk(finish="stop")]
    two = [chunk({"content": "b"}, index=1), chunk(finish="stop", index=1)]
    assert watch([*one, *two], asked)[0].ended
    assert kind_of(watch(one, asked)[0]) is Kind.CUT
    assert kind_of(watch([*one, *two[:1]], asked)[0]) is Kind.CUT
    assert watch([*one, DONE], asked)[0].ended, "a vendor that knows only one choice"


def test_the_finish_waits_for_the_end() -> None:
    judge = StreamJudge(request())
    assert len(judge.feed(b"".join([ROLE, text("a"), chunk({"content": "b"}, "stop")]))) == 2
    assert judge.finished
    assert not judge.ended
    assert len(judge.feed(DONE)) == 1
    assert judge.text == ["a", "b"]


def test_what_was_held_back_was_not_said() -> None:
    judge = StreamJudge(request())
    judge.feed(b"".join([text("a"), chunk({"content": "b"}, "stop")]))
    judge.feed(text("c"))
    assert kind_of(judge) is Kind.MALFORMED
    assert judge.text == ["a"]


def test_a_usage_event_nobody_asked_for_is_read_and_kept() -> None:
    judge, passed = watch([*GOOD, USAGE, DONE])
    assert judge.usage == Usage(3, 8)
    assert len(passed) == len(GOOD)


def test_a_second_leg_may_have_nothing_left_to_say() -> None:
    judge = StreamJudge(request(), continuing=True)
    judge.feed(b"".join([ROLE, STOP, DONE]))
    assert judge.ended


def test_legacy_completions() -> None:
    def said(words: str, finish: str | None = None) -> bytes:
        return event({"id": "c1", "choices": [{"index": 0, "text": words, "finish_reason": finish}]})

    judge, passed = watch([said("a"), said("b", "stop"), DONE], request("completions"))
    assert judge.ended
    assert judge.text == ["a", "b"]
    assert len(passed) == 2


def test_nothing_is_counted_before_anything_was_said() -> None:
    assert watch([ROLE])[0].spent() == Usage(0, 0)
