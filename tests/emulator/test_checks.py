"""What is refused, and how the refusal reads."""

from typing import Any

import orjson
import pytest

from gateway.emulator.server import EmulatedVendor, VendorSettings

from .raw import Raw, ask, chat, http, send

CLOSE = "connection: close\r\n"
BAD_CHAT: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"model": None}, "model", "missing_required_parameter"),
    ({"model": 5}, "model", "invalid_type"),
    ({"messages": None}, "messages", "missing_required_parameter"),
    ({"messages": "hello"}, "messages", "invalid_type"),
    ({"messages": []}, "messages", "empty_array"),
    ({"messages": ["hello"]}, "messages[0]", "invalid_type"),
    ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
    ({"stream": "yes"}, "stream", "invalid_type"),
    ({"stream_options": {"include_usage": True}}, "stream_options", None),
    ({"n": 0}, "n", "invalid_value"),
    ({"n": True}, "n", "invalid_type"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"temperature": 2.5}, "temperature", "invalid_value"),
    ({"stop": 5}, "stop", "invalid_type"),
    ({"tools": [5]}, "tools[0]", "invalid_type"),
    ({"tools": [{"type": "function"}]}, "tools[0].function.name", "missing_required_parameter"),
    ({"tool_choice": {"function": "f"}}, "tool_choice.function", "invalid_type"),
    ({"response_format": {"type": "json_schema", "json_schema": 5}}, "response_format.json_schema", "invalid_type"),
]


def _refused(raw: Raw, status: int, param: str | None, code: str | None) -> None:
    assert raw.whole
    assert (raw.status, raw.error["param"], raw.error["code"]) == (status, param, code)
    assert raw.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(("fields", "param", "code"), BAD_CHAT, ids=str)
async def test_a_bad_chat_request(
    vendor: EmulatedVendor, fields: dict[str, Any], param: str | None, code: str | None
) -> None:
    _refused(await ask(vendor.port, chat() | fields), 400, param, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"hello"'])
async def test_a_body_that_is_no_json_object(vendor: EmulatedVendor, body: bytes) -> None:
    _refused(await send(vendor.port, http(body, extra=CLOSE)), 400, None, None)


@pytest.mark.parametrize(("path", "name"), [("/v1/completions", "prompt"), ("/v1/embeddings", "input")])
async def test_other_endpoints_check_as_well(vendor: EmulatedVendor, path: str, name: str) -> None:
    _refused(await ask(vendor.port, {"model": "m"}, path), 400, name, "missing_required_parameter")
    _refused(await ask(vendor.port, {"model": "m", name: 5}, path), 400, name, "invalid_type")


async def test_an_unknown_model() -> None:
    async with EmulatedVendor(VendorSettings(models=("a",))) as vendor:
        _refused(await ask(vendor.port, chat()), 404, None, "model_not_found")
        assert (await ask(vendor.port, chat(model="a"))).status == 200


async def test_a_wrong_key() -> None:
    async with EmulatedVendor(VendorSettings(api_keys=("good",))) as vendor:
        body = orjson.dumps(chat())
        replies = [
            await send(vendor.port, http(body, extra=f"{CLOSE}{header}"))
            for header in ("authorization: Bearer bad\r\n", "", "authorization: Bearer good\r\n")
        ]
        _refused(replies[0], 401, None, "invalid_api_key")
        assert [reply.status for reply in replies] == [401, 401, 200]


async def test_a_prompt_that_is_too_long() -> None:
    async with EmulatedVendor(VendorSettings(context=3)) as vendor:
        long = [{"role": "system", "content": "one two"}, {"role": "user", "content": "three four"}]
        _refused(await ask(vendor.port, chat(messages=long)), 400, "messages", "context_length_exceeded")
        assert (await ask(vendor.port, chat(messages=long[:1]))).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405)],
)
async def test_a_wrong_place_or_method(vendor: EmulatedVendor, method: str, path: str, status: int) -> None:
    _refused(
        await send(vendor.port, http(b"", path, method, CLOSE)),
        status,
        None,
        "method_not_supported" if status == 405 else None,
    )
