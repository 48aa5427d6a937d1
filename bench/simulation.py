"""The simulator by itself: simulated requests a second on one core, and N-1 over a config of a dozen deployments."""

import time
from statistics import median
from typing import NamedTuple

from gateway.core.model import Deployment, Domain, Price, Route, Slo, Snapshot, Workflow
from gateway.simulator.contingency import contingencies, ground
from gateway.simulator.jobs import all_cores
from gateway.simulator.run import run
from gateway.simulator.traffic import generate
from gateway.simulator.world import Pattern, World

VENDORS, MODELS_EACH = 6, 2
WORKFLOWS = 5
REQUESTS = 2000  # for each workflow and loss
PER_MINUTE = 120.0
SECONDS = 1800.0
REPEATS = 5
SEED = 1


class SimulatorTime(NamedTuple):
    """CPU microseconds a simulated request on one core, and seconds on the wall for N-1 on all cores."""

    request: float
    contingencies: float


def simulator_time() -> SimulatorTime:
    snapshot, world = _snapshot(), _world()
    requests = generate(snapshot, world, SEED, SECONDS)
    each = []
    for _ in range(REPEATS):
        began = time.process_time()
        course = run(snapshot, world, (), requests, SEED)
        each.append((time.process_time() - began) / len(course.records) * 1e6)
    began = time.perf_counter()
    contingencies(ground(snapshot, world, SEED, REQUESTS), all_cores(), 0)
    return SimulatorTime(median(each), time.perf_counter() - began)


def _snapshot() -> Snapshot:
    """12 deployments of 6 vendors in 20 domains, 3 routes, 5 workflows."""
    deployments = [_deployment(vendor, model) for vendor in range(VENDORS) for model in range(MODELS_EACH)]
    tiers = tuple(tuple(deployments[at : at + 4]) for at in range(0, len(deployments), 4))
    routes = (
        Route("first", tiers, "priority", attempts=4),
        Route("fast", tiers, "least-latency", attempts=4),
        Route("spread", tiers[::-1], "weighted", attempts=4),
    )
    workflows = (
        Workflow(f"w{index}", "owner", slo=Slo(0.99, 5.0), usd_per_minute=10.0 * index) for index in range(WORKFLOWS)
    )
    return Snapshot(
        "bench",
        {one.id: one for one in deployments},
        {route.name: route for route in routes},
        {workflow.id: workflow for workflow in workflows},
    )


def _deployment(vendor: int, model: int) -> Deployment:
    name = f"vendor-{vendor}"
    domains = (
        Domain("vendor", name),
        Domain("maker", name),
        Domain("cloud", f"cloud-{vendor % 2}"),
        Domain("region", f"region-{model}"),
        Domain("edge", f"edge-{vendor % 2}"),
        Domain("jurisdiction", "US" if vendor < VENDORS - 1 else "EU"),
    )
    return Deployment(
        id=f"{name}-{model}",
        vendor=name,
        maker=name,
        model=f"model-{model}",
        api="openai",
        base_url="http://127.0.0.1/v1",
        domains=domains,
        price=Price(0.15, 0.60),
    )


def _world() -> World:
    return World(patterns={f"w{index}": Pattern(per_minute=PER_MINUTE) for index in range(WORKFLOWS)})
