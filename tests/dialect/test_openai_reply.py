from typing import Any

import orjson
import pytest

from gateway.core.outcome import OK, Kind, Outcome, Usage
from gateway.dialect.openai_reply import judge, read_usage
from gateway.dialect.openai_request import Endpoint, Request, parse
from tests.dialect.build import TOOL, request

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


def reply(message: Any = None, finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return orjson.dumps({"model": "m-1", "choices": [choice], "usage": USAGE, **more})


def tool_reply(name: str = "look_up", arguments: Any = "{}", finish: str = "tool_calls") -> bytes:
    return reply(
        {"content": None, "tool_calls": [{"id": "1", "function": {"name": name, "arguments": arguments}}]}, finish
    )


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
        (reply({"content": "", "reasoning_content": "thinking"}), {}),
        (tool_reply(), {"tools": [TOOL]}),
        (tool_reply(arguments=""), {"tools": [TOOL]}),
        (tool_reply(arguments=None), {"tools": [TOOL]}),
        (tool_reply(finish="stop"), {"tools": [TOOL]}),
        (tool_reply(arguments='{"half', finish="length"), {"tools": [TOOL]}),
        (reply({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"), {}),
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
        (reply({"content": ""}), {}, Kind.MALFORMED),
        (reply({"content": None}), {}, Kind.MALFORMED),
        (reply({"content": ""}), {"stop": []}, Kind.MALFORMED),
        (reply({}), {}, Kind.MALFORMED),
        (reply({"content": "hello"}, None), {}, Kind.CUT),
        (reply({"content": "hello"}, 5), {}, Kind.CUT),
        (reply({"content": ""}, "tool_calls"), {"tools": [TOOL]}, Kind.MALFORMED),
        (tool_reply(arguments='{"half'), {"tools": [TOOL]}, Kind.MALFORMED),
        (tool_reply(arguments={"a": 1}), {"tools": [TOOL]}, Kind.MALFORMED),
        (tool_reply("look_up_v2"), {"tools": [TOOL]}, Kind.MALFORMED),
        (reply({"tool_calls": {"a": 1}}, "tool_calls"), {"tools": [TOOL]}, Kind.MALFORMED),
        (reply({"tool_calls": [7]}, "tool_calls"), {"tools": [TOOL]}, Kind.MALFORMED),
        (reply({"tool_calls": [{"function": None}]}, "tool_calls"), {"tools": [TOOL]}, Kind.MALFORMED),
        (reply({"content": "Sure! Here it is"}), {"response_format": SCHEMA}, Kind.INVALID_OUTPUT),
        (b'{"error": {"message": "m", "type": "overloaded_error"}}', {}, Kind.OVERLOADED),
        (b'{"object": "error", "message": "m", "code": 429}', {}, Kind.RATE_LIMITED),
        (b'{"error": {"message": "m", "code": "insufficient_quota"}}', {}, Kind.NO_CREDIT),
    ],
)
def test_what_only_looks_like_an_answer(body: bytes, members: dict[str, Any], kind: Kind) -> None:
    assert verdict(body, **members).kind is kind


def test_one_bad_choice_spoils_the_reply() -> None:
    good = {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}
    bad = {"index": 1, "message": {"content": ""}, "finish_reason": "stop"}
    assert verdict(orjson.dumps({"choices": [good, good]}), n=2) is OK
    assert verdict(orjson.dumps({"choices": [good, bad]}), n=2).kind is Kind.MALFORMED


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
        ({"text": "", "finish_reason": "stop"}, Kind.MALFORMED),
        ({"finish_reason": "stop"}, Kind.MALFORMED),
        ({"text": "hello"}, Kind.CUT),
    ],
)
def test_legacy_completions(choice: dict[str, Any], kind: Kind) -> None:
    assert verdict(orjson.dumps({"choices": [choice]}), "completions").kind is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"data": [{"embedding": [0.1, 0.2]}], "usage": {"prompt_tokens": 2}}', Kind.OK),
        (b'{"data": [{"embedding": "AAAAPw=="}]}', Kind.OK),
        (b'{"data": [{"embedding": []}]}', Kind.MALFORMED),
        (b'{"data": [{"embedding": ""}]}', Kind.MALFORMED),
        (b'{"data": [{"embedding": null}]}', Kind.MALFORMED),
        (b'{"data": [{}]}', Kind.MALFORMED),
        (b'{"data": []}', Kind.MALFORMED),
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
        ('["one", "two"]', 1, Kind.MALFORMED),
        ('"one"', 2, Kind.MALFORMED),
    ],
)
def test_there_is_a_vector_for_each_input(given: str, vectors: int, kind: Kind) -> None:
    request = parse("embeddings", b'{"model":"m","input":%s}' % given.encode())
    assert isinstance(request, Request)
    data = ",".join('{"embedding":[1.0]}' for _ in range(vectors))
    assert judge(request, b'{"data":[%s],"model":"m"}' % data.encode()).outcome.kind is kind
