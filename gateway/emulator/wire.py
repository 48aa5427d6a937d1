"""The bytes of OpenAI replies: heads, JSON bodies, error envelopes, server-sent events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from gateway.emulator.script import Script

JSON = "application/json"
HTML = "text/html; charset=UTF-8"
EVENTS = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_LIMITS = (
    "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-remaining-tokens: 1999000\r\n"
    "x-ratelimit-reset-requests: 6ms\r\nx-ratelimit-reset-tokens: 30ms\r\n"
)


class Tag(NamedTuple):
    """What the vendor stamps on the head of a reply: the request's id, and the seconds it took."""

    request_id: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plain:
    """A reply with a known length. `headers` add to those every reply of the vendor has."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error in the dialect's envelope."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return orjson.dumps(
            {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}
        )

    def plain(self) -> Plain:
        return Plain(self.body(), self.status, headers=self.headers)


def json_reply(value: Any) -> Plain:
    return Plain(orjson.dumps(value))


def event(payload: bytes) -> bytes:
    """One server-sent event."""
    return b"data: " + payload + b"\n\n"


def status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"


def vendor_headers(tag: Tag) -> str:
    """The headers on every reply of the vendor itself; an edge in front of it has none of them."""
    return f"x-request-id: {tag.request_id}\r\nopenai-processing-ms: {round(tag.seconds * 1000) + 1}\r\n"


def plain_head(reply: Plain, tag: Tag, length: int | None = None) -> bytes:
    """`length` differs from the body's own only where a fault wants it to."""
    size = len(reply.body) if length is None else length
    limits = "" if "x-ratelimit-limit-requests" in reply.headers else _LIMITS
    extra = "".join([f"{name}: {value}\r\n" for name, value in reply.headers.items()]) if reply.headers else ""
    return (
        f"{status_line(reply.status)}content-type: {reply.content_type}\r\n"
        f"{vendor_headers(tag)}{limits}{extra}content-length: {size}\r\n\r\n"
    ).encode("latin-1")


def plain_script(reply: Plain, tag: Tag) -> Script:
    return (plain_head(reply, tag) + reply.body,)


def stream_head(tag: Tag) -> bytes:
    return (
        f"{status_line(200)}content-type: {EVENTS}\r\ncache-control: no-cache\r\n"
        f"{vendor_headers(tag)}{_LIMITS}transfer-encoding: chunked\r\n\r\n"
    ).encode("latin-1")


def edge_script(status: int, content_type: str, body: bytes) -> Script:
    """A reply written by the edge in front of the vendor: no header of the vendor's is on it."""
    head = f"{status_line(status)}server: cloudflare\r\ncf-ray: 8f2b3c4d5e6f7a8b-FRA\r\n"
    kind = f"content-type: {content_type}\r\n" if body else ""
    return (f"{head}{kind}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body,)
