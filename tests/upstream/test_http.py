"""The transport against real sockets."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway import __version__
from gateway.core.model import Deployment, Timeouts
from gateway.core.outcome import Kind, Outcome
from gateway.emulator.fault import Fault
from gateway.emulator.server import EmulatedVendor, VendorSettings
from gateway.upstream.http import LARGE_BODY, HttpReply, HttpUpstream
from tests.polling import until

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "[[words:8]]"}]})
PATH = "chat/completions"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def deployment(base_url: str, **more: Any) -> Deployment:
    return Deployment("d", "v", "v", "m", "openai", base_url, (), **more)


@pytest.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream()
    yield upstream
    await upstream.close()


@pytest.fixture
async def vendor() -> AsyncIterator[EmulatedVendor]:
    async with EmulatedVendor(VendorSettings(api_keys=("sk-1",))) as vendor:
        yield vendor


@asynccontextmanager
async def answering(answer: bytes, *, seen: list[bytes] | None = None) -> AsyncIterator[str]:
    """A server that answers each request with these bytes and closes. Yields its base URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        await reader.readexactly(len(BODY))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


async def send(upstream: HttpUpstream, to: Deployment, body: bytes = BODY, **headers: str) -> HttpReply:
    reply = await upstream.send(to, PATH, body, headers)
    assert isinstance(reply, HttpReply), reply
    return reply


async def read(reply: HttpReply) -> bytes | Outcome:
    parts = []
    while data := await reply.next():
        if isinstance(data, Outcome):
            reply.close()
            return data
        parts.append(data)
    reply.close()
    return b"".join(parts)


async def test_a_connection_is_kept_when_the_body_was_read(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    for _ in range(5):
        reply = await send(upstream, deployment(vendor.base_url, api_key="sk-1"))
        assert reply.status == 200
        await read(reply)
    assert vendor.connections == 1


async def test_a_connection_is_not_kept_when_it_was_not(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("stall_in_body"))
    for _ in range(2):
        reply = await send(upstream, deployment(vendor.base_url, api_key="sk-1"))
        reply.close()
        reply.close()  # any number of times
    assert vendor.connections == 2


async def test_headers(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    reply = await send(upstream, deployment(vendor.base_url + "/", api_key="sk-1"), **{"openai-beta": "x"})
    await read(reply)
    sent = vendor.seen[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.body == BODY
    assert {name: sent.headers[name] for name in ("authorization", "content-type", "openai-beta", "user-agent")} == {
        "authorization": "Bearer sk-1",
        "content-type": "application/json",
        "openai-beta": "x",
        "user-agent": f"secondsource/{__version__}",
    }
    assert reply.headers["content-type"] == "application/json"


async def test_without_a_key_none_is_sent(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    reply = await send(upstream, deployment(vendor.base_url))
    assert reply.status == 401
    assert "authorization" not in vendor.seen[0].headers


async def test_a_changed_key_is_used_at_once(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    old = deployment(vendor.base_url, api_key="sk-old")
    assert (await send(upstream, old)).status == 401
    new = replace(old, api_key="sk-1")
    upstream.forget(frozenset({new.identity}))
    assert (await send(upstream, new)).status == 200


async def test_refused_connections(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    await vendor.down()
    outcome = await upstream.send(deployment(vendor.base_url), PATH, BODY, {})
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.UNREACHABLE


async def test_names_that_do_not_resolve(upstream: HttpUpstream) -> None:
    outcome = await upstream.send(deployment("http://nowhere.invalid/v1"), PATH, BODY, {})
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.UNREACHABLE


async def test_connections_that_take_too_long(upstream: HttpUpstream) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):  # a full queue drops the next handshake
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        outcome = await upstream.send(deployment(url, timeouts=Timeouts(connect=0.1)), PATH, BODY, {})
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.TIMEOUT


@pytest.mark.parametrize("fault", ["reset_before_headers", "close_before_headers", "accept_then_close"])
async def test_connections_that_break_before_the_head(
    upstream: HttpUpstream, vendor: EmulatedVendor, fault: str
) -> None:
    vendor.faults.add(Fault(fault))
    outcome = await upstream.send(deployment(vendor.base_url, api_key="sk-1"), PATH, BODY, {})
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.UNREACHABLE


@pytest.mark.parametrize("fault", ["short_body", "reset_in_body", "corrupt_gzip"])
async def test_bodies_that_break(upstream: HttpUpstream, vendor: EmulatedVendor, fault: str) -> None:
    vendor.faults.add(Fault(fault))
    outcome = await read(await send(upstream, deployment(vendor.base_url, api_key="sk-1")))
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.CUT
    assert outcome.status == 200


async def test_a_broken_connection_is_not_used_again(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("short_body", count=1))
    to = deployment(vendor.base_url, api_key="sk-1")
    assert isinstance(await read(await send(upstream, to)), Outcome)
    assert isinstance(await read(await send(upstream, to)), bytes)


async def test_garbage_in_place_of_http(upstream: HttpUpstream) -> None:
    async with answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as url:
        outcome = await upstream.send(deployment(url), PATH, BODY, {})
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.UNREACHABLE


async def test_chunked_replies(upstream: HttpUpstream) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with answering(head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") as url:
        assert await read(await send(upstream, deployment(url))) == b"abcde"


async def test_a_chunked_reply_without_its_end_is_cut(upstream: HttpUpstream) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n") as url:
        outcome = await read(await send(upstream, deployment(url)))
    assert isinstance(outcome, Outcome)
    assert outcome.kind is Kind.CUT


async def test_gzip_is_unpacked_also_when_it_was_not_asked_for(upstream: HttpUpstream) -> None:
    seen: list[bytes] = []
    packed = gzip.compress(b"x" * 10_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    async with answering(head + packed, seen=seen) as url:
        assert await read(await send(upstream, deployment(url))) == b"x" * 10_000
    assert b"accept-encoding: identity" in seen[0].lower()


async def test_redirects_are_not_followed(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    head = f"HTTP/1.1 307 X\r\nlocation: {vendor.base_url}/chat/completions\r\ncontent-length: 0\r\n\r\n".encode()
    async with answering(head) as url:
        reply = await send(upstream, deployment(url, api_key="sk-1"))
    assert reply.status == 307
    assert not vendor.seen


async def test_cookies_are_not_kept(upstream: HttpUpstream) -> None:
    seen: list[bytes] = []
    head = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nconnection: close\r\ncontent-length: 2\r\n"
    async with answering(head + b"\r\n{}", seen=seen) as url:
        for _ in range(2):
            await read(await send(upstream, deployment(url)))
    assert len(seen) == 2
    assert b"cookie:" not in seen[1].lower()


async def test_large_bodies_both_ways(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    image = "A" * (8 * LARGE_BODY)
    content = [{"type": "text", "text": "[[words:50000]]"}, {"type": "image_url", "image_url": {"url": image}}]
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})
    answer = await read(await send(upstream, deployment(vendor.base_url, api_key="sk-1"), body))
    assert isinstance(answer, bytes)
    assert orjson.loads(answer)["choices"][0]["message"]["content"].endswith("w49999")
    assert int(vendor.seen[0].headers["content-length"]) == len(body)


async def test_cancelling_lets_go_of_the_vendor(upstream: HttpUpstream, vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("blackhole"))
    task = asyncio.create_task(upstream.send(deployment(vendor.base_url, api_key="sk-1"), PATH, BODY, {}))
    await until(lambda: vendor.seen)
    task.cancel()
    await until(lambda: vendor.seen[0].finished == "client_gone")
