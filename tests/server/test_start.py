"""The process: how it starts, what it refuses, how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.emulator.fault import Fault
from gateway.emulator.server import Pacing, VendorSettings
from gateway.settings import Settings
from tests.polling import until, until_async
from tests.server.rig import KEY, VENDOR_KEY, ask, rig, sha256

WORDS = 25
PACE = Pacing(tokens_per_second=50)
CONFIG: dict[str, Any] = {
    "version": 1,
    "vendors": {"acme": {}},
    "deployments": {
        "one": {"vendor": "acme", "base_url": "http://127.0.0.1:9/v1", "model": "m", "price": {"input": 1}}
    },
    "routes": {"chat": {"tiers": [["one"]]}},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(json.dumps({**CONFIG, "ledger": {"url": f"sqlite:///{tmp_path}/ledger.db"}}))
    return path


def serve(config: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--port", "0", "--admin-port", "0"]
    return subprocess.run(
        [*command, *options], env={**os.environ, **environ}, capture_output=True, text=True, timeout=20
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_it_serves_on_loopback_only(config: Path, host: str) -> None:
    done = serve(config, "--host", host)
    assert done.returncode == 2
    assert "refusing to listen" in done.stderr
    assert "secondsource keys new" in done.stderr


def test_an_invalid_config_is_a_finding(config: Path) -> None:
    config.write_text(config.read_text().replace("tiers", "teirs"))
    done = serve(config)
    assert done.returncode == 1
    assert "tiers" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "environ", "word"),
    [
        (["--workers", "0"], {}, "workers"),
        ([], {"SECONDSOURCE_HEARTBEAT": "soon"}, "heartbeat"),
        ([], {"SECONDSOURCE_MAX_BODY_MB": "0"}, "max_body_mb"),
        (["--host", "192.0.2.1"], {}, "192.0.2.1"),
        (["--config", "nowhere.yaml"], {}, "nowhere.yaml"),
    ],
)
def test_wrong_usage(config: Path, options: list[str], environ: dict[str, str], word: str) -> None:
    config.write_text(json.dumps(json.loads(config.read_text()) | _keyed()))
    done = serve(config, *options, **environ)
    assert done.returncode in (1, 2)
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def _keyed() -> dict[str, Any]:
    workflows = {"support": {"owner": "support@example.com"}}
    return {"workflows": workflows, "keys": [{"id": "k", "sha256": sha256(KEY), "workflow": "support"}]}


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("example", False),
    ],
)
def test_what_is_loopback(host: str, loopback: bool) -> None:
    assert Settings(host=host).loopback is loopback


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDSOURCE_PORT", "1234")
    assert Settings().port == 1234
    assert Settings(port=99).port == 99


async def test_on_sigterm_a_stream_in_flight_is_finished_and_nobody_new_is_let_in(tmp_path: Path) -> None:
    async with rig(tmp_path, first=VendorSettings(name="first", pacing=PACE)) as house:
        request = {"content": orjson.dumps(ask(WORDS, stream=True)), "headers": {"x-request-id": "last"}}
        async with house.http.stream("POST", "/chat/completions", **request) as reply:
            parts = reply.aiter_bytes()
            body = await anext(parts)
            house.gateway.process.send_signal(signal.SIGTERM)
            await _refused(house.gateway.base_url)
            ready = await house.http.get(f"{house.gateway.admin_url}/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (503, "draining")
            body += b"".join([part async for part in parts])
        assert f"w{WORDS - 1}" in body.decode()
        assert body.endswith(b"data: [DONE]\n\n")
        assert await asyncio.wait_for(house.gateway.process.wait(), 5) == 0
        decision = await house.ledger.get("last")
        assert decision is not None, "what was answered is written down before the end"
        assert decision.outcome == "ok"


async def _refused(base_url: str) -> None:
    async def refuses() -> bool:
        try:
            async with httpx2.AsyncClient(trust_env=False) as fresh:
                await fresh.get(f"{base_url}/models")
        except httpx2.TransportError:
            return True
        return False

    await until_async(refuses)


async def test_on_sigterm_a_stream_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    endless = VendorSettings(name="first", pacing=Pacing(tokens_per_second=1))
    async with rig(tmp_path, first=endless, environ={"SECONDSOURCE_DRAIN_TIMEOUT": "1"}) as house:
        async with house.http.stream("POST", "/chat/completions", content=orjson.dumps(ask(60, stream=True))) as reply:
            parts = reply.aiter_bytes()
            await anext(parts)
            house.gateway.process.send_signal(signal.SIGTERM)
            with pytest.raises(httpx2.TransportError):
                _ = [part async for part in parts]
        assert await asyncio.wait_for(house.gateway.process.wait(), 5) == 0
        await until(lambda: house.first.open_streams == 0)
        (decision,) = await house.decisions()
        assert (decision.outcome, decision.stream_ending) == ("abandoned", "aborted")


async def test_on_sigterm_a_plain_request_that_does_not_end_is_told_so(tmp_path: Path) -> None:
    async with rig(tmp_path, environ={"SECONDSOURCE_DRAIN_TIMEOUT": "1"}) as house:
        house.first.faults.add(Fault("blackhole"))
        task = asyncio.create_task(house.post(ask()))
        await until(lambda: house.first.seen)
        house.gateway.process.send_signal(signal.SIGTERM)
        reply = await task
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "draining")
        assert "x-should-retry" not in reply.headers
        assert await asyncio.wait_for(house.gateway.process.wait(), 5) == 0
        (decision,) = await house.decisions()
        assert decision.outcome == "abandoned"


# -- the other commands ----------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_check(config: Path) -> None:
    code, output = run("check", str(config))
    assert code == 0
    assert "revision" in output
    code, output = run("check", str(config), "--json")
    assert json.loads(output)["valid"] is True
    config.write_text("version: 2")
    assert run("check", str(config))[0] == 1
    code, output = run("check", str(config), "--json")
    assert (code, json.loads(output)["valid"]) == (1, False)


def test_schema() -> None:
    code, output = run("schema")
    assert code == 0
    assert json.loads(output)["type"] == "object"


def test_a_new_key_fits_the_config(config: Path) -> None:
    code, output = run("keys", "new", "prod", "--workflow", "support")
    assert code == 0
    key = output.split("it is not stored): ")[1].split()[0]
    assert sha256(key) in output
    assert len(key) > 40
    assert run("keys", "new", "prod", "--workflow", "support")[1] != output


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("keys", "new"), ("serve", "--port", "x")])
def test_wrong_arguments(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_help_imports_no_server() -> None:
    code = (
        "import sys, gateway.cli; sys.exit(any(name in sys.modules for name in ('fastapi', 'aiohttp', 'sqlalchemy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == 0


def test_no_secret_is_in_what_check_and_a_failing_start_say(config: Path) -> None:
    content = json.loads(config.read_text())
    content["deployments"]["one"] |= {"api_key": "${VENDOR_KEY}", "modle": "m"}
    config.write_text(json.dumps(content))
    done = serve(config, VENDOR_KEY=VENDOR_KEY)
    assert done.returncode == 1
    assert VENDOR_KEY not in done.stderr + done.stdout
