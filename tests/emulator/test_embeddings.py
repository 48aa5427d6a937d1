"""Embeddings and models through the official SDK."""

import math

import openai
import pytest
from openai import AsyncOpenAI

from gateway.emulator.embeddings import vector
from gateway.emulator.server import EmulatedVendor, VendorSettings


async def test_unit_vectors_in_order(client: AsyncOpenAI) -> None:
    reply = await client.embeddings.create(model="e", input=["a", "b c", "a"])
    first, second, third = [row.embedding for row in reply.data]
    assert [row.index for row in reply.data] == [0, 1, 2]
    assert first == third != second
    assert all(math.isclose(math.hypot(*row.embedding), 1.0, rel_tol=1e-6) for row in reply.data)
    assert len(first) == 64
    assert reply.usage.prompt_tokens == 4


async def test_both_encodings_say_the_same(client: AsyncOpenAI) -> None:
    floats = await client.embeddings.create(model="e", input="a", encoding_format="float")
    packed = await client.embeddings.create(model="e", input="a", encoding_format="base64")
    unpacked = await client.embeddings.create(model="e", input="a")
    assert isinstance(packed.data[0].embedding, str)
    assert unpacked.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-7)


async def test_token_ids_and_dimensions(client: AsyncOpenAI) -> None:
    reply = await client.embeddings.create(model="e", input=[[1, 2], [3]], dimensions=8)
    assert [len(row.embedding) for row in reply.data] == [8, 8]
    assert reply.data[0].embedding == pytest.approx(vector("e", "1 2", 8), abs=1e-6)


async def test_any_model_is_known_unless_models_are_listed(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["openai-model"]
    assert (await client.models.retrieve("org/anything")).id == "org/anything"


async def test_listed_models_and_no_others() -> None:
    async with (
        EmulatedVendor(VendorSettings(models=("a", "b/c"))) as vendor,
        AsyncOpenAI(base_url=vendor.base_url, api_key="k", max_retries=0) as client,
    ):
        assert [model.id async for model in client.models.list()] == ["a", "b/c"]
        assert (await client.models.retrieve("b/c")).owned_by == "openai"
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("z")
        assert caught.value.code == "model_not_found"
