"""One decision for each request, also when the ledger is not there; and the commands that read it."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.emulator.fault import Fault
from tests.polling import until_async
from tests.server.rig import VENDOR_KEY, Rig, ask, rig


async def test_every_request_leaves_one_decision(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        await _each_kind_of_request(house)
        assert await house.gateway.stop() == 0
        decisions = {decision.request_id: decision for decision in await house.decisions()}
        assert len(await house.decisions()) == len(decisions) == 5
    assert {name: (found.outcome, found.status, found.served_by) for name, found in decisions.items()} == {
        "plain": ("ok", 200, "one"),
        "stream": ("ok", 200, "one"),
        "fallback": ("ok", 200, "two"),
        "vector": ("ok", 200, "one"),
        "failed": ("server_error", 502, ""),
    }
    fallback = decisions["fallback"]
    assert [attempt.outcome for attempt in fallback.attempts] == ["server_error", "ok"]
    assert fallback.fallback
    assert fallback.attempts[0].detail == "server_error"
    assert decisions["stream"].stream_ending == "finish"
    assert decisions["stream"].first_token is not None
    assert decisions["vector"].endpoint == "embeddings"
    await asyncio.to_thread(_read_with_the_commands, house.gateway.config)


async def _each_kind_of_request(house: Rig) -> None:
    await house.post(ask(), x_request_id="plain")
    await house.post(ask(stream=True), x_request_id="stream")
    await house.post({"model": "chat", "input": "a"}, "/embeddings", x_request_id="vector")
    house.first.faults.add(Fault("internal_error"))
    await house.post(ask(), x_request_id="fallback")
    await house.post(ask(model="solo"), x_request_id="failed")
    await house.post({"model": "gpt-9", "messages": []}, x_request_id="refused")


@pytest.fixture(autouse=True)
def vendor_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", VENDOR_KEY)


def _read_with_the_commands(config: Path) -> None:
    code, output = _run("list", "--json", config=config)
    assert code == 0
    assert len(json.loads(output)) == 5
    assert len(json.loads(_run("list", "--json", "--outcome", "server_error", config=config)[1])) == 1
    assert "fallback  support/chat  ok" in _run("list", config=config)[1]
    shown = json.loads(_run("show", "fallback", config=config)[1])
    assert shown["served_by"] == "two"
    assert _run("show", "nothing", config=config)[0] == 1
    totals = json.loads(_run("summary", "--json", config=config)[1])
    assert sum(total["requests"] for total in totals) == 5
    assert "support/chat  ok: 4 requests, 1 by fallback" in _run("summary", config=config)[1]


def _run(command: str, *arguments: str, config: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["ledger", command, *arguments, "--config", str(config)])
    return result.exit_code, result.output


async def test_a_ledger_that_is_down_fails_no_request_and_loses_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "ledger.db"
    blocked.mkdir()  # not a file that can be opened
    async with rig(tmp_path) as house:
        for number in range(20):
            assert (await house.post(ask(), x_request_id=f"r{number}")).status_code == 200

        async def degraded() -> bool:
            return (await house.metrics())["ledger_degraded"] == 1

        await until_async(degraded)
        health = await house.health()
        assert (health["status"], health["ledger"]["state"]) == ("degraded", "degraded")
        assert health["ledger"]["error"]
        assert (await house.http.get(f"{house.gateway.admin_url}/health/ready")).status_code == 200
        blocked.rmdir()

        async def healed() -> bool:
            return bool((await house.health())["ledger"]["written"] == 20)

        await until_async(healed)
        assert (await house.health())["status"] == "ok"
        assert len(await house.decisions()) == 20


def test_commands_without_a_ledger(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("version: 1")
    assert _run("list", config=config)[0] == 1
