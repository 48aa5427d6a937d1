"""Many at once: all are answered, or told at once to come back."""

import asyncio
import contextlib
import socket
from pathlib import Path

import openai
import orjson

from gateway.emulator.fault import Fault
from gateway.emulator.server import Pacing, VendorSettings
from tests.polling import until, until_async
from tests.server.rig import Rig, answer, ask, rig

STREAMS = 200
BOUND = 8
STALL = 2.0  # the longest silence allowed to the vendors of the rig


async def test_200_streams_at_once(tmp_path: Path) -> None:
    paced = VendorSettings(name="first", pacing=Pacing(first_token_ms=300, tokens_per_second=40))
    async with rig(tmp_path, first=paced) as house:
        answers = await asyncio.gather(*[_stream(house) for _ in range(STREAMS)])
        assert answers == [answer()] * STREAMS
        assert not house.second.seen

        async def idle() -> bool:
            health = await house.health()
            return not health["in_flight"] and not health["deployments"]["one"]["in_flight"]

        await until_async(idle)


async def _stream(house: Rig) -> str:
    stream = await house.sdk.chat.completions.create(**ask(), stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def test_beyond_its_bound_the_gateway_sheds(tmp_path: Path) -> None:
    async with rig(tmp_path, environ={"SECONDSOURCE_MAX_CONCURRENCY": str(BOUND)}) as house:
        house.first.faults.add(Fault("stall"))
        body = orjson.dumps(ask(model="solo", stream=True))
        held = [asyncio.create_task(house.http.post("/chat/completions", content=body)) for _ in range(BOUND)]
        await until(lambda: house.first.open_streams == BOUND)

        shed = await house.post(ask())
        assert shed.status_code == 503
        assert shed.json()["error"]["code"] == "gateway_overloaded"
        assert shed.headers["retry-after"] == "1"
        assert "x-should-retry" not in shed.headers, "another gateway, or a moment later, may help"
        assert (await house.metrics())["shed_total"] == 1
        assert (await house.http.get(f"{house.gateway.admin_url}/health/live")).status_code == 200

        house.first.faults.clear()
        waiting = asyncio.create_task(_patient(house))
        for task in held:
            task.cancel()
        assert await waiting == answer()


async def _patient(house: Rig) -> str | None:
    sdk: openai.AsyncOpenAI = house.sdk.with_options(max_retries=3)
    return (await sdk.chat.completions.create(**ask())).choices[0].message.content


async def test_when_all_are_open(tmp_path: Path) -> None:
    """One route gives up at once, the other asks the least bad."""
    tiers = [["one"], ["two"]]
    routes = {
        "chat": {"tiers": tiers, "when_all_open": "try_least_bad"},
        "strict": {"tiers": tiers, "when_all_open": "fail"},
        "solo": {"tiers": [["one"]]},
    }
    breaker = {"consecutive": 2, "minimum_calls": 100, "open": "60s"}
    async with rig(tmp_path, config={"routes": routes, "breaker": breaker}) as house:
        for vendor in (house.first, house.second):
            vendor.faults.add(Fault("internal_error"))
        for _ in range(4):
            await house.post(ask(model="strict"))
        phases = [found["breaker"] for found in (await house.health())["deployments"].values()]
        assert phases == ["open", "open"]
        house.calm()

        failed = await house.post(ask(model="strict"))
        assert failed.status_code == 503
        assert failed.json()["error"]["code"] == "no_deployment_available"
        assert "breaker open" in failed.json()["error"]["message"]
        assert int(failed.headers["retry-after"]) > 10
        assert not house.first.seen
        assert (await house.post(ask())).status_code == 200
        metrics = await house.metrics()
        assert metrics["breaker_state{subject=one}"] == 2
        assert metrics["breaker_transitions_total{subject=one,to=open}"] == 1


async def test_the_time_an_app_takes_to_read_is_not_the_vendors(tmp_path: Path) -> None:
    """Longer than the vendor's stall: its data waits in buffers, and its connection, for the app."""
    async with rig(tmp_path) as house:
        await _read_with_a_pause(house)


async def _read_with_a_pause(house: Rig) -> None:
    words = 30_000
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", house.port))
    sock.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    body = orjson.dumps(ask(words, stream=True))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {house.sdk.api_key}\r\n"
    head += f"x-request-id: slowly\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    begun = await reader.read(1000)
    await asyncio.sleep(STALL * 1.5)
    rest = await reader.read()
    writer.close()
    assert f'" w{words - 1}"'.encode() in rest
    assert b"data: [DONE]" in rest[-40:]
    decision = await house.decision("slowly")
    assert (decision.outcome, [attempt.outcome for attempt in decision.attempts]) == ("ok", ["ok"])
    assert begun


async def test_a_large_answer_that_nobody_reads_is_let_go(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", house.port))
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        body = orjson.dumps(ask(100_000, n=16))  # more than the buffers on the way can hold
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {house.sdk.api_key}\r\n"
        head += f"x-gateway-deadline-ms: 1500\r\nx-request-id: unread\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        health: dict[str, int] = {}

        async def idle() -> bool:
            health.update(await house.health())
            return not health["in_flight"]

        await until_async(idle)
        decision = await house.decision("unread")
        assert (decision.outcome, decision.status) == ("client_gone", 200)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := await reader.read(65536):
                got += part
        head_, _, rest = got.partition(b"\r\n\r\n")
        (length,) = [int(line[16:]) for line in head_.split(b"\r\n") if line.startswith(b"content-length: ")]
        assert len(rest) < length, "the connection was let go before the end"
        writer.close()
