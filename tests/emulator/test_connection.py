"""HTTP/1.1 as such: framing, keep-alive, pipelining, bounds."""

import asyncio

import orjson
import pytest

from gateway.emulator.connection import BODY_BOUND
from gateway.emulator.server import EmulatedVendor

from .raw import QUIET, chat, http, send

BODY = orjson.dumps(chat())
GET = http(b"", "/v1/models", "GET")
GET_LAST = http(b"", "/v1/models", "GET", "connection: close\r\n")


async def test_a_connection_is_kept_for_the_next_request(vendor: EmulatedVendor) -> None:
    raw = await send(vendor.port, http(BODY) + http(BODY, extra="connection: close\r\n"))
    assert raw.data.count(b"HTTP/1.1 200 OK") == 2
    assert raw.ended == "eof"
    assert (vendor.connections, len(vendor.seen)) == (1, 2)


async def test_without_close_it_stays_open(vendor: EmulatedVendor) -> None:
    raw = await send(vendor.port, http(BODY), quiet=QUIET)
    assert (raw.whole, raw.ended) == (True, "open")


async def test_the_prefix_v1_is_optional(vendor: EmulatedVendor) -> None:
    assert (await send(vendor.port, http(BODY, "/chat/completions", extra="connection: close\r\n"))).status == 200


async def test_a_chunked_body_byte_by_byte(vendor: EmulatedVendor) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: v\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    data = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    reader, writer = await asyncio.open_connection("127.0.0.1", vendor.port)
    for index in range(len(data)):
        writer.write(data[index : index + 1])
        await writer.drain()
    reply = await reader.read()
    writer.close()
    assert reply.startswith(b"HTTP/1.1 200 OK")
    assert vendor.seen[0].body == BODY


async def test_expect_continue(vendor: EmulatedVendor) -> None:
    raw = await send(vendor.port, http(BODY, extra="expect: 100-continue\r\nconnection: close\r\n"))
    assert raw.data.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_head_has_no_body(vendor: EmulatedVendor) -> None:
    raw = await send(vendor.port, http(b"", "/v1/models", "HEAD") + GET_LAST)
    first, _, second = raw.data.partition(b"\r\n\r\n")
    assert int(first.rpartition(b"content-length: ")[2]) > 0
    assert second.startswith(b"HTTP/1.1 200 OK")


async def test_options_names_the_methods(vendor: EmulatedVendor) -> None:
    raw = await send(vendor.port, http(b"", "/v1/chat/completions", "OPTIONS", "connection: close\r\n"))
    assert (raw.status, raw.head["allow"]) == (200, "POST, OPTIONS")


async def test_what_is_not_http_is_refused(vendor: EmulatedVendor) -> None:
    assert (await send(vendor.port, b"\x16\x03\x01 hello\r\n\r\n", quiet=QUIET)).status == 400
    assert len(vendor.seen) == 0


async def test_a_body_beyond_the_bound_is_refused_before_it_is_read(vendor: EmulatedVendor) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: v\r\ncontent-length: {BODY_BOUND + 1}\r\n\r\n"
    assert (await send(vendor.port, head.encode(), quiet=QUIET)).status == 413


async def test_a_flood_of_pipelined_requests_is_reset(vendor: EmulatedVendor) -> None:
    assert (await send(vendor.port, GET * 200)).ended == "reset"


@pytest.mark.parametrize("words", [50_000])
async def test_a_slow_reader_gets_everything(vendor: EmulatedVendor, words: int) -> None:
    body = orjson.dumps(chat(stream=True, messages=[{"role": "user", "content": f"[[words:{words}]]"}]))
    reader, writer = await asyncio.open_connection("127.0.0.1", vendor.port, limit=1024)
    writer.write(http(body, extra="connection: close\r\n"))
    size = 0
    while piece := await reader.read(65536):
        size += len(piece)
        last = piece
    writer.close()
    assert size > 100 * words
    assert last.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
