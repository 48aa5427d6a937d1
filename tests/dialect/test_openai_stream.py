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
FUNCTION = [
    chunk({"function_call": {"name": "f", "arguments": ""}}),
    chunk({"function_call": {"arguments": '{"a":'}}),
    chunk({"function_call": {"arguments": "1}"}}),
    chunk(finish="function_call"),
]
CALL = {"index": 0, "id": "a", "function": {"name": "look_up", "arguments": "{}"}}
BOTH = chunk({"content": "Let me see", "tool_calls": [{**CALL, "function": {"name": "look_up", "arguments": "{"}}]})
CUSTOM = {"type": "custom", "custom": {"name": "write"}}
WRITE = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "write", "input": "no JSON"}}
FAILED_CHOICE = event({"choices": [{"index": 0, "delta": {}, "error": {"message": "m", "type": "overloaded_error"}}]})
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


@pytest.mark.parametrize(
    "ending",
    [DONE, b"", b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n\r\n", b"data:  [DONE] \n\n", b"data:  [DONE] "],
)
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
    ("index missing", [event({"choices": [{"delta": {"content": "a"}}]})], {}, Kind.MALFORMED),
    ("index too high", [chunk({"content": "a"}, index=1)], {}, Kind.MALFORMED),
    ("index below zero", [chunk({"content": "a"}, index=-1)], {}, Kind.MALFORMED),
    ("an error in a choice", [text("a"), FAILED_CHOICE], {}, Kind.OVERLOADED),
    ("finish error", [text("a"), chunk(finish="error")], {}, Kind.CUT),
    ("finish abort with the last word", [text("a"), chunk({"content": "b"}, "abort")], {}, Kind.CUT),
    ("finish cancelled at once", [ROLE, chunk(finish="cancelled")], {}, Kind.CUT),
    ("finish no text", [text("a"), event({"choices": [{"index": 0, "delta": {}, "finish_reason": 5}]})], {}, Kind.CUT),
    ("two ends", [text("a"), STOP, chunk(finish="length")], {}, Kind.MALFORMED),
    ("content no text", [chunk({"content": 5})], {}, Kind.MALFORMED),
    ("empty answer", [ROLE, STOP], {}, Kind.INVALID_OUTPUT),
    ("white space", [ROLE, text(" "), text("\n\n"), STOP], {}, Kind.INVALID_OUTPUT),
    ("only thoughts", [ROLE, chunk({"reasoning_content": "hm"}), STOP], {}, Kind.INVALID_OUTPUT),
    ("thoughts and white space", [chunk({"reasoning": "hm"}), text("\n"), STOP], {}, Kind.INVALID_OUTPUT),
    ("words after the finish", [ROLE, text("a"), STOP, text("b")], {}, Kind.MALFORMED),
    ("no call", [ROLE, chunk(finish="tool_calls")], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("unknown tool", [call("{}", name="look_up_v2", id_="a")], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("no tool offered", TOOLS, {}, Kind.INVALID_OUTPUT),
    ("call without id", [call("{}", name="look_up")], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("call without name", [call("{}", id_="a")], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("cut arguments", [*TOOLS[:3], TOOLS[-1]], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("cut arguments, finish stop", [*TOOLS[:3], STOP], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("cut arguments beside text", [BOTH, STOP], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("arguments no object", [TOOLS[1], call("[1]"), TOOLS[-1]], {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
    ("calls out of order", [call("", name="look_up", id_="a", index=1)], {"tools": [TOOL]}, Kind.MALFORMED),
    (
        "arguments no text",
        [chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look_up", "arguments": {"a": 1}}}]})],
        {"tools": [TOOL]},
        Kind.MALFORMED,
    ),
    ("call without index", [chunk({"tool_calls": [{"id": "a"}]})], {"tools": [TOOL]}, Kind.MALFORMED),
    ("custom no object", [chunk({"tool_calls": [{"index": 0, "custom": "x"}]})], {"tools": [TOOL]}, Kind.MALFORMED),
    ("function call no object", [chunk({"function_call": "f"})], {}, Kind.MALFORMED),
    ("function arguments no text", [chunk({"function_call": {"arguments": 5}})], {}, Kind.MALFORMED),
    ("cut function arguments", [*FUNCTION[:2], FUNCTION[-1]], {}, Kind.INVALID_OUTPUT),
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
        ([ROLE, text(" "), chunk(finish="length")], {}),
        ([ROLE, chunk({"reasoning_content": "hm"}), text("a"), STOP], {}),
        ([ROLE, text(" "), text("a"), text("\n"), STOP], {}),
        ([text("a"), STOP, STOP], {}),
        (FUNCTION, {}),
        ([chunk({"function_call": {"name": "f"}}), chunk(finish="function_call")], {}),
        ([*FUNCTION[:2], chunk(finish="length")], {}),
        ([chunk({"tool_calls": [WRITE]}), chunk(finish="tool_calls")], {"tools": [CUSTOM]}),
        ([chunk({"content": "Let me see", "tool_calls": [CALL]}), chunk(finish="tool_calls")], {"tools": [TOOL]}),
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
    for data in (b": ping\n\n", b"data:\n\n", ROLE, event({"choices": []}), text(" "), text("\n\t")):
        judge.feed(data)
        assert not judge.meaningful
        assert judge.progress == 0
    judge.feed(text("a"))
    assert judge.meaningful
    assert judge.text == [" ", "\n\t", "a"]


def test_thoughts_are_worth_passing_on() -> None:
    judge = StreamJudge(request())
    judge.feed(chunk({"reasoning_content": "hm"}))
    assert judge.meaningful


def test_white_space_is_no_progress() -> None:
    judge = StreamJudge(request())
    progress = []
    for data in (text("a"), text("\n"), text(" "), chunk({"reasoning": "hm"}), b": ping\n\n", text("b")):
        judge.feed(data)
        progress.append(judge.progress)
    assert progress == [1, 1, 1, 2, 2, 3]
    assert judge.spent().output_tokens == 5, "it is paid for all the same"


NO = chunk({"refusal": "I cannot"})
FILTERED = chunk(finish="content_filter")


@pytest.mark.parametrize(
    ("stream", "refused"),
    [
        ([ROLE], False),
        ([ROLE, NO], True),
        ([ROLE, NO, STOP], True),
        ([ROLE, FILTERED], True),
        ([text(" "), FILTERED], True),
        ([text("a"), FILTERED], False),
        ([NO, text("a")], False),
        ([text("a"), STOP], False),
        ([ROLE, chunk(finish="length")], False),
    ],
)
def test_a_refusal(stream: list[bytes], refused: bool) -> None:
    judge = StreamJudge(request())
    judge.feed(b"".join(stream))
    assert judge.failure is None
    assert judge.refused is refused


def test_of_two_choices_one_that_answers_is_enough() -> None:
    judge = StreamJudge(request(n=2))
    judge.feed(chunk(finish="content_filter") + chunk({"content": "a"}, index=1))
    assert not judge.refused


def test_every_choice_that_was_asked_for_must_finish() -> None:
    asked = request(n=2)
    one = [chunk({"content": "a"}), chunk(finish="stop")]
    two = [chunk({"content": "b"}, index=1), chunk(finish="stop", index=1)]
    assert watch([*one, *two], asked)[0].ended
    assert watch([*two, *one, DONE], asked)[0].ended
    assert kind_of(watch(one, asked)[0]) is Kind.CUT
    assert kind_of(watch([*one, *two[:1]], asked)[0]) is Kind.CUT
    assert kind_of(watch([*one, *two[:1], DONE], asked)[0]) is Kind.CUT
    assert kind_of(watch([*one, two[1]], asked)[0]) is Kind.INVALID_OUTPUT


def test_a_vendor_that_knows_only_one_choice_is_not_ill() -> None:
    judge, _ = watch([text("a"), STOP, DONE], request(n=2))
    assert not judge.ended
    assert kind_of(judge) is Kind.INVALID_OUTPUT


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


def completion(words: str, finish: str | None = None, index: int = 0) -> bytes:
    return event({"id": "c1", "choices": [{"index": index, "text": words, "finish_reason": finish}]})


def test_legacy_completions() -> None:
    judge, passed = watch([completion("a"), completion("b", "stop"), DONE], request("completions"))
    assert judge.ended
    assert judge.text == ["a", "b"]
    assert len(passed) == 2


def test_a_legacy_completion_has_choices_for_each_prompt() -> None:
    asked = request("completions", prompt=["one", "two"], n=2)
    four = [completion("a", "stop", index) for index in (2, 0, 3, 1)]
    assert watch([*four, DONE], asked)[0].ended
    assert kind_of(watch(four[:3], asked)[0]) is Kind.CUT
    assert kind_of(watch([*four, completion("a", "stop", 4)], asked)[0]) is Kind.MALFORMED


def test_nothing_is_counted_before_anything_was_said() -> None:
    assert watch([ROLE])[0].spent() == Usage(0, 0)


def test_content_in_parts_as_some_vendors_send_it() -> None:
    thought = chunk({"content": [{"type": "thinking", "thinking": []}]})
    words = chunk({"content": [{"type": "text", "text": "a"}]})
    judge, passed = watch([thought, words, text("b"), STOP, DONE], request())
    assert judge.ended
    assert judge.text == ["a", "b"]
    assert len(passed) == 4
    judge, _ = watch([thought, STOP, DONE], request())
    assert kind_of(judge) is Kind.INVALID_OUTPUT


def test_one_of_two_choices_refused_is_no_refusal_yet() -> None:
    judge, _ = watch([chunk({"refusal": "no"})], request(n=2))
    assert not judge.refused
