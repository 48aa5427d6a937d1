from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Need
from gateway.dialect.openai_request import DEFAULT_OUTPUT_TOKENS, Endpoint, Refused, Request, parse
from tests.dialect.build import REPEATABLE, TOOL, request

CHAT: Endpoint = "chat/completions"
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"hello", None),
        (b"null", None),
        (b"[]", None),
        (b'"text"', None),
        (b'{"model": "m", "messages": []', None),
        (b'{"model": "m", "messages": []} {}', None),
        (b'{"model": "m", "messages": ["\xff\xfe"]}', None),
        (b'{"model": "m", "messages": ["\\ud800"]}', None),
        (b'{"model": "m", "messages": ["a\x00b"]}', None),
        (b'{"model": "m", "messages": ' + b"[" * 5000 + b"]" * 5000 + b"}", None),
        (b'{"messages": []}', "model"),
        (b'{"model": "", "messages": []}', "model"),
        (b'{"model": null, "messages": []}', "model"),
        (b'{"model": 5, "messages": []}', "model"),
        (b'{"model": ["m"], "messages": []}', "model"),
        (b'{"model": "m"}', "messages"),
        (b'{"model": "m", "messages": "hi"}', "messages"),
        (b'{"model": "m", "messages": null}', "messages"),
        (b'{"model": "m", "messages": {}}', "messages"),
        (b'{"model": "m", "messages": [], "stream": "yes"}', "stream"),
        (b'{"model": "m", "messages": [], "stream": 1}', "stream"),
        (b'{"model": "m", "messages": [], "n": "two"}', "n"),
        (b'{"model": "m", "messages": [], "max_tokens": 1.5}', "max_tokens"),
        (b'{"model": "m", "messages": [], "max_completion_tokens": true}', "max_completion_tokens"),
        (b'{"model": "m", "messages": [], "max_tokens": ' + b"9" * 400 + b"}", "max_tokens"),
        (b'{"model": "m", "messages": [], "stream_options": []}', "stream_options"),
        (b'{"model": "m", "messages": [], "response_format": "json"}', "response_format"),
        (b'{"model": "m", "messages": [], "response_format": ["json_object"]}', "response_format"),
    ],
)
def test_bad_bodies(body: bytes, param: str | None) -> None:
    refused = parse(CHAT, body)
    assert isinstance(refused, Refused)
    assert refused.param == param
    assert refused.message


@pytest.mark.parametrize(("endpoint", "param"), [("completions", "prompt"), ("embeddings", "input")])
def test_each_endpoint_has_its_own_required_member(endpoint: Endpoint, param: str) -> None:
    refused = parse(endpoint, b'{"model": "m", "messages": []}')
    assert isinstance(refused, Refused)
    assert refused.param == param


@REPEATABLE
@given(data=st.binary(max_size=60))
def test_no_body_makes_it_fail(data: bytes) -> None:
    assert isinstance(parse(CHAT, data), Refused)


@REPEATABLE
@given(extra=st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_splicing_the_model_keeps_every_other_value(extra: dict[str, Any]) -> None:
    fixed = {"messages": [{"role": "user", "content": "é😀"}], "model": "chat", "stream": False}
    members = extra | fixed
    for known in ("n", "max_tokens", "max_completion_tokens", "response_format", "stream_options"):
        members.pop(known, None)
    body = orjson.dumps(members)
    parsed = parse(CHAT, body)
    assert isinstance(parsed, Request)
    if body.count(b'"model"') == 1:
        assert parsed.for_model("chat") is body
    assert orjson.loads(parsed.for_model("other")) == {**members, "model": "other"}


def test_splicing_keeps_the_bytes_of_every_value() -> None:
    values = [
        b'[ {"role" : "user",\t"content":"\\u00e9\\/"} ]',
        b"1.50",
        b"1e2",
        b"12345678901234567890123",
        b'"\\u0041"',
    ]
    body = b'{ "model":"chat" ,"messages" : %b, "temperature": %b, "top_p":%b ,"seed":%b,"user":%b }' % tuple(values)
    parsed = parse(CHAT, body)
    assert isinstance(parsed, Request)
    spliced = parsed.for_model("other")
    assert all(value in spliced for value in values)
    assert spliced.startswith(b'{"model":"other",')


def test_of_a_member_given_twice_the_last_counts() -> None:
    parsed = parse(CHAT, b'{"model": "cheap", "messages": [], "model": "dear"}')
    assert isinstance(parsed, Request)
    assert parsed.model == "dear"
    assert b"cheap" not in parsed.for_model("other")


@pytest.mark.parametrize(
    ("members", "need"),
    [
        ({"stream": False}, Need.NONE),
        ({}, Need.STREAM),
        ({"stream": None}, Need.NONE),
        ({"stream": False, "tools": [TOOL]}, Need.TOOLS),
        ({"stream": False, "tools": []}, Need.NONE),
        ({"stream": False, "functions": [{"name": "f"}]}, Need.TOOLS),
        ({"stream": False, "response_format": {"type": "json_schema", "json_schema": {}}}, Need.JSON_SCHEMA),
        ({"stream": False, "response_format": {"type": "json_object"}}, Need.JSON_SCHEMA),
        ({"stream": False, "response_format": {"type": "text"}}, Need.NONE),
        ({"stream": False, "response_format": None}, Need.NONE),
        ({"stream": False, "messages": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, Need.VISION),
        ({"stream": False, "messages": [{"content": 'say "image_url"'}]}, Need.NONE),
    ],
)
def test_what_a_request_needs(members: dict[str, Any], need: Need) -> None:
    assert request(**members).need == need


@pytest.mark.parametrize(
    ("members", "resumable"),
    [
        ({}, True),
        ({"n": 1}, True),
        ({"n": 2}, False),
        ({"tools": [TOOL]}, False),
        ({"tools": []}, True),
        ({"response_format": {"type": "json_object"}}, False),
        ({"logprobs": True}, False),
        ({"logprobs": False}, True),
        ({"audio": {"voice": "x"}}, False),
    ],
)
def test_what_can_be_continued(members: dict[str, Any], resumable: bool) -> None:
    assert request(**members).resumable is resumable


def test_other_endpoints_cannot_be_continued() -> None:
    assert not request("completions").resumable
    assert not request("embeddings").resumable


@pytest.mark.parametrize(
    ("members", "output"),
    [
        ({}, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": 10}, 10),
        ({"max_tokens": 10, "max_completion_tokens": 20}, 20),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"max_tokens": None}, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": -1_000_000}, DEFAULT_OUTPUT_TOKENS),
        ({"n": -5}, DEFAULT_OUTPUT_TOKENS),
    ],
)
def test_the_estimate_of_tokens_is_never_a_refund(members: dict[str, Any], output: int) -> None:
    asked = request(**members)
    assert asked.tokens == asked.input_tokens + output


def test_asking_for_usage() -> None:
    assert request(stream_options={"include_usage": True}).wants_usage
    assert not request(stream_options={"include_usage": False}).wants_usage
    assert not request(stream_options=None).wants_usage


def test_of_two_models_only_the_one_that_was_routed_goes_out() -> None:
    parsed = parse(CHAT, b'{"model":"first","messages":[],"model":"chat"}')
    assert isinstance(parsed, Request)
    assert orjson.loads(parsed.for_model("chat"))["model"] == "chat"
    assert parsed.for_model("chat").count(b"first") == 0
