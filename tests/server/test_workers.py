"""Two workers on one port, and what becomes of the service when one is killed."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.polling import until, until_async
from tests.server.rig import Rig, answer, ask, rig, scrape


def two_free_ports() -> int:
    """The first of two neighbours."""
    for port in range(20_000, 30_000, 2):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports side by side")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, "--workers", "2", "--admin-port", str(two_free_ports())) as house:
        yield house


async def ready(house: Rig, admin_url: str) -> bool:
    try:
        return (await house.http.get(f"{admin_url}/health/ready")).status_code == 200
    except httpx2.TransportError:
        return False


async def answers(house: Rig) -> bool:
    reply = await house.post(ask(), connection="close")  # so that the next one may get to another worker
    return reply.status_code == 200 and answer() in reply.text


async def test_workers(house: Rig) -> None:
    first = house.gateway.admin_url
    second = first.replace(str(httpx2.URL(first).port), str((httpx2.URL(first).port or 0) + 1))
    for admin in (first, second):
        await until_async(lambda admin=admin: ready(house, admin))  # type: ignore[misc]
    parent = psutil.Process(house.gateway.process.pid)
    before = {worker.pid for worker in parent.children()}
    assert len(before) == 2

    assert all(await asyncio.gather(*[answers(house) for _ in range(40)]))
    served = [await served_by(house, admin) for admin in (first, second)]
    assert sum(served) == 40

    await until_async(lambda: written(house, 40))

    victim = min(before)
    psutil.Process(victim).send_signal(signal.SIGKILL)
    await until(lambda: victim not in {worker.pid for worker in parent.children()})
    assert all([await answers(house) for _ in range(10)]), "the other one goes on"

    await until(lambda: len({worker.pid for worker in parent.children()}) == 2)
    for admin in (first, second):
        await until_async(lambda admin=admin: ready(house, admin))  # type: ignore[misc]
    assert all([await answers(house) for _ in range(10)])
    await until_async(lambda: written(house, 60))

    workers = [psutil.Process(worker.pid) for worker in parent.children()]
    assert await house.gateway.stop() == 0
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]


async def written(house: Rig, count: int) -> bool:
    return len(await house.decisions()) == count


async def served_by(house: Rig, admin_url: str) -> float:
    samples = await scrape(house.http, admin_url)
    return sum(value for name, value in samples.items() if name.startswith("requests_total"))


async def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:  # for its config
        port = two_free_ports() + 100
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(house.gateway.config), "--workers", "2"]
        process = await asyncio.create_subprocess_exec(
            *command, "--port", "0", "--admin-port", str(port), env={**os.environ, "VENDOR_KEY": "x"}
        )
        parent = psutil.Process(process.pid)
        for admin_port in (port, port + 1):
            await until_async(lambda url=f"http://127.0.0.1:{admin_port}": ready(house, url))  # type: ignore[misc]
        workers = parent.children()
        process.kill()
        await process.wait()
        await until(lambda: not any(worker.is_running() for worker in workers))
