"""What the vendor refuses, and in which words: None, or the error to answer with."""

from collections.abc import Callable
from typing import Any

from gateway.emulator.call import Body, Call
from gateway.emulator.settings import VendorSettings
from gateway.emulator.wire import ApiError

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_NAMES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "decimal",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
_NUMBER = (int, float)
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "prompt": (str, list),
    "input": (str, list),
    "stream": (bool,),
    "stream_options": (dict,),
    "n": (int,),
    "max_tokens": (int,),
    "max_completion_tokens": (int,),
    "dimensions": (int,),
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "stop": (str, list),
    "tools": (list,),
    "tool_choice": (str, dict),
    "response_format": (dict,),
    "parallel_tool_calls": (bool,),
    "encoding_format": (str,),
    "user": (str,),
}
_RANGES = {
    "n": (1, 128),
    "max_tokens": (1, 1 << 31),
    "max_completion_tokens": (1, 1 << 31),
    "dimensions": (1, 8192),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
_REQUIRED = {"chat": "messages", "completions": "prompt", "embeddings": "input"}


def refusal_of_key(authorization: str, settings: VendorSettings) -> ApiError | None:
    if not settings.api_keys or authorization.removeprefix("Bearer ") in settings.api_keys:
        return None
    return ApiError(401, "Incorrect API key provided.", code="invalid_api_key")


def refusal_of_body(call: Call, settings: VendorSettings) -> ApiError | None:
    """Checks what does not depend on the prompt's words."""
    body = call.body
    if body is None:
        return ApiError(400, "We could not parse the JSON body of your request: it must be a JSON object.")
    return (
        _missing(body, ("model", _REQUIRED[call.endpoint]))
        or _wrong_fields(body)
        or _unknown_model(call.model, settings)
        or (_wrong_chat(body) if call.endpoint == "chat" else None)
    )


def unknown_model(model: str) -> ApiError:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found")


def too_long(tokens: int, context: int) -> ApiError:
    message = f"This model's maximum context length is {context} tokens. However, your messages resulted in {tokens}."
    return ApiError(400, f"{message} Please reduce their length.", param="messages", code="context_length_exceeded")


def _missing(body: Body, names: tuple[str, ...]) -> ApiError | None:
    for name in names:
        if body.get(name) is None:
            message = f"Missing required parameter: '{name}'."
            return ApiError(400, message, param=name, code="missing_required_parameter")
        if body[name] == []:
            message = f"Invalid '{name}': empty array. Expected an array with minimum length 1."
            return ApiError(400, message, param=name, code="empty_array")
    return None


def _wrong_fields(body: Body) -> ApiError | None:
    for name, value in body.items():
        allowed = _TYPES.get(name)
        if allowed is None or value is None:
            continue
        if type(value) not in allowed:
            return _wrong_type(name, value, allowed)
        if name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
            message = f"Invalid '{name}': {value} is not between {_RANGES[name][0]} and {_RANGES[name][1]}."
            return ApiError(400, message, param=name, code="invalid_value")
    return None


def _wrong_type(name: str, value: object, allowed: tuple[type, ...]) -> ApiError:
    wanted = " or ".join([_NAMES[kind] for kind in allowed])
    message = f"Invalid type for '{name}': expected {wanted}, but got {_NAMES[type(value)]} instead."
    return ApiError(400, message, param=name, code="invalid_type")


def _unknown_model(model: str, settings: VendorSettings) -> ApiError | None:
    return unknown_model(model) if settings.models and model not in settings.models else None


def _wrong_chat(body: Body) -> ApiError | None:
    if body.get("stream_options") is not None and body.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        return ApiError(400, message, param="stream_options")
    return (
        _first(_wrong_message, body["messages"])
        or (_first(_wrong_tool, body["tools"]) if body.get("tools") else None)
        or _wrong_object(body, "response_format", "json_schema")
        or _wrong_object(body, "tool_choice", "function")
    )


def _wrong_object(body: Body, name: str, inner: str) -> ApiError | None:
    outer = body.get(name)
    value = outer.get(inner) if isinstance(outer, dict) else None
    return None if value is None or isinstance(value, dict) else _wrong_type(f"{name}.{inner}", value, (dict,))


def _first(check: Callable[[int, Any], ApiError | None], values: list[Any]) -> ApiError | None:
    return next((error for error in map(check, range(len(values)), values) if error is not None), None)


def _wrong_message(index: int, message: Any) -> ApiError | None:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        return _wrong_type(where, message, (dict,))
    if message.get("role") not in _ROLES:
        text = f"Invalid value: '{message.get('role')}'. Supported values are: {', '.join(sorted(_ROLES))}."
        return ApiError(400, text, param=f"{where}.role", code="invalid_value")
    content = message.get("content")
    if type(content) not in (str, list, type(None)):
        return _wrong_type(f"{where}.content", content, (str, list))
    return None


def _wrong_tool(index: int, tool: Any) -> ApiError | None:
    where = f"tools[{index}]"
    if not isinstance(tool, dict):
        return _wrong_type(where, tool, (dict,))
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        message = f"Missing required parameter: '{where}.function.name'."
        return ApiError(400, message, param=f"{where}.function.name", code="missing_required_parameter")
    return None
