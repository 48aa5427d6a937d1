"""Streams that break, are continued, are silent, or whose reader leaves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest
import pytest_asyncio

from gateway.dialect.openai_continue import INSTRUCTION
from gateway.dialect.sse import HEARTBEAT
from gateway.emulator.fault import Fault
from gateway.emulator.server import Pacing, VendorSettings
from tests.polling import until, until_async
from tests.server.rig import EU_KEY, TOOL, VENDOR_KEY, Rig, answer, ask, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEARTBEAT_EVERY = 0.1
WORDS = 12
PACE = Pacing(tokens_per_second=50)  # what comes with the first token in one piece is never committed to


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    environ = {"SECONDSOURCE_HEARTBEAT": str(HEARTBEAT_EVERY)}
    paced = VendorSettings(name="first", pacing=PACE)
    refusing = VendorSettings(name="second", prefill="refuse", pacing=PACE)
    directory = tmp_path_factory.mktemp("gateway")
    async with rig(directory, environ=environ, first=paced, second=refusing) as shared:
        yield shared


async def events(house: Rig, **members: Any) -> tuple[dict[str, str], bytes]:
    """Headers and body of a stream."""
    reply = await house.post(ask(WORDS, stream=True, **members))
    return dict(reply.headers), reply.content


def parsed(body: bytes) -> list[dict[str, Any]]:
    frames = [frame.removeprefix(b"data: ") for frame in body.split(b"\n\n") if frame.startswith(b"data: ")]
    return [orjson.loads(frame) for frame in frames if frame != b"[DONE]"]


def text(body: bytes) -> str:
    said = [event["choices"][0]["delta"].get("content") or "" for event in parsed(body) if event.get("choices")]
    return "".join(said)


async def test_a_whole_stream_passes_byte_for_byte(house: Rig) -> None:
    headers, body = await events(house, model="solo")
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert body.endswith(b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    assert text(body) == answer(WORDS)


async def test_nothing_is_sent_before_the_first_meaningful_event(house: Rig) -> None:
    house.first.faults.add(Fault("error_event_first"))
    headers, body = await events(house)
    assert headers["x-gateway-deployment"] == "two"
    assert text(body) == answer(WORDS)
    assert b"error" not in body


@pytest.mark.parametrize("fault", ["cut_reset", "ended_silently", "error_event", "broken_json", "content_after_finish"])
async def test_an_interrupted_stream_ends_in_an_error_event(house: Rig, fault: str) -> None:
    house.first.faults.add(Fault(fault, after_tokens=5))
    _, body = await events(house, model="strict")
    error = parsed(body)[-1]["error"]
    assert error["code"] == "stream_interrupted"
    assert error["type"] == "server_error"
    assert "one: " in error["message"]
    assert b"[DONE]" not in body
    assert b'"finish_reason":"stop"' not in body
    assert not house.second.seen


async def test_the_sdk_raises_on_the_error_event(house: Rig) -> None:
    house.first.faults.add(Fault("cut_reset"))
    stream = await house.sdk.chat.completions.create(**ask(WORDS, model="strict"), stream=True)
    with pytest.raises(openai.APIError, match="interrupted"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("fault", ["cut_reset", "ended_silently", "error_event", "broken_json", "content_after_finish"])
async def test_an_interrupted_stream_is_continued_without_a_seam(house: Rig, fault: str) -> None:
    house.first.faults.add(Fault(fault, after_tokens=5))
    headers, body = await events(house, stream_options={"include_usage": True})
    chunks = parsed(body)
    assert text(body) == answer(WORDS)
    assert body.endswith(b"data: [DONE]\n\n")
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert sum("role" in chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]) == 1
    (finish,) = [chunk for chunk in chunks if chunk["choices"] and chunk["choices"][0]["finish_reason"]]
    assert finish["gateway"] == {"continued": True, "deployments": ["one", "two"]}

    decision = await house.decision(headers["x-request-id"])
    assert [attempt.continuation for attempt in decision.attempts] == [False, *[True] * (len(decision.attempts) - 1)]
    assert (decision.outcome, decision.stream_ending, decision.served_by) == ("ok", "finish", "two")
    first, last = decision.attempts[0], decision.attempts[-1]
    assert first.usage_estimated
    assert first.output_tokens == 5
    assert chunks[-1]["usage"]["completion_tokens"] == 5 + last.output_tokens
    assert chunks[-1]["usage"]["total_tokens"] == decision.input_tokens + decision.output_tokens
    assert decision.usd == pytest.approx((decision.input_tokens + 2 * decision.output_tokens) / 1e6)
    assert min(first.usd, last.usd) > 0


async def test_a_vendor_that_refuses_a_prefill_is_asked_by_instruction(house: Rig) -> None:
    house.first.faults.add(Fault("cut_reset", after_tokens=5))
    _, body = await events(house)
    assert text(body) == answer(WORDS)
    last = orjson.loads(house.second.seen[-1].body)["messages"]
    assert last[-1] == {"role": "user", "content": INSTRUCTION}
    assert last[-2] == {"role": "assistant", "content": answer(5)}


async def test_constraints_hold_on_continuations(house: Rig) -> None:
    house.second.faults.add(Fault("cut_reset", after_tokens=5))
    house.http.headers["authorization"] = f"Bearer {EU_KEY}"
    try:
        _, body = await events(house)
    finally:
        house.http.headers["authorization"] = f"Bearer {house.sdk.api_key}"
    assert parsed(body)[-1]["error"]["code"] == "stream_interrupted"
    assert not house.first.seen


@pytest.mark.parametrize(
    "members",
    [{"tools": [TOOL]}, {"n": 2}, {"response_format": {"type": "json_object"}}, {"logprobs": True}],
    ids=["tools", "n", "format", "logprobs"],
)
async def test_what_cannot_be_continued_fails(house: Rig, members: dict[str, Any]) -> None:
    house.first.faults.add(Fault("ended_silently", after_tokens=1))
    _, body = await events(house, **members)
    assert parsed(body)[-1]["error"]["code"] == "stream_interrupted"
    assert not house.second.seen


async def test_heartbeats_come_in_a_silence_after_the_commit(house: Rig) -> None:
    house.first.faults.add(Fault("stall_then_resume", delay_s=HEARTBEAT_EVERY * 5))
    _, body = await events(house, model="solo")
    assert body.count(HEARTBEAT) >= 2
    assert text(body) == answer(WORDS)


async def test_no_heartbeat_comes_before_the_commit(house: Rig) -> None:
    house.first.faults.add(Fault("slow_first_token_after_role", delay_s=HEARTBEAT_EVERY * 4))
    _, body = await events(house, model="solo")
    assert HEARTBEAT not in body
    assert text(body) == answer(WORDS)


@pytest.mark.parametrize("after", [0, 5])
async def test_a_client_that_leaves_takes_the_vendor_along(house: Rig, after: int) -> None:
    house.first.faults.add(Fault("stall", after_tokens=after))
    request = {"content": orjson.dumps(ask(WORDS, stream=True)), "headers": {"x-request-id": f"left-{after}"}}
    if after:
        async with house.http.stream("POST", "/chat/completions", **request) as reply:
            await anext(reply.aiter_bytes())
            assert house.first.open_streams == 1
    else:
        task = asyncio.create_task(house.http.post("/chat/completions", **request))
        await until(lambda: house.first.open_streams == 1)
        task.cancel()
    await until(lambda: house.first.open_streams == 0, patience=1)
    assert house.first.seen[-1].finished == "client_gone"
    decision = await house.decision(f"left-{after}")
    assert decision.outcome == "client_gone"
    assert decision.stream_ending == ("aborted" if after else None)

    async def idle() -> bool:
        health = await house.health()
        return not health["in_flight"] and not health["deployments"]["one"]["in_flight"]

    await until_async(idle)
    assert len(house.second.seen) == 0, "nobody else is asked for one who has left"


async def test_a_client_that_leaves_a_plain_request(house: Rig) -> None:
    house.first.faults.add(Fault("blackhole"))
    task = asyncio.create_task(house.post(ask(), x_request_id="left-plain"))
    await until(lambda: house.first.seen)
    task.cancel()
    await until(lambda: house.first.seen[0].finished == "client_gone", patience=1)
    assert (await house.decision("left-plain")).outcome == "client_gone"


async def test_a_client_that_does_not_read_its_answer_holds_nothing_for_ever(house: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=1024)
    body = orjson.dumps(ask(100_000, stream=True))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {house.sdk.api_key}\r\n"
    head += f"x-gateway-deadline-ms: 500\r\nx-request-id: not-read\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    decision = await house.decision("not-read")
    assert decision.outcome != "ok"
    await until(lambda: house.first.open_streams == 0)
    writer.close()
    assert reader


async def test_a_key_that_the_vendor_quotes_is_told_to_nobody(house: Rig) -> None:
    message = f"Bad request with key {VENDOR_KEY}"
    house.first.faults.add(Fault("provider_400", message=message))
    reply = await house.post(ask(), x_request_id="quoted")
    assert reply.status_code == 400
    assert "with key ***" in reply.text
    assert VENDOR_KEY not in repr(await house.decision("quoted"))
