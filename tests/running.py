"""A real gateway in a process of its own, for tests that talk to it as its users do."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_READY = re.compile(rb"serves (http://\S+) .* admin on port (\d+)")
PATIENCE = 20


@dataclass(frozen=True)
class RunningGateway:
    """`base_url` ends in /v1. `log` is the file that its standard error goes to."""

    base_url: str
    admin_url: str
    process: asyncio.subprocess.Process
    log: Path
    config: Path

    def requests_logged(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in lines if line.get("event") == "request"]

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


@asynccontextmanager
async def running_gateway(
    directory: Path, config: Mapping[str, Any], environ: Mapping[str, str] | None = None, *options: str
) -> AsyncIterator[RunningGateway]:
    """Serve `config` (JSON is YAML) until the block ends. The ledger lies in `directory`."""
    path, log = directory / "gateway.yaml", directory / "gateway.log"
    ledger = {"url": f"sqlite:///{directory}/ledger.db"}
    path.write_text(json.dumps({"version": 1, "ledger": ledger, **config}))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(path), "--port", "0", "--admin-port", "0"]
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, *options, stdout=asyncio.subprocess.PIPE, stderr=errors, env={**os.environ, **(environ or {})}
        )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    match = _READY.search(line)
    assert match, log.read_text()
    gateway = RunningGateway(match[1].decode(), f"http://127.0.0.1:{match[2].decode()}", process, log, path)
    try:
        yield gateway
    finally:
        assert await gateway.stop() == 0, log.read_text()
