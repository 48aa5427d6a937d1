import asyncio
import socket

import httpx2
import pytest

from gateway.emulator.run import serve
from gateway.emulator.server import VendorSettings

from .raw import ask, chat


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_vendors_and_control_in_one_process() -> None:
    stop, ready, port = asyncio.Event(), asyncio.Event(), _free_port()
    vendors = [VendorSettings(name="openai"), VendorSettings(name="azure", seed=1)]
    serving = asyncio.create_task(serve(vendors, "127.0.0.1", port, ready.set, stop=stop))
    await asyncio.wait_for(ready.wait(), 2)
    async with httpx2.AsyncClient() as client:
        states = (await client.get(f"http://127.0.0.1:{port}/vendors")).json()
    ports = [int(state["base_url"].split(":")[2].removesuffix("/v1")) for state in states]
    assert [state["name"] for state in states] == ["openai", "azure"]
    assert [(await ask(port, chat())).status for port in ports] == [200, 200]
    stop.set()
    await asyncio.wait_for(serving, 2)
    with pytest.raises(ConnectionRefusedError):
        await ask(ports[0], chat())


async def test_a_taken_control_port_stops_the_vendors_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            await serve([VendorSettings()], "127.0.0.1", taken.getsockname()[1], stop=asyncio.Event())
