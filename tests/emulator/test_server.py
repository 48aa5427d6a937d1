import asyncio
from collections.abc import Callable

import orjson
import pytest

from gateway.emulator.fault import Fault
from gateway.emulator.server import BODY_KEPT, JOURNAL_BOUND, EmulatedVendor, VendorSettings

from .raw import ask, chat, http, send


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not true():  # noqa: ASYNC110 - what is waited for is a number, not an event
            await asyncio.sleep(0)


async def test_the_journal(vendor: EmulatedVendor) -> None:
    body = chat(stream=True)
    await send(vendor.port, http(orjson.dumps(body), extra="connection: close\r\nX-Trace: 7\r\n"))
    vendor.faults.add(Fault("H1"))
    await ask(vendor.port, chat())
    good, bad = vendor.seen
    assert (good.path, good.model, good.stream) == ("/v1/chat/completions", "m", True)
    assert good.headers["x-trace"] == "7"
    assert orjson.loads(good.body) == body
    assert (good.finished, good.fault) == ("complete", None)
    assert (bad.finished, bad.fault) == ("fault", "internal_error")


async def test_the_journal_is_bounded(vendor: EmulatedVendor) -> None:
    large = chat(user="x" * (BODY_KEPT + 1))
    await ask(vendor.port, large)
    assert len(vendor.seen[0].body) == BODY_KEPT
    assert vendor.seen.maxlen == JOURNAL_BOUND


async def test_a_client_that_leaves_a_stream_is_noticed_at_once(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("stall", count=1))
    reader, writer = await asyncio.open_connection("127.0.0.1", vendor.port)
    writer.write(http(orjson.dumps(chat(stream=True))))
    await reader.readuntil(b"w2")
    assert vendor.open_streams == 1
    writer.close()
    await _until(lambda: vendor.open_streams == 0)
    assert vendor.seen[0].finished == "client_gone"


async def test_down_resets_what_is_open_and_refuses_what_comes(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("stall"))
    port = vendor.port
    stalled = asyncio.create_task(ask(port, chat(stream=True), quiet=5))
    await _until(lambda: vendor.open_streams == 1)
    await vendor.down()
    assert (await stalled).ended == "reset"
    assert (vendor.open_streams, vendor.is_up) == (0, False)
    with pytest.raises(ConnectionRefusedError):
        await ask(port, chat())


async def test_up_again_on_the_same_port(vendor: EmulatedVendor) -> None:
    url = vendor.base_url
    for _ in range(3):
        await vendor.down()
        await vendor.down()
        await vendor.up()
        await vendor.up()
    assert vendor.base_url == url
    assert (await ask(vendor.port, chat())).status == 200


async def test_a_port_of_a_vendor_that_is_down_is_nobody_elses(vendor: EmulatedVendor) -> None:
    await vendor.down()
    async with EmulatedVendor(VendorSettings(name="other")) as other:
        assert other.port != vendor.port


async def test_a_taken_port_is_an_error(vendor: EmulatedVendor) -> None:
    with pytest.raises(OSError, match="in use"):
        async with EmulatedVendor(VendorSettings(port=vendor.port)):
            pass


async def test_accept_then_close_spares_open_connections(vendor: EmulatedVendor) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", vendor.port)
    await _until(lambda: vendor.connections == 1)
    vendor.faults.add(Fault("accept_then_close", count=1))
    assert (await send(vendor.port, b"")).ended == "eof"
    writer.write(http(orjson.dumps(chat())))
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    assert (await ask(vendor.port, chat())).status == 200
    assert vendor.connections == 3


@pytest.mark.parametrize("seed", [1, 2])
async def test_one_seed_one_behaviour(seed: int) -> None:
    async def run() -> list[int]:
        async with EmulatedVendor(VendorSettings(seed=seed)) as vendor:
            vendor.faults.add(Fault("H1", share=0.5))
            return [(await ask(vendor.port, chat())).status for _ in range(20)]

    first = await run()
    assert first == await run()
    assert set(first) == {200, 500}
