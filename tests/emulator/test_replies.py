"""Pace, compression and headers of good replies."""

import gzip

import orjson

from gateway.emulator.fault import Fault
from gateway.emulator.server import EmulatedVendor, Pacing, VendorSettings

from .raw import WORDS, ask, chat, http, send


async def test_headers_of_the_dialect(vendor: EmulatedVendor) -> None:
    heads = [(await ask(vendor.port, chat(stream=stream))).head for stream in (False, True)]
    assert len({head["x-request-id"] for head in heads}) == 2
    for head in heads:
        assert int(head["openai-processing-ms"]) >= 1
        assert head["x-ratelimit-reset-tokens"] == "30ms"
    assert heads[0]["content-type"] == "application/json"
    assert heads[1]["content-type"].startswith("text/event-stream")
    assert heads[1]["transfer-encoding"] == "chunked"


async def test_the_text_depends_on_the_seed_alone() -> None:
    async def text(seed: int) -> str:
        async with EmulatedVendor(VendorSettings(seed=seed)) as vendor:
            raw = await ask(vendor.port, chat(messages=[{"role": "user", "content": "hello"}]))
            content: str = raw.json["choices"][0]["message"]["content"]
            return content

    assert await text(1) == await text(1) != await text(2)


async def test_a_stream_keeps_its_pace() -> None:
    async with EmulatedVendor(VendorSettings(pacing=Pacing(first_token_ms=30, tokens_per_second=100))) as vendor:
        raw = await ask(vendor.port, chat(stream=True))
    assert (raw.words, raw.done) == (WORDS, True)
    assert raw.took >= 0.025 + 0.06


async def test_a_plain_reply_takes_the_time_of_all_its_tokens() -> None:
    async with EmulatedVendor(VendorSettings(pacing=Pacing(first_token_ms=20, tokens_per_second=200))) as vendor:
        raw = await ask(vendor.port, chat())
    assert raw.took >= 0.05
    assert int(raw.head["openai-processing-ms"]) == 56


async def test_faults_keep_the_pace() -> None:
    async with EmulatedVendor(VendorSettings(pacing=Pacing(tokens_per_second=50))) as vendor:
        vendor.faults.add(Fault("cut_eof"))
        raw = await ask(vendor.port, chat(stream=True))
    assert raw.words == WORDS[:3]
    assert raw.took >= 0.035


async def test_gzip_for_those_who_accept_it() -> None:
    body = orjson.dumps(chat())
    async with EmulatedVendor(VendorSettings(gzip=True)) as vendor:
        packed = await send(vendor.port, http(body, extra="accept-encoding: br, gzip\r\nconnection: close\r\n"))
        plain = await send(vendor.port, http(body, extra="connection: close\r\n"))
    assert packed.head["content-encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(packed.body))["choices"] == plain.json["choices"]
