"""The official SDK, unmodified, against the gateway: everything but streams that break."""

import base64
from typing import Any

import openai
import orjson
import pytest
from pydantic import BaseModel

from gateway.emulator.fault import Fault
from tests.polling import until_async
from tests.server.rig import EU_KEY, KEY, NARROW_KEY, TOOL, VENDOR_KEY, Rig, answer, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_chat(house: Rig) -> None:
    completion = await house.sdk.chat.completions.create(**ask())
    assert completion.choices[0].message.content == answer()
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "first-1"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 8


async def test_chat_with_the_synchronous_client(house: Rig) -> None:
    import asyncio

    def call() -> str | None:
        with openai.OpenAI(base_url=house.gateway.base_url, api_key=KEY, max_retries=0) as sdk:
            return sdk.chat.completions.create(**ask()).choices[0].message.content

    assert await asyncio.to_thread(call) == answer()


async def test_streams(house: Rig) -> None:
    stream = await house.sdk.chat.completions.create(**ask(), stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == answer()
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


async def test_streams_by_the_helper(house: Rig) -> None:
    async with house.sdk.chat.completions.stream(**ask()) as stream:
        completion = await stream.get_final_completion()
    assert completion.choices[0].message.content == answer()


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(house: Rig, stream: bool) -> None:
    if stream:
        async with house.sdk.chat.completions.stream(**ask(), tools=[TOOL]) as events:
            completion: Any = await events.get_final_completion()
    else:
        completion = await house.sdk.chat.completions.create(**ask(), tools=[TOOL])
    assert completion.choices[0].finish_reason == "tool_calls"
    (call,) = completion.choices[0].message.tool_calls
    assert call.function.name == "look_up"
    assert "city" in orjson.loads(call.function.arguments)


class Place(BaseModel):
    city: str
    people: int


async def test_structured_output(house: Rig) -> None:
    completion = await house.sdk.chat.completions.parse(**ask(), response_format=Place)
    assert isinstance(completion.choices[0].message.parsed, Place)


async def test_legacy_completions(house: Rig) -> None:
    completion = await house.sdk.completions.create(model="chat", prompt="[[words:3]]")
    assert completion.choices[0].text == answer(3)
    stream = await house.sdk.completions.create(model="chat", prompt="[[words:3]]", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == answer(3)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_may_begin_with_a_stop_sequence(house: Rig, stream: bool) -> None:
    reply = await house.post(ask(stop="w", stream=stream))
    assert reply.status_code == 200
    assert reply.headers["x-gateway-attempts"] == "1"
    assert '"finish_reason":"stop"' in reply.text


async def test_embeddings_do_not_stream_whatever_is_asked(house: Rig) -> None:
    reply = await house.post({"model": "chat", "input": "a", "stream": True}, "/embeddings")
    assert reply.status_code == 200
    assert len(house.first.seen) == 1
    assert not house.second.seen


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings(house: Rig, encoding: Any) -> None:
    reply = await house.sdk.embeddings.create(model="chat", input=["a", "b"], encoding_format=encoding)
    assert [item.index for item in reply.data] == [0, 1]
    assert len(reply.data[0].embedding) > 10


async def test_models(house: Rig) -> None:
    assert [model.id async for model in house.sdk.models.list()] == ["chat", "strict", "solo"]
    assert (await house.sdk.models.retrieve("chat")).id == "chat"
    with pytest.raises(openai.NotFoundError):
        await house.sdk.models.retrieve("nope")
    narrow = house.sdk.with_options(api_key=NARROW_KEY)
    assert [model.id async for model in narrow.models.list()] == ["solo"]


async def test_headers_of_a_raw_response(house: Rig) -> None:
    raw = await house.sdk.chat.completions.with_raw_response.create(**ask())
    expected = {"deployment": "one", "vendor": "first", "attempts": "1", "fallback": "false"}
    assert {name: raw.headers[f"x-gateway-{name}"] for name in expected} == expected
    assert raw.headers["x-gateway-revision"] == (await house.health())["config"]["revision"]
    assert raw.request_id
    assert raw.parse().choices[0].message.content == answer()


@pytest.mark.parametrize("stream", [False, True])
async def test_headers_of_a_fallback(house: Rig, stream: bool) -> None:
    house.first.faults.add(Fault("internal_error"))
    raw = await house.sdk.chat.completions.with_raw_response.create(**ask(), stream=stream)
    expected = {"deployment": "two", "vendor": "second", "attempts": "2", "fallback": "true"}
    assert {name: raw.headers[f"x-gateway-{name}"] for name in expected} == expected


async def test_a_request_id_is_kept_if_it_is_fit(house: Rig) -> None:
    assert (await house.post(ask(), x_request_id="order-7")).headers["x-request-id"] == "order-7"
    assert (await house.post(ask(), x_request_id="x" * 129)).headers["x-request-id"] != "x" * 129
    refused = await house.post({"model": "nope", "messages": []}, x_request_id="order-8")
    assert refused.headers["x-request-id"] == "order-8"


async def test_what_reaches_the_vendor(house: Rig) -> None:
    await house.post(ask(seed=7), x_gateway_workflow="batch", cookie="a=b", openai_organization="org", openai_beta="x")
    (seen,) = house.first.seen
    assert orjson.loads(seen.body) == {**ask(seed=7), "model": "first-1"}
    assert seen.headers["authorization"] == f"Bearer {VENDOR_KEY}"
    assert seen.headers["openai-beta"] == "x"
    assert not {"cookie", "openai-organization", "x-gateway-workflow", "x-api-key"} & seen.headers.keys()
    assert KEY not in str(seen.headers)


async def test_a_body_of_20_mb_with_images(house: Rig) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"x" * (15 << 20)).decode()
    content = [{"type": "text", "text": "[[words:8]]"}, {"type": "image_url", "image_url": {"url": url}}]
    completion = await house.sdk.chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": content}],  # type: ignore[list-item]
    )
    assert completion.choices[0].message.content == answer()
    assert int(house.first.seen[0].headers["content-length"]) > 20 << 20


@pytest.mark.parametrize("stream", [False, True])
async def test_the_clients_own_mistake_is_told_in_the_vendors_words(house: Rig, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await house.sdk.chat.completions.create(**ask(temperature=7), stream=stream)
    assert caught.value.param == "temperature"
    assert "temperature" in caught.value.message
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert not house.second.seen, "it does not fall back"


async def test_a_refusal_is_passed_on(house: Rig) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await house.sdk.chat.completions.create(model="chat", messages=[{"role": "user", "content": "[[refuse]]"}])
    assert caught.value.code == "content_policy_violation"


ERRORS: list[tuple[str, type[openai.APIStatusError], str]] = [
    ("internal_error", openai.InternalServerError, "vendor_failed"),
    ("overloaded", openai.InternalServerError, "vendor_overloaded"),
    ("html_200", openai.InternalServerError, "vendor_failed"),
    ("provider_timeout", openai.InternalServerError, "vendor_timeout"),
]


@pytest.mark.parametrize(("fault", "error", "code"), ERRORS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_final_error_tells_what_was_tried_and_is_not_retried(
    house: Rig, fault: str, error: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    house.first.faults.add(Fault(fault))
    with pytest.raises(error) as caught:
        await house.sdk.with_options(max_retries=3).chat.completions.create(**ask(model="solo"), stream=stream)
    assert caught.value.code == code
    assert "one: " in caught.value.message
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(house.first.seen) == 1, "three retries of the SDK would be three more"


async def test_a_rate_limit_says_when_to_come_back(house: Rig) -> None:
    house.first.faults.add(Fault("rate_limit_requests", retry_after=0.05, count=1))
    with pytest.raises(openai.RateLimitError) as caught:
        await house.sdk.chat.completions.create(**ask(model="solo"))
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.response.headers["retry-after-ms"] == "50"

    async def cooled() -> bool:
        return (await house.health())["deployments"]["one"]["cooling_for"] == 0.0

    await until_async(cooled)


@pytest.mark.parametrize("key", [KEY, EU_KEY])
async def test_constraints_hold_on_fallbacks_too(house: Rig, key: str) -> None:
    house.second.faults.add(Fault("internal_error", count=3))
    sdk = house.sdk.with_options(api_key=key)
    if key == KEY:
        assert (await sdk.chat.completions.create(**ask())).model == "first-1"
        return
    with pytest.raises(openai.InternalServerError, match="jurisdiction US is not allowed"):
        await sdk.chat.completions.create(**ask())
    assert not house.first.seen


@pytest.mark.parametrize("value", ["0", "-5", "soon", "1.5", ""])
async def test_a_deadline_that_makes_no_sense(house: Rig, value: str) -> None:
    reply = await house.post(ask(), x_gateway_deadline_ms=value)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "x-gateway-deadline-ms"


async def test_a_deadline_is_kept(house: Rig) -> None:
    for vendor in (house.first, house.second):
        vendor.faults.add(Fault("blackhole"))
    reply = await house.post(ask(), x_gateway_deadline_ms="300")
    assert reply.status_code == 504
    assert reply.elapsed.total_seconds() < 1.0
    assert len(house.second.seen) == 1, "half of it was left for the second source"


async def test_paths_without_v1_and_with_a_slash(house: Rig) -> None:
    base = house.gateway.base_url.removesuffix("/v1")
    for path in ("/chat/completions", "/v1/chat/completions/"):
        assert (await house.post(ask(), f"{base}{path}")).status_code == 200


async def test_health_on_the_data_port(house: Rig) -> None:
    base = house.gateway.base_url.removesuffix("/v1")
    for path in ("/", "/health/live", "/health/ready", "/healthz", "/readyz"):
        assert (await house.http.get(base + path)).status_code == 200
        assert (await house.http.head(base + path)).content == b""
