"""The legacy completions endpoint through the official SDK."""

from typing import Any

import pytest
from openai import AsyncOpenAI

from gateway.emulator.answers import answer
from gateway.emulator.completions import texts
from gateway.emulator.server import EmulatedVendor


async def _complete(client: AsyncOpenAI, prompt: Any, **options: Any) -> Any:
    return await client.completions.create(model="m", prompt=prompt, **options)


async def test_a_plain_completion(client: AsyncOpenAI, vendor: EmulatedVendor) -> None:
    reply = await _complete(client, "hello")
    assert reply.object == "text_completion"
    assert reply.choices[0].text == answer("hello", vendor.settings.seed)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (1, 40)


async def test_a_streamed_completion(client: AsyncOpenAI) -> None:
    chunks = [chunk async for chunk in await _complete(client, "[[words:5]]", stream=True)]
    assert "".join([chunk.choices[0].text for chunk in chunks]) == "w0 w1 w2 w3 w4"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 5 + ["stop"]


async def test_a_choice_for_each_prompt(client: AsyncOpenAI) -> None:
    reply = await _complete(client, ["[[words:1]]", "[[words:2]]"])
    assert [(choice.index, choice.text) for choice in reply.choices] == [(0, "w0"), (1, "w0 w1")]


async def test_echo_and_bound(client: AsyncOpenAI) -> None:
    reply = await _complete(client, "[[words:9]] ", echo=True, max_tokens=2)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == ("[[words:9]] w0 w1", "length")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a b", ["a b"]), (["a", "b"], ["a", "b"]), ([1, 2], ["1 2"]), ([[1, 2], [3]], ["1 2", "3"]), ([], [])],
)
def test_a_prompt_in_its_four_forms(value: Any, expected: list[str]) -> None:
    assert texts(value) == expected
