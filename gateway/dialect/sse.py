"""Server-sent events: cut a byte stream into whole events, whatever way the network has split or joined them.

Source: WHATWG HTML, "Server-sent events". Lines end in LF, CRLF or CR; a blank line ends an event.
"""

DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": keep-alive\n\n"
BOM = b"\xef\xbb\xbf"
MAX_EVENT = 16 * 1024 * 1024

_KNOWN_FIELDS = (b"data", b"event", b"id", b"retry", b"")


class EventTooLong(ValueError):
    """A vendor sent more than MAX_EVENT bytes without ending an event."""


class Splitter:
    """feed(bytes) -> whole events, each without its blank line. What is left over waits for the next feed."""

    __slots__ = ("_begun", "_rest")

    def __init__(self) -> None:
        self._begun = False
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        if not self._begun:
            self._begun = True
            data = data.removeprefix(BOM)
        if self._rest:
            data = self._rest + data
        if b"\r" in data:
            data = _newlines(data)
        events = data.split(b"\n\n")
        self._rest = events.pop()
        if len(self._rest) > MAX_EVENT:
            raise EventTooLong
        return events

    @property
    def rest(self) -> bytes:
        """An event that has begun and not ended."""
        return self._rest


def _newlines(data: bytes) -> bytes:
    # JSON never holds a raw CR, so this touches framing only. A CR at the very end may be half of a CRLF: it stays.
    tail = b"\r" if data.endswith(b"\r") else b""
    body = data[: len(data) - len(tail)]
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail


def payload(event: bytes) -> bytes | None:
    """The data of one event; b"" for a comment or an empty frame; None if a line is not SSE at all."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    parts = []
    for line in event.split(b"\n"):
        name, _, value = line.partition(b":")
        if name not in _KNOWN_FIELDS:
            return None
        if name == b"data":
            parts.append(value.removeprefix(b" "))
    return b"\n".join(parts)


def is_error_event(event: bytes) -> bool:
    """Does it carry `event: error`?"""
    return b"event:" in event and any(
        line.partition(b":")[2].strip() == b"error" for line in event.split(b"\n") if line.startswith(b"event:")
    )
