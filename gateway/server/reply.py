"""The answer to the app, over ASGI. Whole or streamed, an answer or an error in OpenAI's shape."""

import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from gateway.dialect.openai_error import error_body, error_event
from gateway.dialect.sse import DONE, HEARTBEAT
from gateway.errors import GatewayError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PIECE = 256 * 1024
LONGEST_RETRY_AFTER = 120  # the official SDKs do not retry at all when told to wait longer

_JSON: Headers = [(b"content-type", b"application/json")]
_EVENTS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Responder:
    """Writes one answer. `status` is 0 until its head was sent; `last_sent` is a time of `clock`."""

    __slots__ = ("_base", "_clock", "_send", "ended", "last_sent", "request_id", "status")

    def __init__(self, send: Send, request_id: str, clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self.request_id = request_id
        self._base: Headers = [(b"x-request-id", request_id.encode("latin-1"))]
        self.status = 0
        self.ended = False
        self.last_sent = 0.0

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        extra = [(b"content-length", b"%d" % len(body))]
        await self._start(status, [*_JSON, *extra, *_encoded(headers)])
        rest = memoryview(body)
        while len(rest) > PIECE:  # so that an app that does not read fills no memory here
            await self._send({"type": "http.response.body", "body": bytes(rest[:PIECE]), "more_body": True})
            rest = rest[PIECE:]
        self.ended = True
        await self._send({"type": "http.response.body", "body": bytes(rest)})

    async def error(self, error: GatewayError, headers: Mapping[str, str] | None = None) -> None:
        extra = dict(headers or {})
        if error.final:
            extra["x-should-retry"] = "false"
        if error.retry_after is not None:
            extra.update(_retry_after(error.retry_after))
        body = error.body or error_body(error.message, error.type, error.param, error.code)
        await self.whole(error.status, body, extra)

    async def begin_events(self, headers: Mapping[str, str]) -> None:
        await self._start(200, [*_EVENTS, *_encoded(headers)])

    async def events(self, data: bytes) -> None:
        """Whole events only, so that a heartbeat can never land inside one."""
        self.last_sent = self._clock()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def heartbeat(self) -> None:
        if not self.ended:
            await self.events(HEARTBEAT)

    async def end_events(self, error: GatewayError | None = None) -> None:
        """The dialect's real end, or a typed error event."""
        last = DONE if error is None else error_event(error.message, error.type, error.param, error.code)
        self.ended = True
        await self._send({"type": "http.response.body", "body": last})

    async def _start(self, status: int, headers: Headers) -> None:
        self.status = status
        self.last_sent = self._clock()
        await self._send({"type": "http.response.start", "status": status, "headers": self._base + headers})


def _encoded(headers: Mapping[str, str] | None) -> Headers:
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()] if headers else []


def _retry_after(seconds: float) -> dict[str, str]:
    wait = min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
    return {"retry-after": str(max(1, math.ceil(wait))), "retry-after-ms": str(int(wait * 1000))}
