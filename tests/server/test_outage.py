"""A vendor is killed under load and comes back. The apps must not notice, the dead vendor must not be hammered."""

import asyncio
import itertools
import json
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai

from gateway.emulator.server import EmulatedVendor, Pacing, VendorSettings
from gateway.store.base import Query
from gateway.store.sql import SqlLedger
from tests.running import RunningGateway, running_gateway

STREAMS = 50
PLAIN_PER_SECOND = 100
WORDS = 30
PACE = Pacing(first_token_ms=50, tokens_per_second=60, jitter=0.2)
ANSWER = " ".join(f"w{index}" for index in range(WORDS))
OPEN = 1.0
MESSAGES: Any = [{"role": "user", "content": f"[[words:{WORDS}]]"}]


async def test_killed_under_load_and_back_again(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(EmulatedVendor(VendorSettings(name="second", pacing=PACE)))
        port = _free_port()
        deployments = {"first": _deployment("first", port), "second": _deployment("second", second.port)}
        config = {
            "vendors": {"first": {}, "second": {}},
            "deployments": deployments,
            "routes": {"chat": {"tiers": [["first"], ["second"]], "deadline": "20s", "on_interrupt": "continue"}},
            "breaker": {"open": f"{OPEN}s", "ramp": "1s"},
        }
        vendor = await _start_vendor(tmp_path, deployments["first"])
        gateway = await stack.enter_async_context(running_gateway(tmp_path, config))
        sdk = openai.AsyncOpenAI(base_url=gateway.base_url, api_key="none", max_retries=0, timeout=30)
        stack.push_async_callback(sdk.close)

        load = asyncio.create_task(_load(sdk, seconds=13.0))
        await asyncio.sleep(2.0)
        vendor.kill()  # SIGKILL
        await vendor.wait()
        await asyncio.sleep(3.0)
        vendor = await _start_vendor(tmp_path, deployments["first"])
        failures, answers = await load
        vendor.kill()
        await vendor.wait()

        assert failures == []
        assert answers > PLAIN_PER_SECOND * 5
    await _judge_ledger(gateway)


async def _judge_ledger(gateway: RunningGateway) -> None:
    ledger = SqlLedger(json.loads(gateway.config.read_text())["ledger"]["url"])
    await ledger.open()
    decisions = sorted(await ledger.query(Query(), limit=100_000), key=lambda decision: decision.at)
    await ledger.close()
    assert {decision.outcome for decision in decisions} == {"ok"}
    refused = sorted(
        decision.at + attempt.started + attempt.took
        for decision in decisions
        for attempt in decision.attempts
        if attempt.deployment == "first" and attempt.outcome == "unreachable"
    )
    # The breaker opens on the first handful of refusals; from then on one probe in each open period.
    opened = refused[0] + 0.3
    probes = [at for at in refused if at > opened]
    assert probes, "nothing probed the dead vendor"
    assert all(later - earlier >= OPEN * 0.95 for earlier, later in itertools.pairwise(probes))
    last = [decision for decision in decisions if decision.at > decisions[-1].at - 1.0]
    assert all(decision.served_by == "first" for decision in last), "traffic has not come back"


async def _load(sdk: openai.AsyncOpenAI, seconds: float) -> tuple[list[str], int]:
    """STREAMS streams at a time and PLAIN_PER_SECOND plain requests a second; what failed, and how many did not."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    failures: list[str] = []
    answers = 0

    async def checked(ask: Any) -> None:
        nonlocal answers
        try:
            text = await ask(sdk)
        except openai.APIError as error:
            failures.append(f"{ask.__name__}: {error}")
            return
        if text != ANSWER:
            failures.append(f"{ask.__name__}: {text!r}")
        answers += 1

    async def streaming() -> None:
        while loop.time() < until:
            await checked(_stream)

    async def steady() -> None:
        async with asyncio.TaskGroup() as group:
            while loop.time() < until:
                group.create_task(checked(_plain))
                await asyncio.sleep(1 / PLAIN_PER_SECOND)

    await asyncio.gather(steady(), *(streaming() for _ in range(STREAMS)))
    return failures, answers


async def _plain(sdk: openai.AsyncOpenAI) -> str:
    reply = await sdk.chat.completions.create(model="chat", messages=MESSAGES)
    return reply.choices[0].message.content or ""


async def _stream(sdk: openai.AsyncOpenAI) -> str:
    parts = []
    async for chunk in await sdk.chat.completions.create(model="chat", messages=MESSAGES, stream=True):
        parts += [choice.delta.content or "" for choice in chunk.choices]
    return "".join(parts)


async def _start_vendor(directory: Path, deployment: dict[str, Any]) -> asyncio.subprocess.Process:
    """In a process of its own, so that it can be killed as vendors die: without a word."""
    path = directory / "vendor.yaml"
    path.write_text(
        json.dumps(
            {
                "version": 1,
                "vendors": {"first": {}},
                "deployments": {"first": deployment},
                "routes": {"chat": {"tiers": [["first"]]}},
            }
        )
    )
    command = [sys.executable, "-m", "gateway", "emulate", "--config", str(path), "--control-port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    while b"faults are switched" not in (line := await asyncio.wait_for(process.stdout.readline(), 20)):
        assert line, "the vendor did not start"
    return process


def _deployment(name: str, port: int) -> dict[str, Any]:
    return {
        "vendor": name,
        "base_url": f"http://127.0.0.1:{port}/v1",
        "model": name,
        "timeouts": {"connect": "1s", "first_token": "3s", "stall": "3s", "total": "15s"},
        "price": {"input": 1, "output": 2},
        "capabilities": {"prefill": True},
    }


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
