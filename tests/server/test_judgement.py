"""Answers that come whole over the wire and are none all the same: who gets another one, and whom it counts against."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import orjson
import pytest
import pytest_asyncio

from gateway.core.model import BreakerSettings
from gateway.emulator.fault import Fault
from gateway.emulator.server import EmulatedVendor, Pacing, VendorSettings
from tests.dialect.build import ROLE, chunk, text
from tests.running import running_gateway
from tests.server.rig import TOOL, VENDOR_KEY, Rig, answer, ask, deployment, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIERS = [["one"], ["two"]]
TRIPS_AFTER = 3
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
WORDS = 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    routes = {
        "chat": {"tiers": TIERS, "attempts": 2},
        "insisting": {"tiers": TIERS, "attempts": 2, "on_refusal": "fallback"},
        "solo": {"tiers": [["one"]]},
        "strict": {"tiers": TIERS},
    }
    config = {"routes": routes, "breaker": {"consecutive": TRIPS_AFTER, "minimum_calls": 1000}}
    async with rig(tmp_path_factory.mktemp("gateway"), config=config) as shared:
        yield shared


# -- refusals within a 200 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_within_a_good_reply_is_taken_elsewhere_where_the_route_says_so(
    house: Rig, stream: bool
) -> None:
    house.first.faults.add(Fault("content_filter"))
    reply = await house.post(ask(model="insisting", stream=stream))
    assert reply.status_code == 200
    assert reply.headers["x-gateway-deployment"] == "two"
    assert "content_filter" not in reply.text
    decision = await house.decision(reply.headers["x-request-id"])
    assert [(attempt.deployment, attempt.outcome) for attempt in decision.attempts] == [
        ("one", "refused"),
        ("two", "ok"),
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_elsewhere_it_is_an_answer(house: Rig, stream: bool) -> None:
    house.first.faults.add(Fault("content_filter"))
    reply = await house.post(ask(stream=stream))
    assert reply.headers["x-gateway-deployment"] == "one"
    assert '"finish_reason":"content_filter"' in reply.text
    assert not house.second.seen


@pytest.mark.parametrize("stream", [False, True])
async def test_where_all_refuse_the_app_is_told(house: Rig, stream: bool) -> None:
    for vendor in (house.first, house.second):
        vendor.faults.add(Fault("content_filter"))
    with pytest.raises(openai.BadRequestError) as caught:
        await house.sdk.chat.completions.create(**ask(model="insisting"), stream=stream)
    assert caught.value.code == "content_policy_violation"


# -- what a client can bring about counts against no vendor --------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        ("empty_content", False),
        ("empty_content", True),
        ("tool_calls_missing", False),
        ("tool_calls_missing", True),
        ("unknown_tool", False),
        ("unknown_tool", True),
        ("tool_arguments_invalid", False),
    ],
)
async def test_what_is_no_good_answer_falls_back_and_opens_no_breaker(house: Rig, fault: str, stream: bool) -> None:
    house.first.faults.add(Fault(fault))
    body = ask(stream=stream, tools=[TOOL]) if "tool" in fault else ask(stream=stream)
    for _ in range(TRIPS_AFTER + 1):
        reply = await house.post(body)
        assert (reply.status_code, reply.headers["x-gateway-deployment"]) == (200, "two")
    assert len(house.first.seen) == TRIPS_AFTER + 1, "it is asked again each time"
    assert await _breakers(house) == ["closed", "closed"]


@pytest.mark.parametrize("stream", [False, True])
async def test_where_all_answer_nothing_the_app_gets_an_error_and_the_next_one_is_served(
    house: Rig, stream: bool
) -> None:
    for vendor in (house.first, house.second):
        vendor.faults.add(Fault("empty_content", count=TRIPS_AFTER + 1))
    for _ in range(TRIPS_AFTER + 1):
        with pytest.raises(openai.InternalServerError) as caught:
            await house.sdk.chat.completions.create(**ask(), stream=stream)
        assert caught.value.code == "vendor_failed"
    assert await _breakers(house) == ["closed", "closed"]
    assert (await house.post(ask(stream=stream))).headers["x-gateway-deployment"] == "one"


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/chat/completions", ask(stop="w")),
        ("/chat/completions", ask(stop=["w"], stream=True)),
        ("/completions", {"model": "chat", "prompt": "[[words:3]]", "stop": "w"}),
        ("/completions", {"model": "chat", "prompt": ["[[words:3]]", "[[words:2]]"], "n": 2}),
        ("/completions", {"model": "chat", "prompt": ["[[words:3]]", "[[words:2]]"], "n": 2, "stream": True}),
        ("/embeddings", {"model": "chat", "input": [1, 2, 3]}),
    ],
)
async def test_a_request_that_makes_every_vendor_say_little_opens_no_breaker(
    house: Rig, path: str, members: dict[str, Any]
) -> None:
    for _ in range(TRIPS_AFTER + 1):
        reply = await house.post(members, path)
        assert (reply.status_code, reply.headers["x-gateway-deployment"]) == (200, "one")
        assert '"error"' not in reply.text
    assert await _breakers(house) == ["closed", "closed"]


async def _breakers(house: Rig) -> list[str]:
    health = (await house.health())["deployments"]
    return [health[id_]["breaker"] for id_ in ("one", "two")]


# -- ends that are none --------------------------------------------------------------------------------------------


@asynccontextmanager
async def vendor_that_says(*parts: bytes, head: str, pause: asyncio.Event) -> AsyncIterator[str]:
    """A server that answers each request with these parts, then closes. From the second on it waits for `pause`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(_LENGTH.findall(asked)[0]))
        writer.write(f"HTTP/1.1 {head}\r\nconnection: close\r\n\r\n".encode() + parts[0])
        for part in parts[1:]:
            await pause.wait()
            writer.write(part)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        pause.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def behind(directory: Path, base_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK of a gateway with that vendor before an emulated one."""
    async with AsyncExitStack() as stack:
        second = VendorSettings(name="second", pacing=Pacing(tokens_per_second=100))
        two = deployment(await stack.enter_async_context(EmulatedVendor(second)))
        timeouts = {"connect": "1s", "first_token": "500ms", "stall": "2s", "total": "5s"}
        config = {
            "vendors": {"first": {}, "second": {}},
            "deployments": {"one": {**two, "vendor": "first", "base_url": base_url, "timeouts": timeouts}, "two": two},
            "routes": {"chat": {"tiers": TIERS, "on_interrupt": "continue"}, "strict": {"tiers": TIERS}},
        }
        gateway = await stack.enter_async_context(running_gateway(directory, config, {"VENDOR_KEY": VENDOR_KEY}))
        sdk = openai.AsyncOpenAI(base_url=gateway.base_url, api_key="none", max_retries=0, timeout=20)
        yield await stack.enter_async_context(sdk)


@pytest.mark.parametrize("reason", ["error", "abort"])
async def test_a_stream_whose_finish_tells_of_a_failure_is_not_finished(tmp_path: Path, reason: str) -> None:
    said, seen = text("w0 w1 w2"), asyncio.Event()
    parts = (ROLE + said, chunk(finish=reason) + b"data: [DONE]\n\n")
    async with (
        vendor_that_says(*parts, head="200 OK\r\ncontent-type: text/event-stream", pause=seen) as base_url,
        behind(tmp_path, base_url) as sdk,
    ):
        assert await _read(sdk, seen, "chat") == (answer(WORDS), ["stop"])
        seen.clear()
        with pytest.raises(openai.APIError, match="interrupted"):
            await _read(sdk, seen, "strict")


async def _read(sdk: openai.AsyncOpenAI, seen: asyncio.Event, model: str) -> tuple[str, list[str]]:
    """The words and ends of a stream. `seen` is set when something of it has come."""
    words, ends = "", []
    async for part in await sdk.chat.completions.create(**ask(WORDS, model=model), stream=True):
        words += part.choices[0].delta.content or ""
        ends += [part.choices[0].finish_reason] if part.choices[0].finish_reason else []
        seen.set()
    return words, [str(end) for end in ends]


async def test_white_space_does_not_commit_a_stream(tmp_path: Path) -> None:
    """The vendor says nothing more, so the first token does not come in time."""
    said, never = ROLE + text(" ") + text("\n\n"), asyncio.Event()
    async with (
        vendor_that_says(said, b"", head="200 OK\r\ncontent-type: text/event-stream", pause=never) as base_url,
        behind(tmp_path, base_url) as sdk,
    ):
        raw = await sdk.chat.completions.with_raw_response.create(**ask(), stream=True)
        assert (raw.headers["x-gateway-deployment"], raw.headers["x-gateway-attempts"]) == ("two", "2")


@pytest.mark.parametrize(
    ("status", "served"),
    [("201 Created", "one"), ("203 Non-Authoritative Information", "one"), ("202 Accepted", "two")],
)
async def test_other_good_statuses(tmp_path: Path, status: str, served: str) -> None:
    message = {"role": "assistant", "content": "hello"}
    body = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    head = f"{status}\r\ncontent-type: application/json"
    async with vendor_that_says(body, head=head, pause=asyncio.Event()) as url, behind(tmp_path, url) as sdk:
        raw = await sdk.chat.completions.with_raw_response.create(**ask())
        assert raw.http_response.status_code == 200
        assert raw.headers["x-gateway-deployment"] == served


async def test_no_vectors_for_no_inputs_open_no_breaker(tmp_path: Path) -> None:
    head = "200 OK\r\ncontent-type: application/json"
    body = b'{"object": "list", "data": [], "model": "first-1"}'
    async with vendor_that_says(body, head=head, pause=asyncio.Event()) as url, behind(tmp_path, url) as sdk:
        for _ in range(BreakerSettings().consecutive + 1):
            raw = await sdk.embeddings.with_raw_response.create(model="chat", input=list[str]())
            assert raw.headers["x-gateway-deployment"] == "one"
            assert orjson.loads(raw.content)["data"] == []
