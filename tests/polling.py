"""Waiting for what another task or process will do, with a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 10.0
STEP = 0.005


async def until(happened: Callable[[], object], patience: float = PATIENCE) -> None:
    """Raises AssertionError when it has not happened after `patience` seconds."""
    give_up = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < give_up, "it did not happen"
        await asyncio.sleep(STEP)


async def until_async(happened: Callable[[], Awaitable[object]], patience: float = PATIENCE) -> None:
    """As `until`, for what has to be awaited."""
    give_up = time.monotonic() + patience
    while not await happened():
        assert time.monotonic() < give_up, "it did not happen"
        await asyncio.sleep(STEP)
