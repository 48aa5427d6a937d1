"""What one fault does to a good reply on its way out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.emulator.completion import Completion
from gateway.emulator.fault import Hit
from gateway.emulator.faults_content import CONTENT
from gateway.emulator.faults_plain import PACE, PLAIN
from gateway.emulator.faults_stream import STREAM
from gateway.emulator.render import EventStream
from gateway.emulator.script import Script
from gateway.emulator.wire import Plain, Tag, plain_script


def _said(completion: Completion) -> Completion:
    return completion


def _paced(script: Script) -> Script:
    return script


@dataclass(frozen=True, slots=True)
class Twist:
    """The four steps from words to bytes, each as it should be unless the fault says otherwise."""

    content: Callable[[Completion], Completion] = _said
    stream: Callable[[EventStream], Script] = EventStream.whole
    plain: Callable[[Plain, Tag], Script] = plain_script
    pace: Callable[[Script], Script] = _paced


_STRAIGHT = Twist()


def twist(hit: Hit | None) -> Twist:
    """The steps under this fault. Faults that replace the reply altogether are not met here."""
    if hit is None:
        return _STRAIGHT
    name, fault = hit.kind.name, hit.fault
    if name in CONTENT:
        return Twist(content=partial(CONTENT[name], fault))
    if name in STREAM:
        return Twist(stream=partial(STREAM[name], fault))
    if name in PLAIN:
        return Twist(plain=partial(PLAIN[name], fault))
    return Twist(pace=partial(PACE[name], fault))
