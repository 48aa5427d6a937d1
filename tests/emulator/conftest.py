from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from gateway.emulator.server import EmulatedVendor, VendorSettings


@pytest.fixture
async def vendor() -> AsyncIterator[EmulatedVendor]:
    async with EmulatedVendor(VendorSettings(seed=7)) as vendor:
        yield vendor


@pytest.fixture
async def client(vendor: EmulatedVendor) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=vendor.base_url, api_key="k", max_retries=0) as client:
        yield client
