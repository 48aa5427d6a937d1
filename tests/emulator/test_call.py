from typing import Any

import orjson
import pytest

from gateway.emulator.call import Call, read
from gateway.emulator.connection import Request

TOOLS = [{"type": "function", "function": {"name": "f"}}]
USER = {"role": "user", "content": "x"}


def _read(path: str, body: Any = None) -> Call:
    return read(Request("POST", path, {}, orjson.dumps(body)))


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/chat/completions", "chat"),
        ("/completions", "completions"),
        ("/v1/embeddings", "embeddings"),
        ("/v1/models", "models"),
        ("/models/a/b", "models"),
        ("/v1/modelsx", "unknown"),
    ],
)
def test_the_endpoint(path: str, endpoint: str) -> None:
    assert _read(path).endpoint == endpoint


@pytest.mark.parametrize("body", [[], 5, {"model": 5, "stream": "yes", "tools": 5, "messages": 5}])
def test_reading_never_fails(body: Any) -> None:
    call = _read("/v1/chat/completions", body)
    assert (call.model, call.stream, call.calls_tool) == ("", False, False)


def test_embeddings_are_never_streamed() -> None:
    assert not _read("/v1/embeddings", {"stream": True}).stream


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"messages": [USER]}, True),
        ({"messages": [USER], "tool_choice": "required"}, True),
        ({"messages": [USER], "tool_choice": "none"}, False),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, False),
        ({"messages": [USER, {"role": "assistant", "content": "partial"}]}, False),
        ({"messages": [USER], "tools": []}, False),
    ],
)
def test_when_a_tool_will_be_called(fields: dict[str, Any], expected: bool) -> None:
    assert _read("/v1/chat/completions", {"model": "m", "tools": TOOLS, **fields}).calls_tool is expected
