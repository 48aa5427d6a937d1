"""Requests of a day that never was: when each workflow asks, for what, how much.

Drawn for each workflow from streams of its own, so that the traffic is the same whatever the config routes it to.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.config.exposure import embeds
from gateway.core.candidates import candidates
from gateway.core.model import Deployment, Need, Route, Snapshot, Workflow
from gateway.simulator.luck import generator
from gateway.simulator.world import Bursts, Daily, Lognormal, Pattern, World

LONGEST = 200_000.0  # tokens: the tail of a distribution that nobody measured
STRUCTURED = Need.TOOLS | Need.JSON_SCHEMA

Floats = NDArray[np.float64]


class Request(NamedTuple):
    """One call of an app. `at` is seconds; `number` counts within the workflow.

    `then`: the calls of the same agent's task that follow it, each when the one before has been answered, after
    `pause` seconds. Their own `at` says nothing.
    """

    at: float
    number: int
    workflow: Workflow
    route: Route
    stream: bool
    input_tokens: int
    output_tokens: int
    need: Need = Need.NONE
    resumable: bool = False
    pause: float = 0.0
    then: tuple["Request", ...] = ()


class Source(NamedTuple):
    """A workflow that sends, and what."""

    workflow: Workflow
    pattern: Pattern
    routes: Sequence[Route]


def sources(snapshot: Snapshot, world: World) -> list[Source]:
    """Workflows with a route to send to; one without routes, or with no traffic, sends nothing."""
    return [
        Source(workflow, pattern, routes)
        for workflow in snapshot.workflows.values()
        if (pattern := world.pattern(workflow.id)).per_minute > 0 and (routes := _routes(workflow, pattern, snapshot))
    ]


def routed(snapshot: Snapshot) -> list[Deployment]:
    """Those that some route leads to: nothing else can be missed."""
    return list({one.id: one for route in snapshot.routes.values() for one in route.deployments}.values())


def candidates_of(workflow: Workflow, snapshot: Snapshot, world: World) -> list[Deployment]:
    """Those that may serve the workflow on one of the routes it sends to."""
    pattern = world.pattern(workflow.id)
    found = (candidates(route, workflow.allow, pattern.need) for route in _routes(workflow, pattern, snapshot))
    return list({one.id: one for each in found for one in each.deployments}.values())


def at_rate(world: World, snapshot: Snapshot, per_second: float) -> World:
    """The same traffic, all of it together scaled to so many arrivals a second."""
    patterns = {source.workflow.id: source.pattern for source in sources(snapshot, world)}
    total = sum(pattern.per_minute for pattern in patterns.values())
    if not total:
        return world
    scale = per_second * 60.0 / total
    scaled = {id_: replace(pattern, per_minute=pattern.per_minute * scale) for id_, pattern in patterns.items()}
    return replace(world, patterns={**world.patterns, **scaled})


def busiest(snapshot: Snapshot, world: World) -> float:
    """The full hour (seconds of the day) in which all workflows together send most; 0 if it is always the same."""

    def rate(hour: int) -> float:
        return sum(
            source.pattern.per_minute * float(_daily(source.pattern.daily, np.array([hour * 3600.0]))[0])
            for source in sources(snapshot, world)
        )

    return max(range(24), key=rate) * 3600.0


def generate(snapshot: Snapshot, world: World, seed: int, duration: float, begins: float = 0.0) -> list[Request]:
    """All arrivals within `duration` seconds, by time. `begins` is the time of day (seconds) at which they start."""
    found = [
        request
        for source in sources(snapshot, world)
        for request in _requests(source, seed, arrivals(source.pattern, seed, source.workflow.id, duration, begins))
    ]
    return sorted(found, key=lambda request: (request.at, request.workflow.id, request.number))


def arrivals(pattern: Pattern, seed: int, name: str, duration: float, begins: float = 0.0) -> Floats:
    """Times of a Poisson process, or of one whose rate follows the daily curve and the bursts.

    By thinning: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning" (1979).
    """
    source = generator(seed, "arrivals", name)
    bursts = _bursts(pattern.bursts, seed, name, duration)
    factor = (1.0 + pattern.daily.swing if pattern.daily else 1.0) * (pattern.bursts.factor if pattern.bursts else 1.0)
    peak = pattern.per_minute / 60.0 * max(1.0, factor)
    expected = peak * duration
    gaps = source.exponential(1.0 / peak, int(expected + 6.0 * math.sqrt(expected) + 20.0))
    times = np.cumsum(gaps)
    times = times[times < duration]
    rate = pattern.per_minute / 60.0 * _daily(pattern.daily, times + begins) * _bursting(pattern.bursts, bursts, times)
    return times[source.random(times.size) * peak < rate]


def shape(stream: bool, need: Need) -> tuple[Need, bool]:
    """What such a request needs of a deployment, and whether another one could go on with its answer."""
    return (need | Need.STREAM if stream else need), stream and not need & STRUCTURED


def _routes(workflow: Workflow, pattern: Pattern, snapshot: Snapshot) -> list[Route]:
    if pattern.routes:
        return [snapshot.routes[name] for name in pattern.routes]
    return [route for route in snapshot.routes.values() if workflow.may_use(route.name)]


def _daily(daily: Daily | None, times: Floats) -> Floats:
    if daily is None:
        return np.ones_like(times)
    return 1.0 + daily.swing * np.cos((times - daily.peak) * (2.0 * math.pi / 86_400.0))


def _bursts(bursts: Bursts | None, seed: int, name: str, duration: float) -> Floats:
    """When each burst begins."""
    if bursts is None:
        return np.empty(0)
    count = int(duration / bursts.every * 3.0) + 20
    return np.cumsum(generator(seed, "bursts", name).exponential(bursts.every, count))


def _bursting(bursts: Bursts | None, begins: Floats, times: Floats) -> Floats:
    if bursts is None:
        return np.ones_like(times)
    last = np.searchsorted(begins, times, side="right") - 1
    inside = (last >= 0) & (times < begins[np.maximum(last, 0)] + bursts.lasting)
    return np.where(inside, bursts.factor, 1.0)


def _requests(source: Source, seed: int, times: Floats) -> Iterable[Request]:
    workflow, pattern, routes = source
    calls = pattern.loop.calls if pattern.loop else 1
    count, name = times.size * calls, workflow.id
    weights = _weights(pattern.routes, routes)
    drawn = np.searchsorted(np.cumsum(weights), generator(seed, "routes", name).random(count))
    chosen = np.minimum(drawn, len(routes) - 1)
    writes = np.array([not embeds(route) for route in routes])[chosen]
    streams = (generator(seed, "streams", name).random(count) < pattern.stream) & writes
    read = _tokens(pattern.input, generator(seed, "input", name), count)
    written = _tokens(pattern.output, generator(seed, "output", name), count) * writes
    pause = pattern.loop.pause if pattern.loop else 0.0
    shapes = {stream: shape(stream, pattern.need) for stream in (False, True)}
    columns = (column.tolist() for column in (chosen, streams, read, written))
    calls_made = [
        Request(0.0, number, workflow, routes[route], stream, given, made, *shapes[stream], pause)
        for number, (route, stream, given, made) in enumerate(zip(*columns, strict=True))
    ]
    for index, at in enumerate(times.tolist()):
        first, *rest = calls_made[index * calls : (index + 1) * calls]
        yield first._replace(at=at, then=tuple(rest))


def _weights(given: Mapping[str, float], routes: Sequence[Route]) -> list[float]:
    weights = [given.get(route.name, 1.0) if given else 1.0 for route in routes]
    total = sum(weights)
    return [weight / total for weight in weights]


def _tokens(amount: Lognormal, source: np.random.Generator, count: int) -> NDArray[np.int64]:
    drawn = amount.median * np.exp(amount.sigma * source.standard_normal(count))
    return np.clip(drawn, 1.0, LONGEST).astype(np.int64)
