"""Requests, chunks and streams for the dialect's tests."""

from typing import Any

import orjson
from hypothesis import settings

from gateway.dialect.openai_request import Endpoint, Request, parse

REPEATABLE = settings(derandomize=True, deadline=None, max_examples=60)
DONE = b"data: [DONE]\n\n"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}


def request(endpoint: Endpoint = "chat/completions", **members: Any) -> Request:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "prompt": "hi",
        "input": "hi",
    }
    parsed = parse(endpoint, orjson.dumps({**body, **members}))
    assert isinstance(parsed, Request), parsed
    return parsed


def event(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, *, index: int = 0, **more: Any) -> bytes:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return event({"id": "c1", "created": 7, "model": "m-1", "choices": [choice], **more})


def text(words: str) -> bytes:
    return chunk({"content": words})


def call(arguments: str, *, name: str | None = None, id_: str | None = None, index: int = 0) -> bytes:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return chunk({"tool_calls": [{"index": index, "function": function} | ({"id": id_} if id_ else {})]})


ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk(finish="stop")
