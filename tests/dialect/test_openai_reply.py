from typing import Any

import orjson
import pytest

from gateway.core.outcome import OK, Kind, Outcome, Usage
from gateway.dialect.openai_reply import judge, read_usage
from gateway.dialect.openai_request import Endpoint, Request, parse
from tests.dialect.build import TOOL, request

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
CUSTOM = {"type": "custom", "custom": {"name": "write"}}


def reply(message: Any = None, finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return orjson.dumps({"model": "m-1", "choices": [choice], "usage": USAGE, **more})


def tool_reply(name: str = "look_up", arguments: Any = "{}", finish: str = "tool_calls") -> bytes:
    return reply(
        {"content": None, "tool_calls": [{"id": "1", "function": {"name": name, "arguments": arguments}}]}, finish
    )


def called(**members: Any) -> bytes:
    """A reply with one call of `look_up`, with these members changed."""
    call = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    return reply({"content": None, "tool_calls": [{**call, **members}]}, "tool_calls")


def choices(*choices: dict[str, Any]) -> bytes:
    return orjson.dumps({"choices": choices})


def verdict(body: bytes, endpoint: Endpoint = "chat/completions", **members: Any) -> Outcome:
    return judge(request(endpoint, stream=False, **members), body).outcome


@pytest.mark.parametrize(
    ("body", "members"),
    [
        (reply({"content": "hello"}), {}),
        (reply({"content": "hel"}, "length"), {}),
        (reply({"content": ""}, "length"), {}),
        (reply({"content": None}, "content_filter"), {}),
        (reply({"content": ""}), {"stop": "w"}),
        (reply({"content": None, "refusal": "I cannot"}), {}),
        (reply({"content": "so", "reasoning_content": "thinking"}), {}),
        (reply({"content": [{"type": "text", "text": "hello"}]}), {}),
        (reply({"content": " \n"}, "length"), {}),
        (reply({"content": None, "audio": {"id": "a"}}), {}),
        (called(), {"tools": [TOOL]}),
        (called(type=None), {"tools": [TOOL]}),
        (called(type="custom", custom={"name": "write", "input": "no JSON"}), {"tools": [CUSTOM]}),
        (tool_reply(), {"tools": [TOOL]}),
        (tool_reply(arguments=""), {"tools": [TOOL]}),
        (tool_reply(arguments=None), {"tools": [TOOL]}),
        (tool_reply(finish="stop"), {"tools": [TOOL]}),
        (tool_reply(arguments='{"half', finish="length"), {"tools": [TOOL]}),
        (reply({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"), {}),
        (reply({"function_call": {"name": "f"}}, "function_call"), {}),
        (reply({"content": '{"a": 1}'}), {"response_format": SCHEMA}),
        (reply({"content": '{"a": '}, "length"), {"response_format": SCHEMA}),
        (reply({"content": None, "refusal": "no"}), {"response_format": SCHEMA}),
    ],
)
def test_answers(body: bytes, members: dict[str, Any]) -> None:
    assert verdict(body, **members) is OK


@pytest.mark.parametrize(
    ("body", "members", "kind"),
    [
        (b"", {}, Kind.MALFORMED),
        (b"  \n", {}, Kind.MALFORMED),
        (b"<!DOCTYPE html><html>", {}, Kind.MALFORMED),
        (reply({"content": "hello"})[:-10], {}, Kind.MALFORMED),
        (reply({"content": "hello"}).replace(b"hello", b"\xff\xfe"), {}, Kind.MALFORMED),
        (b"[]", {}, Kind.MALFORMED),
        (b"null", {}, Kind.MALFORMED),
        (b"{}", {}, Kind.MALFORMED),
        (b'{"choices": []}', {}, Kind.MALFORMED),
        (b'{"choices": {}}', {}, Kind.MALFORMED),
        (b'{"choices": [1]}', {}, Kind.MALFORMED),
        (reply(None), {}, Kind.MALFORMED),
        (reply("text"), {}, Kind.MALFORMED),
        (reply({"content": 5}), {}, Kind.MALFORMED),
        (reply({"content": ""}), {}, Kind.INVALID_OUTPUT),
        (reply({"content": " \n\t"}), {}, Kind.INVALID_OUTPUT),
        (reply({"content": None}), {}, Kind.INVALID_OUTPUT),
        (reply({"content": []}), {}, Kind.INVALID_OUTPUT),
        (reply({"content": ""}), {"stop": []}, Kind.INVALID_OUTPUT),
        (reply({"content": "", "reasoning_content": "thinking"}), {}, Kind.INVALID_OUTPUT),
        (reply({"content": None, "reasoning": "thinking"}), {}, Kind.INVALID_OUTPUT),
        (reply({}), {}, Kind.INVALID_OUTPUT),
        (reply({"content": "hello"}, None), {}, Kind.CUT),
        (reply({"content": "hello"}, 5), {}, Kind.CUT),
        (reply({"content": "hello"}, "error"), {}, Kind.CUT),
        (reply({"content": "hello"}, "abort"), {}, Kind.CUT),
        (reply({"content": ""}, "tool_calls"), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (tool_reply(arguments='{"half'), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (tool_reply(arguments="[1]"), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (tool_reply(arguments={"a": 1}), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (tool_reply("look_up_v2"), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (tool_reply("look_up_v2", finish="length"), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (tool_reply(), {}, Kind.INVALID_OUTPUT),
        (called(id=None), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (called(function={"arguments": "{}"}), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (called(type=["function"]), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (reply({"tool_calls": {"a": 1}}, "tool_calls"), {"tools": [TOOL]}, Kind.MALFORMED),
        (reply({"tool_calls": [7]}, "tool_calls"), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (reply({"tool_calls": [{"function": None}]}, "tool_calls"), {"tools": [TOOL]}, Kind.INVALID_OUTPUT),
        (reply({"function_call": {"name": "f", "arguments": '{"half'}}, "function_call"), {}, Kind.INVALID_OUTPUT),
        (reply({"function_call": {"name": "f", "arguments": "5"}}, "stop"), {}, Kind.INVALID_OUTPUT),
        (reply({"function_call": "f"}, "function_call"), {}, Kind.MALFORMED),
        (reply({"content": "Sure! Here it is"}), {"response_format": SCHEMA}, Kind.INVALID_OUTPUT),
        (b'{"error": {"message": "m", "type": "overloaded_error"}}', {}, Kind.OVERLOADED),
        (b'{"object": "error", "message": "m", "code": 429}', {}, Kind.RATE_LIMITED),
        (b'{"error": {"message": "m", "code": "insufficient_quota"}}', {}, Kind.NO_CREDIT),
    ],
)
def test_what_only_looks_like_an_answer(body: bytes, members: dict[str, Any], kind: Kind) -> None:
    assert verdict(body, **members).kind is kind


def said(words: str = "a", finish: str = "stop", **members: Any) -> dict[str, Any]:
    return {"message": {"content": words}, "finish_reason": finish, **members}


def test_an_error_in_a_choice_is_an_error() -> None:
    failed: dict[str, Any] = {"error": {"message": "m", "type": "overloaded_error"}}
    assert verdict(choices(said(**failed))).kind is Kind.OVERLOADED
    assert verdict(choices({"index": 0, **failed})).kind is Kind.OVERLOADED
    assert verdict(choices({"text": "a", "finish_reason": "stop", **failed}), "completions").kind is Kind.OVERLOADED


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([said(index=0), said(index=1)], Kind.OK),
        ([said(index=1), said(index=0)], Kind.OK),
        ([said(), said()], Kind.OK),
        ([said(index=0), said("", index=1)], Kind.INVALID_OUTPUT),
        ([said(index=0), said(finish="error", index=1)], Kind.CUT),
        ([said(index=0)], Kind.INVALID_OUTPUT),
        ([said(index=0), said(index=1), said(index=2)], Kind.INVALID_OUTPUT),
        ([said(index=0), said(index=0)], Kind.INVALID_OUTPUT),
        ([said(index=1), said(index=2)], Kind.INVALID_OUTPUT),
        ([said(index=-1), said(index=0)], Kind.INVALID_OUTPUT),
        ([said(index="0"), said(index="1")], Kind.INVALID_OUTPUT),
    ],
)
def test_each_choice_that_was_asked_for_is_there_and_good(given: list[dict[str, Any]], kind: Kind) -> None:
    assert verdict(choices(*given), n=2).kind is kind


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ([{"message": {"content": None, "refusal": "I cannot"}, "finish_reason": "stop"}], True),
        ([said("", "content_filter")], True),
        ([said(" ", "content_filter")], True),
        ([said("hel", "content_filter")], False),
        ([said("", "length")], False),
        ([said()], False),
        ([{"message": {"content": "no", "refusal": "I cannot"}, "finish_reason": "stop"}], False),
        ([said("", "content_filter", index=0), said("", "content_filter", index=1)], True),
        ([said("", "content_filter", index=0), said(index=1)], False),
    ],
)
def test_a_good_reply_may_be_a_refusal(given: list[dict[str, Any]], refused: bool) -> None:
    judgement = judge(request(stream=False, n=len(given)), choices(*given))
    assert judgement.outcome is OK
    assert judgement.refused is refused


def test_a_legacy_completion_may_be_a_refusal() -> None:
    asked = request("completions", stream=False)
    assert judge(asked, choices({"text": "", "finish_reason": "content_filter"})).refused
    assert not judge(asked, choices({"text": "a", "finish_reason": "content_filter"})).refused


def test_what_is_no_answer_is_no_refusal() -> None:
    judgement = judge(request(stream=False), choices({"message": {"refusal": "I cannot"}}))
    assert (judgement.outcome.kind, judgement.refused) == (Kind.CUT, False)


def test_usage_and_model_are_read() -> None:
    judgement = judge(request(stream=False), reply({"content": "hello"}))
    assert judgement.usage == Usage(3, 5)
    assert judgement.model == "m-1"


@pytest.mark.parametrize("usage", [None, [], "5", {}, {"prompt_tokens": "3", "completion_tokens": -5}])
def test_usage_that_makes_no_sense_counts_nothing(usage: Any) -> None:
    assert read_usage(usage) == Usage(0, 0)


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ({"text": "hello", "finish_reason": "stop"}, Kind.OK),
        ({"text": "", "finish_reason": "length"}, Kind.OK),
        ({"text": "", "finish_reason": "stop"}, Kind.INVALID_OUTPUT),
        ({"text": " \n", "finish_reason": "stop"}, Kind.INVALID_OUTPUT),
        ({"text": "hello", "finish_reason": "error"}, Kind.CUT),
        ({"finish_reason": "stop"}, Kind.MALFORMED),
        ({"text": "hello"}, Kind.CUT),
    ],
)
def test_legacy_completions(choice: dict[str, Any], kind: Kind) -> None:
    assert verdict(orjson.dumps({"choices": [choice]}), "completions").kind is kind


@pytest.mark.parametrize(
    ("prompt", "n", "given", "kind"),
    [
        (["a", "b"], 1, 2, Kind.OK),
        (["a", "b"], 2, 4, Kind.OK),
        ([1, 2, 3], 1, 1, Kind.OK),
        (["a", "b"], 1, 1, Kind.INVALID_OUTPUT),
        (["a", "b"], 2, 2, Kind.INVALID_OUTPUT),
        ("a", 1, 2, Kind.INVALID_OUTPUT),
    ],
)
def test_a_legacy_completion_has_choices_for_each_prompt(prompt: Any, n: int, given: int, kind: Kind) -> None:
    body = choices(*({"text": "a", "index": index, "finish_reason": "stop"} for index in range(given)))
    assert verdict(body, "completions", prompt=prompt, n=n).kind is kind


VECTORS: list[tuple[bytes, Kind]] = [
    (b"[0.1, 0.2]", Kind.OK),
    (b"[ -1.5e-3,\n2E+5 ]", Kind.OK),
    (b'"AAAAPw=="', Kind.OK),
    (b'"AA\\/APw=="', Kind.OK),
    (b'"AA\\u002bAPw=="', Kind.OK),
    (b"[]", Kind.INVALID_OUTPUT),
    (b"[ ]", Kind.INVALID_OUTPUT),
    (b'""', Kind.INVALID_OUTPUT),
    (b"null", Kind.INVALID_OUTPUT),
    (b"5", Kind.INVALID_OUTPUT),
    (b"{}", Kind.INVALID_OUTPUT),
    (b"[0.1, null]", Kind.INVALID_OUTPUT),
    (b"[0.1, true]", Kind.INVALID_OUTPUT),
    (b'["0.1"]', Kind.INVALID_OUTPUT),
    (b"[[0.1]]", Kind.INVALID_OUTPUT),
    (b'"not base64"', Kind.INVALID_OUTPUT),
    (b'"AAA"', Kind.INVALID_OUTPUT),
]


@pytest.mark.parametrize(("vector", "kind"), VECTORS)
def test_vectors(vector: bytes, kind: Kind) -> None:
    assert verdict(b'{"data": [{"embedding": %b}]}' % vector, "embeddings").kind is kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [2]}', Kind.OK),
        (b'{"embedding": [1]}, {"embedding": [2]}', Kind.OK),
        (b'{"index": null, "embedding": [1]}, {"embedding": [2]}', Kind.OK),
        (b'{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}', Kind.INVALID_OUTPUT),
        (b'{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [2]}', Kind.INVALID_OUTPUT),
        (b'{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [2, 3]}', Kind.INVALID_OUTPUT),
        (b'{"embedding": "AAAAPw=="}, {"embedding": "AAAAPwAAAD8="}', Kind.INVALID_OUTPUT),
        (b'{"index": "0", "embedding": [1]}, {"index": "1", "embedding": [2]}', Kind.MALFORMED),
    ],
)
def test_vectors_of_two_inputs(data: bytes, kind: Kind) -> None:
    assert verdict(b'{"data": [%b]}' % data, "embeddings", input=["a", "b"]).kind is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"data": [{"embedding": [0.1, 0.2]}], "usage": {"prompt_tokens": 2}}', Kind.OK),
        (b'{"data": [{}]}', Kind.MALFORMED),
        (b'{"data": []}', Kind.INVALID_OUTPUT),
        (b'{"data": null}', Kind.MALFORMED),
        (b"{}", Kind.MALFORMED),
        (b'{"data": [{"embedding": [0.1', Kind.MALFORMED),
        (b"<html>", Kind.MALFORMED),
        (b'{"error": {"message": "m", "type": "rate_limit_error"}}', Kind.RATE_LIMITED),
    ],
)
def test_embeddings(body: bytes, kind: Kind) -> None:
    assert verdict(body, "embeddings").kind is kind


def test_usage_of_embeddings() -> None:
    body = b'{"model": "e-1", "data": [{"embedding": [1]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}'
    judgement = judge(request("embeddings", stream=False), body)
    assert (judgement.usage, judgement.model) == (Usage(2, 0), "e-1")


@pytest.mark.parametrize(
    ("given", "vectors", "kind"),
    [
        ('"one"', 1, Kind.OK),
        ('["one", "two"]', 2, Kind.OK),
        ("[1, 2, 3]", 1, Kind.OK),
        ("[[1, 2], [3]]", 2, Kind.OK),
        ("[]", 0, Kind.OK),
        ("[]", 1, Kind.INVALID_OUTPUT),
        ('["one", "two"]', 1, Kind.INVALID_OUTPUT),
        ('"one"', 2, Kind.INVALID_OUTPUT),
    ],
)
def test_there_is_a_vector_for_each_input(given: str, vectors: int, kind: Kind) -> None:
    request = parse("embeddings", b'{"model":"m","input":%s}' % given.encode())
    assert isinstance(request, Request)
    data = ",".join('{"embedding":[1.0]}' for _ in range(vectors))
    assert judge(request, b'{"data":[%s],"model":"m"}' % data.encode()).outcome.kind is kind


def test_parts_are_judged_as_the_words_they_hold() -> None:
    def parts(text: str) -> bytes:
        message = {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": text}]}
        return choices({"index": 0, "message": message, "finish_reason": "stop"})

    schema = {"type": "json_object"}
    assert judge(request(stream=False), parts("words")).outcome is OK
    assert judge(request(stream=False), parts(" ")).outcome.kind is Kind.INVALID_OUTPUT
    assert judge(request(stream=False, response_format=schema), parts("no json")).outcome.kind is Kind.INVALID_OUTPUT
    assert judge(request(stream=False, response_format=schema), parts("{}")).outcome is OK


def test_a_vector_nested_without_end() -> None:
    asked = parse("embeddings", b'{"model":"m","input":"a"}')
    assert isinstance(asked, Request)
    answer = b'{"data":[{"embedding":%b}]}' % (b"[" * 5000 + b"]" * 5000)
    assert judge(asked, answer).outcome.kind in (Kind.MALFORMED, Kind.INVALID_OUTPUT)
