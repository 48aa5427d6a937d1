"""From the command line to running processes: settings, config, sockets, workers, emulated vendors."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import uvloop
from pydantic import ValidationError

from gateway.config.load import load
from gateway.config.reload import Live
from gateway.emulator.fleet import REALISTIC, fleet
from gateway.emulator.run import serve as serve_vendors
from gateway.emulator.settings import Pacing
from gateway.server.serve import listen, serve
from gateway.server.workers import Workers
from gateway.settings import Settings
from gateway.store.base import LedgerUrlError

CONTROL_PORT = 9100
EMULATOR_PATIENCE = 15.0


def start(options: Mapping[str, object], *, emulate: bool, worker: int | None, data_fd: int | None) -> int:
    """Serve until told to stop. Returns the exit code: 1 for a config that cannot be served, 2 for wrong settings."""
    try:
        settings = Settings.model_validate({**Settings().model_dump(), **options})
    except ValidationError as error:
        return _complain(2, *(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()))
    live, problems = Live.start(settings.config, os.environ)
    if worker is None or live is None:
        for problem in problems:
            _complain(1, str(problem))
    if live is None:
        return 1
    if not live.snapshot.keys and not settings.loopback:
        return _complain(
            2,
            f"refusing to listen on {settings.host} without keys: anyone who can reach it could spend your money.",
            "Add `keys:` to the config (secondsource keys new), or listen on 127.0.0.1.",
        )
    try:
        return _run(settings, live, emulate=emulate, worker=worker, data_fd=data_fd)
    except (OSError, LedgerUrlError) as error:
        return _complain(2, str(error))


def _run(settings: Settings, live: Live, *, emulate: bool, worker: int | None, data_fd: int | None) -> int:
    data = listen(settings.host, settings.port) if data_fd is None else socket.socket(fileno=data_fd)
    with emulator(settings.config) if emulate else contextlib.nullcontext():
        if settings.workers > 1 and worker is None:
            _announce(settings, data, live)
            return Workers(_worker_command(settings), settings.workers, data).run()
        admin_port = settings.admin_port and settings.admin_port + (worker or 0)
        admin = listen(settings.admin_host, admin_port)
        ready = (lambda: None) if worker is not None else lambda: _announce(settings, data, live, admin)
        lifeline = None if worker is None else sys.stdin.fileno()
        uvloop.run(serve(settings, live, data, admin, ready, lifeline))
    return 0


def _worker_command(settings: Settings) -> list[str]:
    options = ["--config", str(settings.config), "--host", settings.host, "--admin-port", str(settings.admin_port)]
    return [sys.executable, "-m", "gateway", "serve", *options]


def _announce(settings: Settings, data: socket.socket, live: Live, admin: socket.socket | None = None) -> None:
    base = f"http://{settings.host}:{data.getsockname()[1]}/v1"
    admin_port = admin.getsockname()[1] if admin else settings.admin_port
    model = next(iter(live.snapshot.routes), "chat")
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Say hello"}}]}}'
    sdk = f'OpenAI(base_url="{base}", api_key="any").chat.completions.create(model="{model}", messages=[...])'
    print(f"Second Source serves {base} (revision {live.revision}), admin on port {admin_port}", flush=True)
    print(f"  curl {base}/chat/completions -H 'content-type: application/json' -d '{body}'", flush=True)
    print(f"  {sdk}", flush=True)


# -- emulated vendors ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def emulator(config: Path) -> Iterator[None]:
    """Emulated vendors in a process of their own, as real vendors would be. Raises OSError if they do not start."""
    options = ["--config", str(config), "--control-port", str(CONTROL_PORT), "--lifeline"]
    command = [sys.executable, "-m", "gateway", "emulate", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
    try:
        _wait_for(f"http://127.0.0.1:{CONTROL_PORT}/vendors", process)
        yield
    finally:
        process.terminate()
        process.wait()


def run_emulator(config: Path, control_port: int, *, instant: bool, lifeline: bool) -> int:
    """Serve until told to stop; with a `lifeline`, until standard input ends, as it does with a parent's death."""
    snapshot, problems = load(config, os.environ)
    if snapshot is None:
        return _complain(1, *(str(problem) for problem in problems if problem.severity == "error"))
    vendors = fleet(snapshot.deployments.values(), Pacing() if instant else REALISTIC)
    if not vendors:
        return _complain(1, f"{config}: no deployment has a loopback base_url, so there is nothing to emulate")
    for vendor in vendors:
        print(f"emulated {vendor.name} on http://{vendor.host}:{vendor.port}/v1", flush=True)
    print(f"faults are switched on http://127.0.0.1:{control_port} (GET /vendors)", flush=True)

    async def run() -> None:
        stop = asyncio.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        if lifeline:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
        await serve_vendors(vendors, "127.0.0.1", control_port, stop=stop)

    try:
        uvloop.run(run())
    except OSError as error:
        return _complain(2, str(error))
    return 0


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + EMULATOR_PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx2.TransportError):
            httpx2.get(url, trust_env=False)
            return
        time.sleep(0.05)
    raise OSError(f"the emulated vendors did not start; is a port in use? ({url})")


def _complain(code: int, *lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return code
