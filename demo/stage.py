"""The set: emulated vendors and the gateway, each a process, on free ports."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.processes import free_ports, running, wait_for

CONFIG = Path(__file__).parent / "gateway.yaml"
BUILD = Path("build/demo")


class Stage(NamedTuple):
    """Addresses: of the gateway's API, its admin port, and the vendors' control."""

    api: str
    admin: str
    control: str


@contextmanager
def stage() -> Iterator[Stage]:
    """Raises DidNotStart."""
    port, admin, control, openai, anthropic, onprem = map(str, free_ports(6))
    ledger = (BUILD / "ledger.db").resolve()
    for old in ledger.parent.glob("ledger.db*"):
        old.unlink()
    vendors = {"DEMO_OPENAI": openai, "DEMO_ANTHROPIC": anthropic, "DEMO_ONPREM": onprem}
    environ = {**vendors, "DEMO_LEDGER": str(ledger), "SECONDSOURCE_DRAIN_TIMEOUT": "1"}
    gateway = [sys.executable, "-m", "gateway"]
    emulate = [*gateway, "emulate", "--config", str(CONFIG), "--control-port", control]
    serve = [*gateway, "serve", "--config", str(CONFIG), "--port", port, "--admin-port", admin]
    host = "http://127.0.0.1"
    with running(emulate, BUILD / "vendors.log", environ=environ) as emulator:
        wait_for(f"{host}:{control}/vendors", emulator)
        with running(serve, BUILD / "gateway.log", environ=environ) as server:
            wait_for(f"{host}:{port}/health/ready", server)
            yield Stage(f"{host}:{port}/v1", f"{host}:{admin}", f"{host}:{control}")
