"""Faults on a stream, proven on the bytes."""

from collections.abc import Callable

import pytest

from gateway.emulator.fault import Fault
from gateway.emulator.faults_stream import STREAM
from gateway.emulator.render import EventStream
from gateway.emulator.script import End, Pause, Step
from gateway.emulator.server import EmulatedVendor

from .raw import PATIENCE, QUIET, WORDS, Raw, ask, chat


def _late(raw: Raw) -> None:
    assert (raw.words, raw.finishes, raw.done, raw.whole) == (WORDS, ["stop"], True, True)
    assert raw.took >= 0.045


def _slow_with_pings(raw: Raw) -> None:
    assert raw.frames[:10] == [b": ping"] * 10
    _late(raw)


def _stall(raw: Raw) -> None:
    assert (raw.words, raw.ended, raw.whole) == (WORDS[:3], "open", False)


def _cut_reset(raw: Raw) -> None:
    assert (raw.words, raw.ended, raw.whole) == (WORDS[:3], "reset", False)


def _cut_eof(raw: Raw) -> None:
    assert (raw.words, raw.ended, raw.whole) == (WORDS[:3], "eof", False)


def _ended_silently(raw: Raw) -> None:
    assert (raw.words, raw.finishes, raw.done, raw.whole) == (WORDS[:3], [], False, True)


def _ended_without_done(raw: Raw) -> None:
    assert (raw.words, raw.finishes, raw.done, raw.whole) == (WORDS, ["stop"], False, True)


def _done_without_finish(raw: Raw) -> None:
    assert (raw.words, raw.finishes, raw.done, raw.whole) == (WORDS[:3], [], True, True)


def _error_event(raw: Raw) -> None:
    assert raw.words == WORDS[:3]
    assert raw.events[-1]["error"]["type"] == "server_error"
    assert (raw.done, raw.whole) == (False, True)


def _error_event_first(raw: Raw) -> None:
    assert raw.status == 200
    assert [list(event) for event in raw.events] == [["error"]]


def _typed_error_event(raw: Raw) -> None:
    assert raw.words == WORDS[:3]
    assert raw.frames[-1].startswith(b'event: error\ndata: {"error":')


def _content_after_finish(raw: Raw) -> None:
    reasons = [event["choices"][0]["finish_reason"] for event in raw.events]
    assert reasons == [None] * 4 + ["stop"] + [None] * 5
    assert (raw.words, raw.done) == (WORDS, True)


def _one_word_lost(raw: Raw) -> bytes:
    """The frame that is no good event; the others are all there."""
    assert raw.words == WORDS[:3] + WORDS[4:]
    assert (raw.finishes, raw.done, raw.whole) == (["stop"], True, True)
    return raw.frames[4]


def _broken_json(raw: Raw) -> None:
    assert _one_word_lost(raw).startswith(b'data: {"id":')


def _invalid_utf8(raw: Raw) -> None:
    frame = _one_word_lost(raw)
    with pytest.raises(UnicodeDecodeError):
        frame.decode()


def _missing_data_prefix(raw: Raw) -> None:
    assert _one_word_lost(raw).startswith(b'{"id":')


CHECKS: dict[str, Callable[[Raw], None]] = {
    "slow_first_token": _late,
    "slow_first_token_after_role": _late,
    "slow_first_token_with_pings": _slow_with_pings,
    "slow_drip": _late,
    "stall": _stall,
    "stall_then_resume": _late,
    "cut_reset": _cut_reset,
    "cut_eof": _cut_eof,
    "ended_silently": _ended_silently,
    "ended_without_done": _ended_without_done,
    "done_without_finish": _done_without_finish,
    "error_event": _error_event,
    "error_event_first": _error_event_first,
    "typed_error_event": _typed_error_event,
    "content_after_finish": _content_after_finish,
    "broken_json": _broken_json,
    "invalid_utf8": _invalid_utf8,
    "missing_data_prefix": _missing_data_prefix,
}
DELAYS = {"slow_drip": 0.01}


@pytest.mark.parametrize("kind", STREAM)
async def test_each_kind_on_the_wire(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind, delay_s=DELAYS.get(kind, 0.05)))
    quiet = QUIET if kind == "stall" else PATIENCE
    CHECKS[kind](await ask(vendor.port, chat(stream=True), quiet=quiet))
    assert vendor.seen[-1].fault == kind


EVENTS = EventStream((b"r",), (b"0", b"1", b"2"), (b"f",), (), b"d")
PINGS: list[Step] = [b": ping\n\n", Pause(0.5)] * 10
SILENCES: dict[str, list[Step]] = {
    "slow_first_token": [Pause(5), b"r", b"0", b"1", b"2", b"f", b"d"],
    "slow_first_token_after_role": [b"r", Pause(5), b"0", b"1", b"2", b"f", b"d"],
    "slow_first_token_with_pings": [*PINGS, b"r", b"0", b"1", b"2", b"f", b"d"],
    "slow_drip": [b"r", b"0", Pause(5), b"1", Pause(5), b"2", b"f", b"d"],
    "stall": [b"r", b"0", End.HANG],
    "stall_then_resume": [b"r", b"0", Pause(5), b"1", b"2", b"f", b"d"],
}


@pytest.mark.parametrize("kind", SILENCES)
def test_where_the_silence_is(kind: str) -> None:
    assert list(STREAM[kind](Fault(kind, delay_s=5, after_tokens=1), EVENTS)) == SILENCES[kind]


@pytest.mark.parametrize("kind", STREAM)
async def test_a_plain_request_is_left_alone(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind))
    raw = await ask(vendor.port, chat())
    assert raw.json["choices"][0]["message"]["content"].split() == WORDS
    assert vendor.seen[-1].finished == "complete"


@pytest.mark.parametrize("after_tokens", [0, 1, 8, 99])
async def test_the_cut_comes_where_it_was_asked_for(vendor: EmulatedVendor, after_tokens: int) -> None:
    vendor.faults.add(Fault("cut_reset", after_tokens=after_tokens))
    raw = await ask(vendor.port, chat(stream=True))
    assert (raw.words, raw.ended) == (WORDS[:after_tokens], "reset")


async def test_an_event_is_damaged_also_when_no_token_follows(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("broken_json", after_tokens=99))
    raw = await ask(vendor.port, chat(stream=True))
    assert (raw.words, raw.finishes, raw.done) == (WORDS, [], True)
