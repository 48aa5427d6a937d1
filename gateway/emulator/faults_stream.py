"""Faults on the events of a stream: late, stalled, cut, ended too early, damaged."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from gateway.emulator.fault import Fault
from gateway.emulator.render import EventStream
from gateway.emulator.script import End, Pause, Script
from gateway.emulator.wire import PING, ApiError, event

_LONG = 30.0
_PINGS = 10
_ERROR = ApiError(500, "The server had an error while processing your request.", "server_error", code="server_error")


def _slow_first_token(fault: Fault, stream: EventStream) -> Script:
    return chain((Pause(fault.delay(_LONG)),), stream.whole())


def _slow_after_role(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.opening, (Pause(fault.delay(_LONG)),), stream.after(0))


def _slow_with_pings(fault: Fault, stream: EventStream) -> Script:
    return chain((PING, Pause(fault.delay(_LONG) / _PINGS)) * _PINGS, stream.whole())


def _slow_drip(fault: Fault, stream: EventStream) -> Script:
    return replace(stream, gaps=(fault.delay(1.0),) * len(stream.tokens)).whole()


def _stall(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (End.HANG,))


def _stall_then_resume(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (Pause(fault.delay(_LONG)),), stream.after(fault.after_tokens))


def _cut_reset(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (End.RESET,))


def _cut_eof(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (End.CLOSE,))


def _ended_silently(fault: Fault, stream: EventStream) -> Script:
    return stream.until(fault.after_tokens)


def _ended_without_done(_fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(len(stream.tokens)), stream.finish, stream.usage)


def _done_without_finish(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (stream.done,))


def _error_event(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (event(_error(fault).body()),))


def _error_event_first(fault: Fault, _stream: EventStream) -> Script:
    return (event(_error(fault).body()),)


def _typed_error_event(fault: Fault, stream: EventStream) -> Script:
    return chain(stream.until(fault.after_tokens), (b"event: error\n" + event(_error(fault).body()),))


def _error(fault: Fault) -> ApiError:
    return replace(_ERROR, message=fault.message or _ERROR.message)


def _content_after_finish(fault: Fault, stream: EventStream) -> Script:
    rest = replace(stream, finish=())
    return chain(stream.until(fault.after_tokens), stream.finish, rest.after(fault.after_tokens))


def _damaged(damage: Callable[[bytes], bytes]) -> "Damage":
    """Damages the first event after `after_tokens`, or the finish when no token follows."""

    def damaged(fault: Fault, stream: EventStream) -> Script:
        count = fault.after_tokens
        if count < len(stream.tokens):
            tokens = (*stream.tokens[:count], damage(stream.tokens[count]), *stream.tokens[count + 1 :])
            return replace(stream, tokens=tokens).whole()
        return replace(stream, finish=tuple(map(damage, stream.finish))).whole()

    return damaged


def _broken_json(data: bytes) -> bytes:
    return data[: len(data) // 2].rstrip() + b"\n\n"


def _invalid_utf8(data: bytes) -> bytes:
    return data.replace(b'"model":"', b'"model":"\xff\xfe', 1)


def _missing_data_prefix(data: bytes) -> bytes:
    return data.removeprefix(b"data: ")


Damage = Callable[[Fault, EventStream], Script]

STREAM: dict[str, Damage] = {
    "slow_first_token": _slow_first_token,
    "slow_first_token_after_role": _slow_after_role,
    "slow_first_token_with_pings": _slow_with_pings,
    "slow_drip": _slow_drip,
    "stall": _stall,
    "stall_then_resume": _stall_then_resume,
    "cut_reset": _cut_reset,
    "cut_eof": _cut_eof,
    "ended_silently": _ended_silently,
    "ended_without_done": _ended_without_done,
    "done_without_finish": _done_without_finish,
    "error_event": _error_event,
    "error_event_first": _error_event_first,
    "typed_error_event": _typed_error_event,
    "content_after_finish": _content_after_finish,
    "broken_json": _damaged(_broken_json),
    "invalid_utf8": _damaged(_invalid_utf8),
    "missing_data_prefix": _damaged(_missing_data_prefix),
}
