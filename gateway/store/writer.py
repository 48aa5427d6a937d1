"""Feeds the ledger off the request path, and never loses a decision while memory or disk can hold it.

Decisions flow one way: memory, then the ledger; when the ledger fails for long, memory, then the spool, then the
ledger. What is in the spool is older than what is in memory, so the ledger always gets them in order.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from circuitbreaker import CircuitBreaker, CircuitBreakerError  # type: ignore[import-untyped]

from gateway.core.decision import Decision
from gateway.store.base import Ledger, LedgerError
from gateway.store.spool import Spool

State = Literal["ok", "degraded"]

_CANCEL_TAKES = 2.0  # seconds; a driver's thread ends its call before it lets go


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """`waiting` in memory, `spooled` on disk, `written` to the ledger (replayed ones too), `lost` for good.

    `since` (Unix seconds) is when this state began; `last_error` stays after the ledger has healed.
    """

    state: State
    waiting: int
    written: int
    spooled: int
    lost: int
    last_error: str
    since: float


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """Times in seconds, the others in decisions. `memory_limit` is enforced once an `interval`.

    The ledger is left alone for `recovery` after `failures` in a row; `patience` bounds one write to it.
    """

    interval: float = 0.2
    batch: int = 500
    memory_limit: int = 10_000
    failures: int = 3
    recovery: float = 2.0
    patience: float = 10.0


class LedgerWriter:
    """One a process. `on_change` hears of each turn to degraded and back, `on_lost` gets the decisions that neither
    memory nor spool could hold; both run on the event loop and must not raise.
    """

    def __init__(
        self,
        ledger: Ledger,
        spool: Spool,
        settings: WriterSettings | None = None,
        *,
        on_change: Callable[[WriterStatus], None] = lambda status: None,
        on_lost: Callable[[Sequence[Decision]], None] = lambda decisions: None,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._settings = settings or WriterSettings()
        self._on_change = on_change
        self._on_lost = on_lost
        self._waiting: deque[Decision] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._opened = False
        self._task: asyncio.Task[None] | None = None
        self._written = self._lost = 0
        self._state: State = "ok"
        self._since = time.time()
        self._last_error = ""
        breaker = CircuitBreaker(self._settings.failures, self._settings.recovery, LedgerError, "ledger")
        self._guarded_store = breaker(self._store)

    @property
    def status(self) -> WriterStatus:
        return WriterStatus(
            state=self._state,
            waiting=len(self._waiting),
            written=self._written,
            spooled=self._spool.count,
            lost=self._lost,
            last_error=self._last_error,
            since=self._since,
        )

    def put(self, decision: Decision) -> None:
        """Never blocks, never raises. Call it on the event loop."""
        self._waiting.append(decision)
        if len(self._waiting) >= self._settings.batch and self._state == "ok":
            self._wake.set()

    async def start(self) -> None:
        """A ledger that cannot be opened makes a degraded start, not a failed one."""
        try:
            await asyncio.to_thread(self._spool.adopt)
        except OSError as error:
            self._last_error = f"spool: {error}"
        await self._attempt(())
        self._task = asyncio.create_task(self._run(), name="ledger-writer")
        self._task.add_done_callback(self._ended)

    async def close(self, timeout: float = 5.0) -> None:
        """Writes what is waiting, for at most `timeout` seconds, and spools the rest. No `put` after this."""
        self._closing = True
        self._wake.set()
        if self._task:
            await asyncio.wait({self._task}, timeout=timeout)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_TAKES)
        await self._spool_down_to(0)
        await asyncio.to_thread(self._spool.close)
        await self._ledger.close()

    async def _run(self) -> None:
        while not self._closing:
            await self._pause()
            await self._flush()
        await self._flush()

    async def _pause(self) -> None:
        """Until the interval is over, a batch is full, or it is time to close."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.interval):
                await self._wake.wait()

    async def _flush(self) -> None:
        """The oldest first, until all is written or the ledger fails."""
        while self._spool.pending and await self._replay():
            await self._spool_down_to(self._settings.memory_limit)
        while self._waiting and not self._spool.pending and await self._attempt(batch := self._oldest()):
            self._forget(len(batch))
        await self._spool_down_to(self._settings.memory_limit)

    async def _replay(self) -> bool:
        try:
            batch = await asyncio.to_thread(self._spool.peek, self._settings.batch)
            if batch and not await self._attempt(batch):
                return False
            await asyncio.to_thread(self._spool.drop)
        except OSError as error:
            self._last_error = f"spool: {error}"
            self._spool.skip()
        return True

    async def _attempt(self, batch: Sequence[Decision]) -> bool:
        """Writes to the ledger; false when it fails or the breaker keeps us from it."""
        try:
            await self._guarded_store(batch)
        except CircuitBreakerError:
            return False
        except LedgerError as error:
            self._turn("degraded", str(error))
            return False
        self._written += len(batch)
        self._turn("ok")
        return True

    async def _store(self, batch: Sequence[Decision]) -> None:
        try:
            async with asyncio.timeout(self._settings.patience):
                if not self._opened:
                    await self._ledger.open()
                    self._opened = True
                await self._ledger.append(batch)
        except TimeoutError:
            raise LedgerError(f"the ledger did not answer within {self._settings.patience:g} s") from None

    async def _spool_down_to(self, limit: int) -> None:
        while (excess := len(self._waiting) - limit) > 0:
            some = list(islice(self._waiting, min(excess, self._settings.batch)))
            try:
                await asyncio.to_thread(self._spool.append, some)
            except OSError as error:
                self._last_error = f"spool: {error}"
                self._lost += len(some)
                self._on_lost(some)
            self._forget(len(some))

    def _oldest(self) -> list[Decision]:
        return list(islice(self._waiting, self._settings.batch))

    def _forget(self, oldest: int) -> None:
        for _ in range(oldest):
            self._waiting.popleft()

    def _turn(self, state: State, error: str = "") -> None:
        self._last_error = error or self._last_error
        if state != self._state:
            self._state, self._since = state, time.time()
            self._on_change(self.status)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A defect must not pass for a healthy ledger."""
        if not task.cancelled() and (error := task.exception()):
            self._turn("degraded", f"the writer stopped: {error!r}")
