from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.server.rig import Rig, rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """One gateway for the tests of a file: to start a process takes longer than most of them."""
    async with rig(tmp_path_factory.mktemp("gateway")) as shared:
        yield shared


@pytest.fixture
def house(shared: Rig) -> Iterator[Rig]:
    """The shared gateway, its vendors without faults."""
    shared.calm()
    yield shared
    shared.calm()
