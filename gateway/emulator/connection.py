"""One HTTP/1.1 connection: bytes in, requests out to the app, scripts performed on the socket.

A plain protocol on callbacks and timers, with no task and no stream object: the vendors are the upstream in the
benchmarks, and what they cost is taken from what is measured.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, cast

import httptools

from gateway.emulator.script import End, Pause, Script, Step

BODY_BOUND = 64 * 1024 * 1024
PIPELINE_BOUND = 64
_NO_LINGER = struct.pack("ii", 1, 0)
_DRAIN_SECONDS = 2.0
# uvloop writes at the end of the turn: the bytes before a reset must leave before it.
_FLUSH_SECONDS = 0.005

Ended = Literal["sent", "client_gone", "dropped"]


@dataclass(slots=True)
class Request:
    """`headers` by lower-case name. `path` is without the query."""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """A script to perform, and whom to tell how it ended."""

    script: Script
    done: Callable[[Ended], None]


class App(Protocol):
    """What a connection serves. `respond` may call `answer` at once or later, but exactly once."""

    def connected(self) -> End | None:
        """A new connection: None to serve it, or how to turn it away."""

    def respond(self, request: Request, answer: Callable[[Exchange], None]) -> None: ...


class Connection(asyncio.Protocol):
    """Serves one client. Registers itself in `pool` while it lives."""

    def __init__(self, app: App, pool: set["Connection"]) -> None:
        self._app = app
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Request] = deque()
        self._request = Request()
        self._chunks: list[bytes] = []
        self._size = 0
        self._busy = False
        self._paused = False
        self._refused = False
        self._exchange: Exchange | None = None
        self._script: Iterator[Step] = iter(())
        self._keep_alive = True
        self._timer: asyncio.TimerHandle | None = None

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._pool.add(self)
        ending = self._app.connected()
        if ending is not None:
            self._end(ending)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(b"400 Bad Request")
            return
        if self._size > BODY_BOUND:
            self._refuse(b"413 Payload Too Large")
        elif len(self._waiting) > PIPELINE_BOUND:
            self.drop()
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.discard(self)
        self._stop_timer()
        self._settle("client_gone")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._exchange is not None and self._timer is None:
            self._advance()

    # The parser's callbacks. They only collect: an exception in one would reach us as a parser error.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._chunks = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        headers = self._request.headers
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > BODY_BOUND:
            self._size = int(length)
        elif "expect" in headers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= BODY_BOUND:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.path = request.path.partition("?")[0]
        request.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        request.keep_alive = self._parser.should_keep_alive()
        self._waiting.append(request)

    # Requests in order, one script at a time.

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        request = self._waiting.popleft()
        self._busy = True
        self._keep_alive = request.keep_alive
        self._app.respond(request, self._start)

    def _start(self, exchange: Exchange) -> None:
        if self._transport.is_closing():
            exchange.done("client_gone")
            return
        self._exchange = exchange
        self._script = iter(exchange.script)
        self._advance()

    def _advance(self) -> None:
        self._timer = None
        for step in self._script:
            if isinstance(step, bytes):
                self._transport.write(step)
                if self._paused:
                    return
            elif isinstance(step, Pause):
                self._timer = self._loop.call_later(step.seconds, self._advance)
                return
            else:
                self._end(step)
                return
        self._finish()

    def _finish(self) -> None:
        self._settle("sent")
        self._busy = False
        if self._keep_alive:
            self._next()
        else:
            self._transport.close()

    def _end(self, ending: End) -> None:
        if ending is End.HANG:
            return
        self._settle("dropped")
        if ending is End.CLOSE:
            self._transport.close()
        else:
            self._timer = self._loop.call_later(_FLUSH_SECONDS, self.drop)

    def _settle(self, ended: Ended) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.done(ended)

    def drop(self) -> None:
        """Reset the connection now."""
        self._stop_timer()
        self._settle("dropped")
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def _refuse(self, status: bytes) -> None:
        """Answer outside the dialect, then drain: to close with unread bytes would reset the answer away."""
        self._refused = True
        self._transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self._timer = self._loop.call_later(_DRAIN_SECONDS, self._transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
