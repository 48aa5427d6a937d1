"""Comments on streams that have been silent for long, so that proxies between us and the app do not cut them."""

import asyncio
from collections.abc import Callable

from gateway.server.reply import Responder


class Heartbeats:
    """One loop for all committed streams of the process: nothing is spent on a stream that flows."""

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._clock = clock
        self._streams: dict[Responder, asyncio.Task[None] | None] = {}

    def add(self, responder: Responder) -> None:
        self._streams[responder] = None

    def discard(self, responder: Responder) -> None:
        task = self._streams.pop(responder, None)
        if task is not None:
            task.cancel()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval / 4)
            silent_since = self._clock() - self._interval
            for responder, task in self._streams.items():
                # A client that does not read keeps its last heartbeat waiting; it gets no second one.
                if responder.last_sent <= silent_since and (task is None or task.done()):
                    self._streams[responder] = asyncio.create_task(responder.heartbeat())
