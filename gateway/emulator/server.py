"""An emulated vendor on a real socket."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from gateway.emulator.call import read
from gateway.emulator.connection import Connection, Ended, Exchange, Request
from gateway.emulator.fault import FaultBoard
from gateway.emulator.replies import Replies
from gateway.emulator.script import End
from gateway.emulator.settings import Pacing, VendorSettings

__all__ = ["EmulatedVendor", "Pacing", "SeenRequest", "VendorSettings"]

JOURNAL_BOUND = 1000
BODY_KEPT = 256 * 1024
_BACKLOG = 1024

Finished = Literal["complete", "client_gone", "fault"]


@dataclass(slots=True)
class SeenRequest:
    """One line of the journal. `at` is Unix seconds; `body` is cut at 256 KiB; `fault` the kind that hit it.

    `finished` is None while the reply is being sent; "fault" when one hit it, even if the client got a whole reply, or
    when the vendor went down meanwhile.
    """

    path: str
    model: str
    stream: bool
    headers: Mapping[str, str]
    body: bytes
    at: float
    fault: str | None = None
    finished: Finished | None = None


class EmulatedVendor:
    """`async with EmulatedVendor(settings) as vendor:` serves until the block ends.

    `faults` is the board to pin faults on, `seen` the journal (the last 1000 requests), `open_streams` the streamed
    replies under way now, `connections` all that were ever accepted. The port stays the vendor's while it is down.
    """

    def __init__(self, settings: VendorSettings | None = None) -> None:
        self.settings = settings or VendorSettings()
        self.faults = FaultBoard(self.settings.seed)
        self.seen: deque[SeenRequest] = deque(maxlen=JOURNAL_BOUND)
        self.open_streams = 0
        self.connections = 0
        self._replies = Replies(self.settings)
        self._open: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._reserved: socket.socket | None = None

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def port(self) -> int:
        assert self._reserved is not None, "the vendor has not been started"
        port: int = self._reserved.getsockname()[1]
        return port

    @property
    def base_url(self) -> str:
        host = self.settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def is_up(self) -> bool:
        return self._server is not None

    async def __aenter__(self) -> "EmulatedVendor":
        # Bound, never listening: while the vendor is down nobody else gets its port, and a connect is refused.
        self._reserved = _bound(self.settings.host, self.settings.port)
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()
        assert self._reserved is not None
        self._reserved.close()

    async def up(self) -> None:
        """Listen (again) on the same port. No effect when it does."""
        if self._server is None:
            sock = _bound(self.settings.host, self.port)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accept, sock=sock, backlog=_BACKLOG)

    async def down(self) -> None:
        """Refuse new connections and reset those that are open."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in tuple(self._open):
            connection.drop()
        await server.wait_closed()

    def _accept(self) -> Connection:
        return Connection(self, self._open)

    def connected(self) -> End | None:
        """A connection was accepted (called by it)."""
        self.connections += 1
        return End.CLOSE if self.faults.closes_connection() else None

    def respond(self, request: Request, answer: Callable[[Exchange], None]) -> None:
        """A request came in (called by its connection)."""
        call = read(request)
        hit = self.faults.pick(call)
        seen = SeenRequest(
            request.path,
            call.model,
            call.stream,
            request.headers,
            request.body[:BODY_KEPT],
            time.time(),
            hit.kind.name if hit is not None else None,
        )
        self.seen.append(seen)
        self.open_streams += call.stream
        answer(Exchange(self._replies.script(request, call, hit), lambda ended: self._done(seen, ended)))

    def _done(self, seen: SeenRequest, ended: Ended) -> None:
        self.open_streams -= seen.stream
        if ended == "client_gone":
            seen.finished = "client_gone"
        else:
            seen.finished = "complete" if ended == "sent" and seen.fault is None else "fault"


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
