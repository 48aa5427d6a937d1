"""The chat endpoint through the official SDK."""

import json
from typing import Any

import jsonschema
import openai
import pytest
from openai import AsyncOpenAI

from gateway.emulator.answers import answer
from gateway.emulator.server import EmulatedVendor, VendorSettings
from gateway.emulator.settings import Prefill

from .raw import TOOL

SECOND: dict[str, Any] = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
PARTIAL = "w0 w1 w2"
COUNTED = {"role": "user", "content": "[[words:6]]"}


async def _say(client: AsyncOpenAI, content: Any, **options: Any) -> Any:
    messages: Any = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return await client.chat.completions.create(model="m", messages=messages, **options)


async def _text(client: AsyncOpenAI, content: Any, **options: Any) -> str:
    text: str = (await _say(client, content, **options)).choices[0].message.content
    return text


async def test_a_plain_answer(client: AsyncOpenAI, vendor: EmulatedVendor) -> None:
    reply = await _say(client, "hello there")
    assert reply.choices[0].message.content == answer("hello there", vendor.settings.seed)
    assert (reply.model, reply.choices[0].finish_reason) == ("m", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (2, 40, 42)


async def test_a_stream_says_the_same_as_a_plain_answer(client: AsyncOpenAI) -> None:
    chunks = [chunk async for chunk in await _say(client, "hello", stream=True)]
    assert "".join([chunk.choices[0].delta.content or "" for chunk in chunks]) == await _text(client, "hello")
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


async def test_usage_comes_in_a_chunk_of_its_own_when_asked_for(client: AsyncOpenAI) -> None:
    stream = await _say(client, "[[words:5]]", stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 5
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])


async def test_several_choices(client: AsyncOpenAI) -> None:
    reply = await _say(client, "hello", n=3)
    stream = await _say(client, "hello", n=3, stream=True)
    streamed = ["", "", ""]
    async for chunk in stream:
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert streamed == [choice.message.content for choice in reply.choices]
    assert len(set(streamed)) == 3


@pytest.mark.parametrize("bound", ["max_tokens", "max_completion_tokens"])
async def test_a_token_bound_cuts(client: AsyncOpenAI, bound: str) -> None:
    reply = await _say(client, "[[words:9]]", **{bound: 4})
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("w0 w1 w2 w3", "length")
    assert reply.usage.completion_tokens == 4


@pytest.mark.parametrize("stop", ["w3", ["w7", "w3"]])
async def test_a_stop_sequence_cuts(client: AsyncOpenAI, stop: Any) -> None:
    reply = await _say(client, "[[words:9]]", stop=stop)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("w0 w1 w2 ", "stop")


async def test_parts_of_content_are_read(client: AsyncOpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    reply = await _say(client, [{"role": "user", "content": [{"type": "text", "text": "[[words:2]]"}, image]}])
    assert reply.choices[0].message.content == "w0 w1"
    assert reply.usage.prompt_tokens == 1 + 85


async def test_a_tool_is_called_with_arguments_that_fit(client: AsyncOpenAI) -> None:
    reply = await _say(client, "what about rain?", tools=[TOOL, SECOND])
    [call] = reply.choices[0].message.tool_calls
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == (None, "tool_calls")
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(call.function.arguments), TOOL["function"]["parameters"])


async def test_tool_calls_are_streamed_in_fragments(client: AsyncOpenAI) -> None:
    calls: dict[int, list[Any]] = {}
    async for chunk in await _say(client, "get_weather and get_time", tools=[TOOL, SECOND], stream=True):
        for call in chunk.choices[0].delta.tool_calls or ():
            calls.setdefault(call.index, []).append(call)
    assert [calls[index][0].function.name for index in (0, 1)] == ["get_weather", "get_time"]
    assert all(deltas[0].id and not any(delta.id for delta in deltas[1:]) for deltas in calls.values())
    assert len(calls[0]) > 2
    assert json.loads("".join([delta.function.arguments for delta in calls[0]])) == {"city": "text"}


async def test_a_tool_result_is_answered_in_words(client: AsyncOpenAI) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "rain?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "[[words:3]]"},
    ]
    assert await _text(client, messages, tools=[TOOL]) == "w0 w1 w2"


async def test_json_mode(client: AsyncOpenAI) -> None:
    text = await _text(client, "[[words:2]]", response_format={"type": "json_object"})
    assert json.loads(text) == {"answer": "w0 w1"}


async def test_structured_output(client: AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "string"}}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "plan", "schema": schema}}
    assert json.loads(await _text(client, "plan", response_format=wanted)) == {"steps": ["text"]}


@pytest.mark.parametrize("ask", [{"response_format": {"type": "json_schema"}}, {"tools": [TOOL]}])
async def test_a_schema_that_is_none_is_refused(client: AsyncOpenAI, ask: dict[str, Any]) -> None:
    broken = {"type": "object", "properties": 5}
    if "tools" in ask:
        ask = {"tools": [{"type": "function", "function": {"name": "f", "parameters": broken}}]}
    else:
        ask["response_format"]["json_schema"] = {"name": "x", "schema": broken}
    with pytest.raises(openai.BadRequestError, match="Invalid schema"):
        await _say(client, "hello", **ask)


async def _prefilled(prefill: Prefill, *more: dict[str, str]) -> str:
    async with (
        EmulatedVendor(VendorSettings(prefill=prefill, seed=3)) as vendor,
        AsyncOpenAI(base_url=vendor.base_url, api_key="k", max_retries=0) as client,
    ):
        return await _text(client, [COUNTED, {"role": "assistant", "content": PARTIAL}, *more])


async def test_a_partial_answer_is_continued_with_exactly_the_rest() -> None:
    assert PARTIAL + await _prefilled("continue") == answer("[[words:6]]")


async def test_a_partial_answer_is_ignored() -> None:
    assert await _prefilled("ignore") == answer("[[words:6]]")


async def test_a_partial_answer_is_refused() -> None:
    with pytest.raises(openai.BadRequestError, match="final message must be from the user"):
        await _prefilled("refuse")


@pytest.mark.parametrize("role", ["user", "system", "developer"])
@pytest.mark.parametrize("prefill", ["continue", "refuse", "ignore"])
async def test_an_instruction_to_continue_is_followed(prefill: Prefill, role: str) -> None:
    rest = await _prefilled(prefill, {"role": role, "content": "Please CONTINUE where you stopped."})
    assert PARTIAL + rest == answer("[[words:6]]")


async def test_a_foreign_partial_answer_is_answered_anew(client: AsyncOpenAI) -> None:
    assert await _text(client, [COUNTED, {"role": "assistant", "content": "x"}]) == answer("[[words:6]]")


async def test_content_policy(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await _say(client, "[[refuse]] this")
    assert caught.value.code == "content_policy_violation"
