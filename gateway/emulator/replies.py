"""From a call, and what shall go wrong with it, to the script of the reply."""

import gzip
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count
from zlib import crc32

from gateway.emulator import render
from gateway.emulator.call import Call
from gateway.emulator.chat import Stamp, answer_chat
from gateway.emulator.checks import refusal_of_body, refusal_of_key
from gateway.emulator.completion import Completion
from gateway.emulator.completions import answer_completions
from gateway.emulator.connection import Request
from gateway.emulator.embeddings import embed, models
from gateway.emulator.fault import Hit
from gateway.emulator.faults_reply import REPLACING, replacement
from gateway.emulator.script import Pause, Script, Step, chunked, merged
from gateway.emulator.settings import VendorSettings
from gateway.emulator.twist import Twist, twist
from gateway.emulator.wire import ApiError, Plain, Tag, plain_script, stream_head

_GZIP_LEVEL = 1
_METHODS = {"models": ("GET", "HEAD"), "chat": ("POST",), "completions": ("POST",), "embeddings": ("POST",)}


class Replies:
    """One vendor's replies. Numbers them, and keeps the random stream of its pace."""

    def __init__(self, settings: VendorSettings) -> None:
        self._settings = settings
        self._numbers = count(1)
        self._prefix = f"{crc32(f'{settings.name}:{settings.seed}'.encode()):08x}"
        self._luck = random.Random(f"{settings.seed}:pace")

    def script(self, request: Request, call: Call, hit: Hit | None) -> Script:
        """`hit` replaces the reply, or twists it; an error of the request's own it leaves alone."""
        stamp = Stamp(f"{self._prefix}{next(self._numbers):08x}", int(time.time()))
        tag = Tag(f"req_{stamp.id}")
        if hit is not None and hit.kind.name in REPLACING:
            script = replacement(hit.kind.name, hit.fault, call, tag)
        else:
            script = self._answer(request, call, stamp, tag, twist(hit))
        return _without_body(script) if request.method == "HEAD" else script

    def _answer(self, request: Request, call: Call, stamp: Stamp, tag: Tag, fault: Twist) -> Script:
        reply = self._reply(request, call, stamp)
        if isinstance(reply, ApiError):
            return plain_script(reply.plain(), tag)
        first = self._settings.pacing.first(self._luck)
        if isinstance(reply, Plain):
            return fault.pace(self._plain(request, reply, tag, first, fault))
        completion = fault.content(reply)
        if call.stream:
            return fault.pace(self._stream(render.stream(completion, call), tag, first, fault))
        spoken = sum(self._settings.pacing.gaps(completion.completion_tokens, self._luck))
        return fault.pace(self._plain(request, render.plain(completion, call), tag, first + spoken, fault))

    def _reply(self, request: Request, call: Call, stamp: Stamp) -> Completion | Plain | ApiError:
        settings = self._settings
        refusal = refusal_of_key(request.headers.get("authorization", ""), settings)
        if refusal is not None:
            return refusal
        if call.method not in _METHODS.get(call.endpoint, ()):
            return _misplaced(call)
        if call.endpoint == "models":
            return models(call, settings)
        refusal = refusal_of_body(call, settings)
        if refusal is not None:
            return refusal
        if call.endpoint == "embeddings":
            return embed(call)
        say = answer_chat if call.endpoint == "chat" else answer_completions
        return say(call, settings, stamp)

    def _plain(self, request: Request, reply: Plain, tag: Tag, seconds: float, fault: Twist) -> Script:
        if self._settings.gzip and "gzip" in request.headers.get("accept-encoding", ""):
            headers = {**reply.headers, "content-encoding": "gzip"}
            reply = replace(reply, body=gzip.compress(reply.body, _GZIP_LEVEL, mtime=0), headers=headers)
        if not seconds:
            return fault.plain(reply, tag)
        return _after(seconds, fault.plain(reply, tag._replace(seconds=seconds)))

    def _stream(self, events: render.EventStream, tag: Tag, first: float, fault: Twist) -> Script:
        gaps = self._settings.pacing.gaps(len(events.tokens), self._luck)
        frames = fault.stream(replace(events, gaps=gaps) if gaps else events)
        script = chain((stream_head(tag._replace(seconds=first)),), chunked(frames))
        return _after(first, script) if first or gaps else merged(script)


def _misplaced(call: Call) -> ApiError | Plain:
    """An unknown path, or a method that the path does not have."""
    if call.endpoint == "unknown":
        return ApiError(404, f"Invalid URL ({call.method} {call.path})")
    allowed = {"allow": ", ".join([*_METHODS[call.endpoint], "OPTIONS"])}
    if call.method == "OPTIONS":
        return Plain(b"", headers=allowed)
    return ApiError(405, f"Not allowed to {call.method} on {call.path}.", code="method_not_supported", headers=allowed)


def _after(seconds: float, script: Script) -> Iterator[Step]:
    """As OpenAI does it: the head comes with the first token."""
    if seconds:
        yield Pause(seconds)
    yield from script


def _without_body(script: Script) -> Script:
    return [step.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if isinstance(step, bytes) else step for step in script]
