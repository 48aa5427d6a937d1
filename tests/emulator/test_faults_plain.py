"""Faults on a plain reply and on the pace of any, proven on the bytes."""

import gzip
import zlib
from collections.abc import Callable

import orjson
import pytest

from gateway.emulator.fault import Fault
from gateway.emulator.faults_plain import PACE, PLAIN
from gateway.emulator.server import EmulatedVendor

from .raw import PATIENCE, QUIET, WORDS, Raw, ask, chat


def _half(raw: Raw) -> None:
    assert raw.status == 200
    assert 0 < len(raw.body) < int(raw.head["content-length"])


def _stall_in_body(raw: Raw) -> None:
    _half(raw)
    assert raw.ended == "open"


def _reset_in_body(raw: Raw) -> None:
    _half(raw)
    assert raw.ended == "reset"


def _short_body(raw: Raw) -> None:
    _half(raw)
    assert raw.ended == "eof"


def _cut_json(raw: Raw) -> None:
    assert raw.whole
    assert raw.body.startswith(b'{"id":')
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(raw.body)


def _no_choices(raw: Raw) -> None:
    assert raw.json["choices"] == []


def _corrupt_gzip(raw: Raw) -> None:
    assert raw.head["content-encoding"] == "gzip"
    with pytest.raises((gzip.BadGzipFile, zlib.error, EOFError)):
        gzip.decompress(raw.body)


def _whitespace_drip(raw: Raw) -> None:
    assert raw.body.strip() == b""
    assert len(raw.body) >= 3
    assert not raw.whole


CHECKS: dict[str, Callable[[Raw], None]] = {
    "stall_in_body": _stall_in_body,
    "reset_in_body": _reset_in_body,
    "short_body": _short_body,
    "cut_json": _cut_json,
    "no_choices": _no_choices,
    "corrupt_gzip": _corrupt_gzip,
    "whitespace_drip": _whitespace_drip,
}


@pytest.mark.parametrize("kind", PLAIN)
async def test_each_kind_on_the_wire(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind, delay_s=0.005))
    quiet = QUIET if kind == "stall_in_body" else PATIENCE
    CHECKS[kind](await ask(vendor.port, chat(), enough=5, quiet=quiet))


@pytest.mark.parametrize("kind", PLAIN)
async def test_a_stream_is_left_alone(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind))
    raw = await ask(vendor.port, chat(stream=True))
    assert (raw.words, raw.done) == (WORDS, True)


def _said(raw: Raw) -> list[str]:
    if "content-length" not in raw.head:
        return raw.words
    words: list[str] = raw.json["choices"][0]["message"]["content"].split()
    return words


def _trickle_headers(raw: Raw) -> None:
    assert len([piece for piece in raw.pieces if len(piece) == 1]) > 100
    assert len(raw.pieces[-1]) > 1


def _trickle_body(raw: Raw) -> None:
    assert len(raw.pieces[0]) > 100
    assert len(raw.pieces) > 100


def _auth_stall(raw: Raw) -> None:
    assert len(raw.pieces) == 1


def _wrong_content_type(raw: Raw) -> None:
    assert raw.head["content-type"] == "text/plain"


PACE_CHECKS: dict[str, Callable[[Raw], None]] = {
    "trickle_headers": _trickle_headers,
    "trickle_body": _trickle_body,
    "auth_stall": _auth_stall,
    "wrong_content_type": _wrong_content_type,
}


@pytest.mark.parametrize("kind", PACE)
async def test_each_kind_of_pace_on_the_wire(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind, delay_s=0.001))
    raw = await ask(vendor.port, chat())
    PACE_CHECKS[kind](raw)
    assert raw.json["choices"][0]["message"]["content"].split() == WORDS
    assert (raw.whole, raw.ended) == (True, "eof")


@pytest.mark.parametrize("kind", PACE)
async def test_each_kind_of_pace_on_a_stream(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind, delay_s=0.001))
    raw = await ask(vendor.port, chat(stream=True, messages=[{"role": "user", "content": "[[words:0]]"}]))
    PACE_CHECKS[kind](raw)
    assert (raw.done, raw.whole, raw.ended) == (True, True, "eof")


async def test_a_stall_of_the_login_is_silence_and_then_success(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("auth_stall", delay_s=5))
    assert (await ask(vendor.port, chat(), quiet=0.05)).data == b""


async def test_errors_of_the_request_come_before_faults_on_replies(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("cut_json"))
    raw = await ask(vendor.port, {"model": "m"})
    assert (raw.status, raw.error["param"]) == (400, "messages")
