"""Short ways to build what the core's tests need."""

from random import Random

from hypothesis import settings

from gateway.core.actions import Ask
from gateway.core.breaker import Transition
from gateway.core.failover import Failover
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import (
    Allow,
    BreakerSettings,
    Deployment,
    Domain,
    DomainKind,
    Limits,
    Need,
    Price,
    RetryBudgetSettings,
    Route,
    Timeouts,
)
from gateway.core.outcome import Kind, Outcome

ALL = Need.TOOLS | Need.VISION | Need.JSON_SCHEMA | Need.STREAM
UNLIMITED, TIMEOUTS, FREE, BREAKER, ANYONE = Limits(), Timeouts(), Price(), BreakerSettings(), Allow()
REPEATABLE = settings(derandomize=True, deadline=None, max_examples=60, stateful_step_count=40)


def deployment(
    id_: str,
    vendor: str = "",
    *,
    maker: str = "",
    region: str = "",
    account: str = "",
    can: Need = ALL,
    prefill: bool = False,
    context: int | None = None,
    limits: Limits = UNLIMITED,
    timeouts: Timeouts = TIMEOUTS,
    price: Price = FREE,
    weight: float = 1.0,
) -> Deployment:
    vendor = vendor or f"vendor-of-{id_}"
    maker = maker or vendor
    named: dict[DomainKind, str] = {
        "vendor": vendor,
        "maker": maker,
        "region": region,
        "account": account or f"{vendor}/default",
    }
    return Deployment(
        id_,
        vendor,
        maker,
        "model",
        "openai",
        "http://127.0.0.1:1",
        tuple(Domain(kind, name) for kind, name in named.items() if name),
        can=can,
        prefill=prefill,
        context=context,
        limits=limits,
        timeouts=timeouts,
        price=price,
        weight=weight,
    )


def table(settings: BreakerSettings = BREAKER, transitions: list[Transition] | None = None) -> HealthTable:
    return HealthTable(settings, Random(1), (transitions if transitions is not None else []).append)


def budget(share: float = 0.2, floor: int = 3) -> RetryBudget:
    return RetryBudget(RetryBudgetSettings(share, floor))


def ask(
    route: Route,
    *,
    allow: Allow = ANYONE,
    need: Need = Need.NONE,
    tokens: int = 100,
    stream: bool = False,
    resumable: bool = False,
    deadline: float = 120.0,
    workflow: str = "workflow",
) -> Ask:
    return Ask(route, workflow, allow, need, tokens, stream, resumable, deadline)


def failover(
    request: Ask, health: HealthTable | None = None, retries: RetryBudget | None = None, seed: int = 1
) -> Failover:
    return Failover(request, health or table(), retries or budget(), Random(seed))


def failed(kind: Kind, retry_after: float | None = None) -> Outcome:
    return Outcome(kind, "as the test wants it", retry_after=retry_after)
