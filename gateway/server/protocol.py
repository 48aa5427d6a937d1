"""uvicorn's HTTP protocol with bounds on the head of a request: its size, its headers, its time.

What is refused here never becomes a request; it is told why in the same shape as every other error.
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.dialect.openai_error import error_body
from gateway.settings import Settings

MAX_HEADERS = 200
CONNECTION = "secondsource.connection"  # where a request finds the connection it came on


class _Refused(Exception):
    pass


class BoundedProtocol(HttpToolsProtocol):
    """Subclasses set the bounds: see `bounded`."""

    max_head = 65536
    patience = 30.0

    on_leave: Callable[[], None] | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = 0  # bytes of a head that is not whole yet
        self._refusal = (400, "invalid_http", "The request is not valid HTTP.")
        self._in_head = True
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_whole()
        super().connection_lost(exc)
        if self.on_leave is not None:
            self.on_leave()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._wait_for_head()
            self._head += len(data)
            if self._head > self.max_head:
                self._refuse(431, "headers_too_large", "The request headers are too large.")
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._head_is_whole()
        if len(self.headers) > MAX_HEADERS:
            self._refuse(431, "headers_too_large", f"The request has more than {MAX_HEADERS} headers.")
            raise _Refused  # the parser turns it into a call of send_400_response
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        status, code, message = self._refusal
        body = error_body(message, "invalid_request_error", None, code)
        head = b"content-type: application/json\r\nx-should-retry: false\r\nconnection: close\r\n"
        self.transport.write(STATUS_LINE[status] + head + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def abort(self) -> None:
        """Now, whatever is still to be sent."""
        self.transport.abort()

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._refusal = (status, code, message)

    def _wait_for_head(self) -> None:
        """Most heads come in one piece: only the others, and connections that say nothing, cost a timer."""
        if self._timer is None:
            self._timer = self.loop.call_later(self.patience, self._too_slow)

    def _head_is_whole(self) -> None:
        self._in_head, self._head = False, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self._refuse(408, "request_timeout", "The request headers did not arrive in time.")
            self.send_400_response("")


def bounded(settings: Settings) -> type[BoundedProtocol]:
    bounds = {"max_head": settings.max_header_kb * 1024, "patience": settings.receive_timeout}
    return type("Bounded", (BoundedProtocol,), bounds)
