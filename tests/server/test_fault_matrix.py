"""Each fault of the catalogue on the primary, with a healthy second source, seen through the official SDK.

An answer is whole and correct, or the SDK raises. There is no third end: nothing cut, doubled or empty ever looks good.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from gateway.emulator.fault import Fault
from gateway.emulator.kinds import KINDS, Kind
from gateway.emulator.server import EmulatedVendor, Pacing, VendorSettings
from tests.running import RunningGateway, running_gateway

WORDS = 12
PROMPT = f"[[words:{WORDS}]]"
ANSWER = " ".join(f"w{index}" for index in range(WORDS))
DEADLINE = 6.0
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
# Slow enough that a fault after the third token comes well after the app has got the first.
PACE = Pacing(tokens_per_second=20)
AT_ONCE = 40
TIMEOUTS = {"connect": "500ms", "first_token": "500ms", "stall": "500ms", "total": "2s"}

# What a vendor may do without being wrong: its answer passes as it is.
DELIVERED = {
    "garbled",
    "filter_bypassed",
    "model_substituted",
    "usage_inflated",
    "wrong_content_type",
    "content_filter",
}
# A single 400 is the client's own until two workflows have met a wave of them (core/rejections.py).
CLIENTS_OWN = {"provider_400", "unsupported_parameter"}
# Streams that break after the app has got some of the answer.
AFTER_FIRST_TOKEN = {
    "stall",
    "stall_then_resume",
    "cut_reset",
    "cut_eof",
    "ended_silently",
    "done_without_finish",
    "error_event",
    "typed_error_event",
    "broken_json",
    "invalid_utf8",
    "missing_data_prefix",
    "content_after_finish",
    "slow_drip",
}
# Tool calls cannot be continued by someone else: once begun they end whole or in an error.
TOOL_STREAM = {"duplicate_tool_index", "tool_arguments_cut", "tool_arguments_invalid"}


@dataclass(frozen=True)
class Cell:
    kind: Kind
    stream: bool
    on_interrupt: str

    @property
    def id(self) -> str:
        return f"{self.kind.name}-{'stream' if self.stream else 'plain'}-{self.on_interrupt}"

    @property
    def tools(self) -> bool:
        return self.kind.needs == "tool_call"

    @property
    def expected(self) -> str:
        name = self.kind.name
        if name in CLIENTS_OWN:
            return "error"
        if not self.stream:
            return "delivered" if name in DELIVERED else "whole"
        if name in TOOL_STREAM:
            return "error"
        if name in AFTER_FIRST_TOKEN and self.on_interrupt == "fail":
            return "error"
        return "delivered" if name in DELIVERED else "whole"


CELLS = [
    Cell(kind, stream, on_interrupt)
    for kind in KINDS
    for stream in (False, True)
    for on_interrupt in (("fail", "continue") if stream else ("fail",))
    if kind.mode == "both" or stream == (kind.mode == "stream")
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, float]]:
    """What the SDK got in each cell, and the seconds it took. All cells run at once."""
    return asyncio.run(_matrix(tmp_path_factory.mktemp("matrix")))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_fault(cell: Cell, ends: dict[str, tuple[Any, float]]) -> None:
    end, took = ends[cell.id]
    assert took < DEADLINE + 1
    if cell.expected == "whole":
        assert end == "whole"
    elif cell.expected == "error":
        assert isinstance(end, openai.APIError)
    else:
        assert isinstance(end, str)


async def _matrix(directory: Path) -> dict[str, tuple[Any, float]]:
    """Every cell has a vendor and a route of its own, so that none meets another's breaker."""
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(EmulatedVendor())
        first = await stack.enter_async_context(EmulatedVendor(VendorSettings(pacing=PACE)))
        deployments: dict[str, Any] = {"second": _deployment("second", second.base_url)}
        routes: dict[str, Any] = {}
        for cell in CELLS:
            vendor = first
            if cell.kind.name == "accept_then_close":  # hits connections, so it cannot share a server
                vendor = await stack.enter_async_context(EmulatedVendor())
                vendor.faults.add(Fault(kind=cell.kind.name))
            else:
                vendor.faults.add(Fault(kind=cell.kind.name, model=cell.id))
            deployments[cell.id] = _deployment(cell.id, vendor.base_url)
            routes[cell.id] = {
                "tiers": [[cell.id], ["second"]],
                "deadline": f"{DEADLINE}s",
                "on_interrupt": cell.on_interrupt,
            }
        config = {"vendors": {name: {} for name in deployments}, "deployments": deployments, "routes": routes}
        gateway = await stack.enter_async_context(running_gateway(directory, config))
        return await _run(gateway)


async def _run(gateway: RunningGateway) -> dict[str, Any]:
    client = openai.AsyncOpenAI(base_url=gateway.base_url, api_key="none", max_retries=0, timeout=DEADLINE * 3)
    turns = asyncio.Semaphore(AT_ONCE)
    try:
        ends = await asyncio.gather(*(_ask(client, cell, turns) for cell in CELLS))
    finally:
        await client.close()
    return {cell.id: end for cell, end in zip(CELLS, ends, strict=True)}


async def _ask(client: openai.AsyncOpenAI, cell: Cell, turns: asyncio.Semaphore) -> tuple[Any, float]:
    async with turns:
        began = time.monotonic()
        try:
            end = await (_stream(client, cell) if cell.stream else _plain(client, cell))
        except openai.APIError as error:
            end = error
        return end, time.monotonic() - began


async def _plain(client: openai.AsyncOpenAI, cell: Cell) -> str:
    reply = await client.chat.completions.create(
        model=cell.id,
        messages=[{"role": "user", "content": PROMPT}],
        tools=TOOLS if cell.tools else openai.omit,
    )
    choice = reply.choices[0]
    if cell.tools:
        assert choice.message.tool_calls
        return _judge_call(choice.message.tool_calls[0].function.arguments, choice.finish_reason)
    return _judge(choice.message.content or "", choice.finish_reason)


async def _stream(client: openai.AsyncOpenAI, cell: Cell) -> str:
    text, arguments, reason = "", "", None
    async for chunk in await client.chat.completions.create(
        model=cell.id,
        messages=[{"role": "user", "content": PROMPT}],
        tools=TOOLS if cell.tools else openai.omit,
        stream=True,
    ):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            arguments += "".join(
                (call.function and call.function.arguments) or "" for call in choice.delta.tool_calls or []
            )
            reason = choice.finish_reason or reason
    return _judge_call(arguments, reason) if cell.tools else _judge(text, reason)


def _judge(text: str, reason: str | None) -> str:
    return "whole" if (text, reason) == (ANSWER, "stop") else f"text {text!r}, finish_reason {reason!r}"


def _judge_call(arguments: str, reason: str | None) -> str:
    return "whole" if arguments.startswith("{") and arguments.endswith("}") and reason == "tool_calls" else arguments


def _deployment(name: str, base_url: str) -> dict[str, Any]:
    return {
        "vendor": name,
        "base_url": base_url,
        "model": name,
        "timeouts": TIMEOUTS,
        "capabilities": {"prefill": True},
        "price": {"input": 1, "output": 2},
    }
