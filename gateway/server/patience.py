"""Deadlines for the waits of one request, on one timer.

`asyncio.timeout` arms and disarms a timer for every wait: that was a sixth of the CPU of a request. Here a wait only
says until when; the timer is armed anew only for an earlier deadline, and looks again when it fires too soon.
"""

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """Of the task that makes it. Waits do not nest. `close` it in the end."""

    __slots__ = ("_armed", "_by", "_loop", "_task", "_timer", "expired")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.current_task(loop)
        assert task is not None, "made inside the task that waits"
        self._loop = loop
        self._task = task
        self._timer: asyncio.TimerHandle | None = None
        self._armed = math.inf
        self._by = math.inf
        self.expired = False

    async def wait(self, awaitable: Awaitable[T], by: float) -> T:
        """Raises TimeoutError when `by`, a time of the loop, comes first."""
        self._by = by
        if by < self._armed:
            self._arm(by)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if not self.expired:
                raise
            self.expired = False
            self._task.uncancel()
            raise TimeoutError from None
        finally:
            self._by = math.inf

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, at: float) -> None:
        self.close()
        self._armed = at
        self._timer = self._loop.call_at(at, self._fired)

    def _fired(self) -> None:
        self._armed, self._timer = math.inf, None
        if self._by <= self._loop.time():
            self.expired = True
            self._task.cancel()
        elif self._by < math.inf:
            self._arm(self._by)
