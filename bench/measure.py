"""One system, one run: plain requests side by side, plain requests one by one, streams side by side."""

import subprocess
import sys
import time
from typing import NamedTuple

import msgspec

from bench.load import Load, Result
from bench.systems import System

WORDS = 41  # makes a reply of 430 bytes
IN_FLIGHT = 32
SETTLE = 0.5  # what was put off is work too: the ledger is written a moment after the answer
FRAMING = 3  # events of a stream that are not a word: role, finish, [DONE]
MEGA = 1_000_000


class Effort(NamedTuple):
    """How much of each: `requests` side by side, `single` one by one, `streams` of `words` words each."""

    requests: int
    single: int
    streams: int
    words: int
    runs: int


FULL = Effort(requests=10_000, single=1500, streams=50, words=200, runs=3)
QUICK = Effort(requests=2000, single=300, streams=50, words=50, runs=2)


class Sample(NamedTuple):
    """CPU in microseconds, latencies in milliseconds, memory in megabytes; None where there is no process to ask.

    `p50`, `p99`: one request at a time. `loaded_*`: 32 in flight. `busy`: the share of its core while loaded.
    `event_cpu`: the whole CPU of the streams by their events. `event_cpu_beyond`: what remains of it after what as
    many plain requests cost.
    """

    request_cpu: float | None
    requests_per_second: float
    busy: float | None
    p50: float
    p99: float
    loaded_p50: float
    loaded_p99: float
    event_cpu: float | None
    event_cpu_beyond: float | None
    memory: float | None
    failed: int
    reasons: tuple[str, ...]


def warm_up(system: System, effort: Effort) -> None:
    put_on(Load(system.plain, _some(effort.requests / 4, system), IN_FLIGHT, WORDS))
    put_on(Load(system.stream, effort.streams, effort.streams, 5, stream=True))


def measure(system: System, effort: Effort) -> Sample:
    single, _ = _timed(system, Load(system.plain, _some(effort.single, system), 1, WORDS))
    loaded, cpu = _timed(system, Load(system.plain, _some(effort.requests, system), IN_FLIGHT, WORDS))
    streams, stream_cpu = _timed(system, Load(system.stream, effort.streams, effort.streams, effort.words, stream=True))
    each = None if cpu is None else cpu / max(1, loaded.answered)
    events = effort.streams * (effort.words + FRAMING)
    return Sample(
        request_cpu=None if each is None else each * MEGA,
        requests_per_second=loaded.answered / loaded.seconds,
        busy=None if cpu is None else min(1.0, cpu / loaded.seconds),
        p50=single.p50,
        p99=single.p99,
        loaded_p50=loaded.p50,
        loaded_p99=loaded.p99,
        event_cpu=None if stream_cpu is None else stream_cpu / events * MEGA,
        event_cpu_beyond=None
        if stream_cpu is None or each is None
        else (stream_cpu - each * effort.streams) / events * MEGA,
        memory=system.child.memory() / MEGA if system.child else None,
        failed=single.failed + loaded.failed + streams.failed,
        reasons=(*single.reasons, *loaded.reasons, *streams.reasons),
    )


def put_on(load: Load) -> Result:
    """From a process of its own. Raises CalledProcessError when it cannot reach its target."""
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=msgspec.json.encode(load), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Result)


def _timed(system: System, load: Load) -> tuple[Result, float | None]:
    """And the CPU seconds that the system spent on it."""
    before = system.child.cpu() if system.child else None
    result = put_on(load)
    if system.child is None or before is None:
        return result, None
    time.sleep(SETTLE)
    return result, system.child.cpu() - before


def _some(count: float, system: System) -> int:
    return max(IN_FLIGHT, round(count * system.share))
