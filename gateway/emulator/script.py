"""A reply as a script: bytes to send, pauses to keep, and how the connection ends.

Scripts are plain values, so a fault is a function and needs no socket to be written, read or tested.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple


class Pause(NamedTuple):
    """Silence on an open connection."""

    seconds: float


class End(Enum):
    """An ending other than a whole reply. A script without one ends well and the connection lives on."""

    CLOSE = auto()  # FIN after what was sent
    RESET = auto()  # RST
    HANG = auto()  # nothing more, until the client leaves


Step = bytes | Pause | End
Script = Iterable[Step]

LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a body in chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(frames: Script) -> Iterator[Step]:
    """Each frame as one chunk; the last chunk only when the script does not end before."""
    for frame in frames:
        if isinstance(frame, bytes):
            yield chunk(frame)
        else:
            yield frame
            if isinstance(frame, End):
                return
    yield LAST_CHUNK


def trickled(data: bytes, gap: float) -> Iterator[Step]:
    """One byte at a time, `gap` seconds before each."""
    for index in range(len(data)):
        yield Pause(gap)
        yield data[index : index + 1]


def merged(script: Script) -> list[Step]:
    """The same script with neighbouring bytes joined, so that what has no pause in it costs one write."""
    steps: list[Step] = []
    run: list[bytes] = []
    for step in script:
        if isinstance(step, bytes):
            run.append(step)
            continue
        if run:
            steps.append(b"".join(run))
            run = []
        steps.append(step)
    if run:
        steps.append(b"".join(run))
    return steps
