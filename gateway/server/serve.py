"""One worker: the data port and the admin port in one process, from the first signal to the last."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from gateway.config.reload import Live
from gateway.server.admin import admin_app
from gateway.server.data_plane import DataPlane
from gateway.server.gateway import Gateway
from gateway.server.protocol import bounded
from gateway.settings import Settings

KEEP_ALIVE = 75
BACKLOG = 2048
COLLECT_AFTER = (20_000, 20, 50)


class _Server(uvicorn.Server):
    """Signals are ours: two servers live in this process, and they stop in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError with the address in its text."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    sock.listen(BACKLOG)
    sock.set_inheritable(True)
    return sock


async def serve(
    settings: Settings,
    live: Live,
    data_socket: socket.socket,
    admin_socket: socket.socket,
    ready: Callable[[], None] = lambda: None,
    lifeline: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then refuse new requests, finish those in flight, write what is left.

    `lifeline`: a file descriptor whose end means the same.
    """
    loop = asyncio.get_running_loop()
    gateway = Gateway(settings, live)
    drain = max(1, round(settings.drain_timeout))
    data = _Server(_config(DataPlane(gateway), bounded(settings), drain))
    admin = _Server(_config(admin_app(gateway), "httptools", 1))

    def stop() -> None:
        if lifeline is not None:
            loop.remove_reader(lifeline)  # at its end it would be readable for ever
        gateway.draining = True
        data.should_exit = True

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    if lifeline is not None:
        loop.add_reader(lifeline, stop)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload)
    await gateway.start()
    _calm_the_collector()
    admin_task = asyncio.create_task(admin.serve(sockets=[admin_socket]))
    ready()
    try:
        await data.serve(sockets=[data_socket])
    finally:
        admin.should_exit = True
        await admin_task
        await gateway.stop()


def _calm_the_collector() -> None:
    """What exists now lives for ever, and requests make hardly any cycles: look for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _config(app: Any, http: Any, drain: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        backlog=BACKLOG,
        timeout_graceful_shutdown=drain,
    )
