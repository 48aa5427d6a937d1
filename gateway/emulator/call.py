"""A request as the vendor reads it: which endpoint, which model, streamed or not."""

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.emulator.connection import Request

Endpoint = Literal["chat", "completions", "embeddings", "models", "unknown"]
Body = dict[str, Any]

_POSTED: dict[str, Endpoint] = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
}
ANSWERING: frozenset[Endpoint] = frozenset({"chat", "completions"})


@dataclass(frozen=True, slots=True)
class Call:
    """`body` is None when it is not a JSON object. `calls_tool`: the answer will be a tool call."""

    endpoint: Endpoint
    method: str
    path: str
    model: str
    stream: bool
    body: Body | None
    calls_tool: bool


def read(request: Request) -> Call:
    """Never fails: what is wrong with the request is for `checks.py` to say."""
    path = request.path.removeprefix("/v1")
    endpoint = _POSTED.get(path) or _listed(path)
    body = _object(request.body) if endpoint in _POSTED.values() else None
    if body is None:
        return Call(endpoint, request.method, path, "", False, None, False)
    model = body.get("model")
    stream = body.get("stream") is True and endpoint in ANSWERING
    named = model if isinstance(model, str) else ""
    return Call(endpoint, request.method, path, named, stream, body, endpoint == "chat" and calls_tool(body))


def calls_tool(body: Body) -> bool:
    """Tools are offered, not forbidden, and their result is not already there."""
    if not body.get("tools") or body.get("tool_choice") == "none":
        return False
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return isinstance(last, dict) and last.get("role") not in ("tool", "assistant")


def _listed(path: str) -> Endpoint:
    return "models" if path == "/models" or path.startswith("/models/") else "unknown"


def _object(data: bytes) -> Body | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
