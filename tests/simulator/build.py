"""A small world for the tests of the simulation: vendors that answer by the clock, requests made by hand."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.core.fault import Fault, FaultKind, Mix, Selector
from gateway.core.model import (
    BreakerSettings,
    Deployment,
    Need,
    RetryBudgetSettings,
    Route,
    Snapshot,
    Workflow,
)
from gateway.core.outcome import Kind
from gateway.simulator.run import Record
from gateway.simulator.traffic import Request
from gateway.simulator.world import Lognormal, Pattern, Profile, World
from tests.core.build import deployment

FIRST_TOKEN, SPEED = 1.0, 100.0  # seconds; tokens a second

# By the clock: a plain answer of 100 tokens takes two seconds.
STEADY = Profile(Lognormal(FIRST_TOKEN, FIRST_TOKEN), Lognormal(SPEED, SPEED), errors=0.0, headroom=None)
FLAT = Pattern(per_minute=60.0, stream=0.0, input=Lognormal(100.0, 100.0), output=Lognormal(100.0, 100.0))
# Breakers that never trip, and no retries: only one attempt after the other.
NUMB = BreakerSettings(consecutive=10**9, minimum_calls=10**9)
NO_RETRIES = RetryBudgetSettings(0.0, 0)
DEFAULT_BREAKER, DEFAULT_BUDGET, NO_MIX = BreakerSettings(), RetryBudgetSettings(), ()

A, B = deployment("a"), deployment("b")
CHAT = Route("chat", ((A,), (B,)))
SOLO = Route("solo", ((A,),))
WORKFLOW = Workflow("support", "owner", routes=frozenset({"chat"}))


def snapshot(
    *routes: Route,
    workflows: Iterable[Workflow] = (WORKFLOW,),
    breaker: BreakerSettings = DEFAULT_BREAKER,
    retry_budget: RetryBudgetSettings = DEFAULT_BUDGET,
) -> Snapshot:
    routes = routes or (CHAT,)
    return Snapshot(
        "revision",
        {one.id: one for route in routes for one in route.deployments},
        {route.name: route for route in routes},
        {workflow.id: workflow for workflow in workflows},
        breaker=breaker,
        retry_budget=retry_budget,
    )


def world(*deployments: Deployment, profile: Profile = STEADY, patterns: Mapping[str, Pattern] | None = None) -> World:
    """All alike, and flat traffic of the one workflow."""
    known = deployments or (A, B)
    return World({one.id: profile for one in known}, {WORKFLOW.id: FLAT} if patterns is None else patterns)


def request(
    at: float = 0.0,
    number: int = 0,
    *,
    workflow: Workflow = WORKFLOW,
    route: Route = CHAT,
    stream: bool = False,
    input_tokens: int = 100,
    output_tokens: int = 100,
    resumable: bool = False,
    pause: float = 0.0,
    then: tuple[Request, ...] = (),
) -> Request:
    need = Need.STREAM if stream else Need.NONE
    return Request(
        at, number, workflow, route, stream, input_tokens, output_tokens, need, resumable, pause=pause, then=then
    )


def every(seconds: float, count: int, route: Route = CHAT) -> list[Request]:
    return [request(number * seconds, number, route=route) for number in range(count)]


def fault(
    kind: FaultKind,
    on: Deployment = A,
    start: float = 0.0,
    end: float = float("inf"),
    *,
    share: float = 1.0,
    factor: float = 1.0,
    seconds: float = 0.0,
    mix: Mix = NO_MIX,
    retry_after: float | None = None,
) -> Fault:
    return Fault(kind, Selector({"deployment": (on.id,)}), start, end, share, factor, seconds, mix, retry_after)


def record(
    began: float,
    served: str = "a",
    *,
    took: float = 2.0,
    kind: Kind | None = None,
    tier: int = 0,
    fell_back: bool = False,
    attempts: int = 1,
    first_token: float | None = None,
    usd: float = 0.0,
    poor: bool = False,
    over_quota: tuple[str, ...] = (),
) -> Record:
    """Of one request; not `served`: it failed."""
    kind = kind or (Kind.OK if served else Kind.SERVER_ERROR)
    tier = tier if served else -1
    return Record(
        WORKFLOW.id,
        CHAT.name,
        began,
        took,
        kind,
        served,
        tier,
        fell_back,
        attempts,
        first_token,
        usd,
        200,
        poor,
        over_quota,
    )


def in_fresh_process(code: str, hash_seed: int = 0) -> str:
    """What it prints, in a process that orders its sets by another hash."""
    command, root = [sys.executable, "-c", code], Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=True, text=True)
    return done.stdout.strip()
