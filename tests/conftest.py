"""What all tests share."""

import asyncio

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_implicit_event_loop() -> None:
    """A plugin leaves a loop behind that nobody closes; whichever test the collector then runs in would be blamed."""
    asyncio.set_event_loop(None)
