"""The composition root: one object holds what a worker needs, and starts and stops it in order."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from random import Random

from gateway.config.problem import Problem
from gateway.config.reload import Live, reload, watch
from gateway.core.breaker import Transition
from gateway.core.decision import Decision
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import Snapshot
from gateway.server.drive import Services
from gateway.server.heartbeat import Heartbeats
from gateway.server.log import SinkHandler, make_log, request_lines
from gateway.server.metrics import Metrics
from gateway.server.patience import Deadlines
from gateway.server.sink import Sink
from gateway.settings import Settings
from gateway.store.spool import Spool
from gateway.store.sql import SqlLedger
from gateway.store.writer import LedgerWriter, WriterStatus
from gateway.upstream.http import HttpUpstream


class Gateway:
    """Make it inside a running event loop."""

    def __init__(self, settings: Settings, live: Live) -> None:
        self.settings = settings
        self.live = live
        self.open_house = settings.loopback
        self.sink = Sink(sys.stderr.buffer)
        self.log = make_log(settings.log_level, self.sink)
        server_log = logging.getLogger("uvicorn.error")
        server_log.handlers, server_log.propagate = [SinkHandler(self.sink)], False
        self._write_line = request_lines(settings.log_level, self.sink)
        self.metrics = Metrics()
        loop = asyncio.get_running_loop()
        self.clock: Callable[[], float] = loop.time
        self.deadlines = Deadlines(loop)
        self.in_flight = 0
        self.draining = False
        self.health = HealthTable(live.snapshot.breaker, Random(), self._on_transition)
        self.budget = RetryBudget(live.snapshot.retry_budget)
        self.upstream = HttpUpstream()
        self.writer = self._make_writer()
        self.heartbeats = Heartbeats(settings.heartbeat, self.clock)
        self.services = Services(
            health=self.health,
            budget=self.budget,
            rng=Random(),
            upstream=self.upstream,
            recorder=self,
            heartbeats=self.heartbeats,
            clock=self.clock,
            max_reply=settings.max_reply_mb * 1024 * 1024,
        )
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        live.on_swap.append(self._on_swap)
        live.on_failure.append(self._on_refused)
        self._adopt(live.snapshot)

    def _make_writer(self) -> LedgerWriter:
        ledger = SqlLedger(self.live.snapshot.ledger_url)
        spool = Spool(self.settings.spool_dir or ledger.path.parent, ledger.path.name)
        return LedgerWriter(ledger, spool, on_change=self._on_ledger, on_lost=self._on_lost)

    async def start(self) -> None:
        await self.writer.start()
        self._tasks = [asyncio.create_task(watch(self.live, self._stop)), asyncio.create_task(self.heartbeats.run())]
        self.log.info("ready", revision=self.live.revision, config=str(self.settings.config))

    def reload(self) -> None:
        """Read the config again, soon: told by a signal."""
        self._tasks.append(asyncio.create_task(reload(self.live)))

    async def stop(self) -> None:
        """After the last request has ended: nothing that was answered is lost."""
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.upstream.close()
        await self.writer.close()
        self.log.info("stopped", ledger=self.writer.status.state)
        self.sink.close()

    def record(self, decision: Decision) -> None:
        self.writer.put(decision)
        self.metrics.decision(decision)
        self._write_line(decision)

    # -- what happens to us ------------------------------------------------------------------------------------

    def _on_swap(self, old: Snapshot, new: Snapshot) -> None:
        self._adopt(new)
        self.metrics.reloads.add()
        self.log.info("config reloaded", revision=new.revision, before=old.revision)
        if (new.ledger_url, new.state_url) != (old.ledger_url, old.state_url):
            self.log.warning("the ledger and the shared state stay where they are until a restart")

    def _adopt(self, snapshot: Snapshot) -> None:
        deployments = snapshot.deployments.values()
        self.health.adopt(snapshot.breaker, list(deployments))
        self.budget.configure(snapshot.retry_budget)
        self.upstream.forget(frozenset(deployment.identity for deployment in deployments))
        self.metrics.revision(snapshot.revision)

    def _on_refused(self, problems: list[Problem]) -> None:
        self.metrics.reload_failures.add()
        self.log.error("config refused", serving=self.live.revision, problems=[str(problem) for problem in problems])

    def _on_transition(self, transition: Transition) -> None:
        self.metrics.transition(transition)
        self.log.warning(
            "breaker",
            subject=transition.subject,
            before=transition.before.value,
            after=transition.after.value,
            cause=transition.cause,
        )

    def _on_ledger(self, status: WriterStatus) -> None:
        degraded = status.state != "ok"
        report = self.log.error if degraded else self.log.info
        report("ledger", state=status.state, waiting=status.waiting, spooled=status.spooled, error=status.last_error)

    def _on_lost(self, decisions: Sequence[Decision]) -> None:
        self.log.error("decisions lost", count=len(decisions), ids=[decision.id for decision in decisions[:100]])
