"""Deadlines for the waits of requests, all on one ticking timer.

`asyncio.timeout` arms and disarms a timer for every wait, several for every request: that was a sixth of a request's
CPU. Here a wait only says until when, and one tick for the whole process looks who has waited too long.
"""

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

TICK = 0.02  # seconds a deadline may be overrun by

T = TypeVar("T")


class Deadlines:
    """The tick. It runs only while somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[Patience] = set()
        self._ticking = False

    def patience(self) -> "Patience":
        """For the task that asks. `close` it in the end."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        patience = Patience(self, task)
        self._waiting.add(patience)
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(TICK, self._tick)
        return patience

    def forget(self, patience: "Patience") -> None:
        self._waiting.discard(patience)

    def _tick(self) -> None:
        now = self._loop.time()
        for patience in self._waiting:
            if patience.by <= now:
                patience.expire()
        self._ticking = bool(self._waiting)
        if self._ticking:
            self._loop.call_later(TICK, self._tick)


class Patience:
    """Of one task. Its waits do not nest."""

    __slots__ = ("_deadlines", "_expired", "by", "task")

    def __init__(self, deadlines: Deadlines, task: "asyncio.Task[None]") -> None:
        self._deadlines = deadlines
        self.task = task
        self._expired = False
        self.by = math.inf

    async def wait(self, awaitable: Awaitable[T], by: float) -> T:
        """Raises TimeoutError when `by`, a time of the loop, comes first."""
        self.by = by
        try:
            return await awaitable
        except asyncio.CancelledError:
            if not self._expired:
                raise
            self._expired = False
            self.task.uncancel()
            raise TimeoutError from None
        finally:
            self.by = math.inf

    def expire(self) -> None:
        self.by = math.inf
        self._expired = True
        self.task.cancel()

    def close(self) -> None:
        self._deadlines.forget(self)
