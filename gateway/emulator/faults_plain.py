"""Faults on the bytes of a plain reply, and on the pace of any reply."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat

from gateway.emulator.fault import Fault
from gateway.emulator.script import End, Pause, Script, Step, trickled
from gateway.emulator.wire import Plain, Tag, json_reply, plain_head, plain_script

_CRLF2 = b"\r\n\r\n"


def _half(reply: Plain) -> bytes:
    return reply.body[: len(reply.body) // 2]


def _stall_in_body(_fault: Fault, reply: Plain, tag: Tag) -> Script:
    return (plain_head(reply, tag) + _half(reply), End.HANG)


def _reset_in_body(_fault: Fault, reply: Plain, tag: Tag) -> Script:
    return (plain_head(reply, tag) + _half(reply), End.RESET)


def _short_body(_fault: Fault, reply: Plain, tag: Tag) -> Script:
    return (plain_head(reply, tag) + _half(reply), End.CLOSE)


def _cut_json(_fault: Fault, reply: Plain, tag: Tag) -> Script:
    return plain_script(replace(reply, body=_half(reply)), tag)


def _no_choices(_fault: Fault, reply: Plain, tag: Tag) -> Script:
    return plain_script(json_reply({"id": tag.request_id, "object": "chat.completion", "choices": []}), tag)


def _corrupt_gzip(_fault: Fault, reply: Plain, tag: Tag) -> Script:
    packed = bytearray(gzip.compress(reply.body, mtime=0))
    packed[len(packed) // 2] ^= 0xFF
    packed[-8] ^= 0xFF  # and the checksum, in case the flip still unpacks
    headers = {**reply.headers, "content-encoding": "gzip"}
    return plain_script(replace(reply, body=bytes(packed), headers=headers), tag)


def _whitespace_drip(fault: Fault, reply: Plain, tag: Tag) -> Iterator[Step]:
    yield plain_head(reply, tag, length=1 << 20)
    for gap in repeat(Pause(fault.delay(1.0)), 1 << 20):
        yield b" "
        yield gap


Damage = Callable[[Fault, Plain, Tag], Script]

PLAIN: dict[str, Damage] = {
    "stall_in_body": _stall_in_body,
    "reset_in_body": _reset_in_body,
    "short_body": _short_body,
    "cut_json": _cut_json,
    "no_choices": _no_choices,
    "corrupt_gzip": _corrupt_gzip,
    "whitespace_drip": _whitespace_drip,
}


def _trickle_headers(fault: Fault, script: Script) -> Iterator[Step]:
    head, body, rest = _split(script)
    yield from trickled(head, fault.delay(0.05))
    yield body
    yield from rest


def _trickle_body(fault: Fault, script: Script) -> Iterator[Step]:
    head, body, rest = _split(script)
    yield head
    yield from trickled(body, fault.delay(0.05))
    for step in rest:
        if isinstance(step, bytes):
            yield from trickled(step, fault.delay(0.05))
        else:
            yield step


def _auth_stall(fault: Fault, script: Script) -> Iterator[Step]:
    yield Pause(fault.delay(30.0))
    yield from script


def _wrong_content_type(_fault: Fault, script: Script) -> Iterator[Step]:
    head, body, rest = _split(script)
    lines = [b"content-type: text/plain" if line.startswith(b"content-type:") else line for line in head.split(b"\r\n")]
    yield b"\r\n".join(lines) + body
    yield from rest


def _split(script: Script) -> tuple[bytes, bytes, Iterator[Step]]:
    """Head, what came in one piece with it, and the other steps. Waits that come before the head are dropped."""
    steps = iter(script)
    first = next((step for step in steps if isinstance(step, bytes)), b"")
    head, end, body = first.partition(_CRLF2)
    return head + end, body, steps


PACE: dict[str, Callable[[Fault, Script], Script]] = {
    "trickle_headers": _trickle_headers,
    "trickle_body": _trickle_body,
    "auth_stall": _auth_stall,
    "wrong_content_type": _wrong_content_type,
}
