from collections.abc import AsyncIterator

import httpx2
import pytest

from gateway.emulator.control import ControlServer
from gateway.emulator.kinds import KINDS
from gateway.emulator.server import EmulatedVendor, VendorSettings

from .raw import ask, chat


@pytest.fixture
async def control(vendor: EmulatedVendor) -> AsyncIterator[httpx2.AsyncClient]:
    async with ControlServer([vendor]) as server, httpx2.AsyncClient(base_url=server.url) as client:
        yield client


async def test_vendors_and_kinds(control: httpx2.AsyncClient, vendor: EmulatedVendor) -> None:
    [state] = (await control.get("/vendors")).json()
    assert (state["name"], state["base_url"], state["up"]) == ("openai", vendor.base_url, True)
    assert [kind["name"] for kind in (await control.get("/kinds")).json()] == [kind.name for kind in KINDS]
    assert (await control.get("/_emulator/vendors")).status_code == 200


async def test_a_fault_comes_and_goes(control: httpx2.AsyncClient, vendor: EmulatedVendor) -> None:
    added = await control.post("/vendors/openai/faults", json={"kind": "overloaded", "model": "m"})
    assert added.status_code == 201
    assert added.json() == {"id": "f1", "left": None, "kind": "overloaded", "model": "m"}
    assert (await ask(vendor.port, chat())).status == 503
    assert (await control.get("/vendors/openai/faults")).json() == [added.json()]
    assert (await control.delete("/vendors/openai/faults/f1")).json() == []
    assert (await control.delete("/vendors/openai/faults/f1")).status_code == 404
    assert (await ask(vendor.port, chat())).status == 200


async def test_all_faults_are_cleared(control: httpx2.AsyncClient, vendor: EmulatedVendor) -> None:
    for kind in ("T3", "S3"):
        await control.post("/vendors/openai/faults", json={"kind": kind})
    assert (await control.delete("/vendors/openai/faults")).json() == []
    assert vendor.faults.list() == ()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"kind":"overload"}', b'{"kind":"H1","share":2}', b'{"kind":"H1","x":1}']
)
async def test_a_bad_fault_is_refused_with_the_reason(
    control: httpx2.AsyncClient, vendor: EmulatedVendor, body: bytes
) -> None:
    reply = await control.post("/vendors/openai/faults", content=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_fault")
    assert vendor.faults.list() == ()


async def test_an_unknown_kind_is_answered_with_all_kinds(control: httpx2.AsyncClient) -> None:
    message = (await control.post("/vendors/openai/faults", json={"kind": "x"})).json()["error"]["message"]
    assert all(kind.name in message for kind in KINDS)


async def test_down_and_up(control: httpx2.AsyncClient, vendor: EmulatedVendor) -> None:
    assert (await control.post("/vendors/openai/down")).json()["up"] is False
    with pytest.raises(ConnectionRefusedError):
        await ask(vendor.port, chat())
    assert (await control.post("/vendors/openai/up")).json()["up"] is True
    assert (await ask(vendor.port, chat())).status == 200


async def test_seen_tells_neither_keys_nor_prompts(control: httpx2.AsyncClient, vendor: EmulatedVendor) -> None:
    await ask(vendor.port, chat())
    [line] = (await control.get("/vendors/openai/seen")).json()
    assert line.keys() == {"path", "model", "stream", "bytes", "at", "fault", "finished"}
    assert (line["model"], line["finished"]) == ("m", "complete")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/vendors/nobody/faults", 404), ("PUT", "/vendors/openai/faults", 405)],
)
async def test_a_wrong_place(control: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await control.request(method, path)).status_code == status


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="same name"):
        ControlServer([EmulatedVendor(VendorSettings()), EmulatedVendor(VendorSettings())])
