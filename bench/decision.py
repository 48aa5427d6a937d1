"""The core by itself: one routing decision over a dozen candidates, and the time that importing the CLI takes."""

import subprocess
import sys
import time
from random import Random
from statistics import median
from typing import NamedTuple

from gateway.core.actions import Ask, Done, Send
from gateway.core.failover import Failover
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import (
    Allow,
    BreakerSettings,
    Deployment,
    Domain,
    Limits,
    Need,
    Price,
    RetryBudgetSettings,
    Route,
)
from gateway.core.outcome import Usage

TIERS, SIZE = 3, 4
REPEATS = 7
IMPORT = "from time import perf_counter as now; began = now(); import gateway.cli; print(now() - began)"


class CoreTime(NamedTuple):
    """Microseconds: from the request to the permit of one call; and from its outcome back to health."""

    decision: float
    settling: float


def core_time(decisions: int = 5000) -> CoreTime:
    """The medians of several repeats."""
    health, budget, rng = HealthTable(BreakerSettings(), Random(0)), RetryBudget(RetryBudgetSettings()), Random(0)
    ask = _ask()
    runs = [_decide(ask, health, budget, rng, decisions) for _ in range(REPEATS)]
    return CoreTime(median(run.decision for run in runs), median(run.settling for run in runs))


def import_time() -> float:
    """Milliseconds, the median of several processes."""
    command = [sys.executable, "-c", IMPORT]
    runs = [subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout for _ in range(REPEATS)]
    return median(map(float, runs)) * 1000


def _decide(ask: Ask, health: HealthTable, budget: RetryBudget, rng: Random, decisions: int) -> CoreTime:
    clock = time.perf_counter
    deciding = settling = 0.0
    began = clock()
    for index in range(decisions):
        now, start = began + index * 0.001, clock()
        failover = Failover(ask, health, budget, rng)
        action = failover.start(now)
        decided = clock()
        assert isinstance(action, Send)
        failover.receive(Done(Usage(100, 200)), now + 0.5)
        deciding, settling = deciding + decided - start, settling + clock() - decided
    return CoreTime(deciding / decisions * 1e6, settling / decisions * 1e6)


def _ask() -> Ask:
    tiers = tuple(tuple(_deployment(f"d{tier}-{index}") for index in range(SIZE)) for tier in range(TIERS))
    return Ask(
        route=Route("chat", tiers, policy="least-latency"),
        workflow="bench",
        allow=Allow({"jurisdiction": frozenset({"EU"}), "vendor": frozenset({d.vendor for t in tiers for d in t})}),
        need=Need.STREAM,
        tokens=500,
        stream=False,
        resumable=True,
        deadline=60.0,
    )


def _deployment(name: str) -> Deployment:
    return Deployment(
        id=name,
        vendor=f"vendor-{name}",
        maker="maker",
        model="model",
        api="openai",
        base_url="http://127.0.0.1/v1",
        domains=(Domain("vendor", f"vendor-{name}"), Domain("jurisdiction", "EU")),
        limits=Limits(rpm=100_000_000, tpm=1_000_000_000_000, concurrency=1000),
        price=Price(0.15, 0.60),
    )
