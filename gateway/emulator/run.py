"""Several emulated vendors and their control API in one process."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from gateway.emulator.control import ControlServer
from gateway.emulator.server import EmulatedVendor, VendorSettings


async def serve(
    vendors: Sequence[VendorSettings],
    control_host: str,
    control_port: int,
    ready: Callable[[], None] | None = None,
    *,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set; `ready` is called once all of them listen.

    Raises OSError when a port is taken, ValueError when two vendors have the same name.
    """
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(EmulatedVendor(settings)) for settings in vendors]
        await stack.enter_async_context(ControlServer(running, control_host, control_port))
        if ready is not None:
            ready()
        await stop.wait()
