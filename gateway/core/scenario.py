"""A scenario: a timeline of faults, some of them uncertain, that a seed makes certain."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from gateway.core.fault import Fault, Selector
from gateway.core.model import Deployment


@dataclass(frozen=True, slots=True)
class Span:
    """A time in seconds, fixed or drawn. `low` is the fixed value, the low bound, the mean or the median.

    `high`: the high bound of "uniform", the 95th percentile of "lognormal".
    """

    shape: Literal["fixed", "uniform", "exponential", "lognormal"]
    low: float
    high: float = 0.0

    def draw(self, rng: Random) -> float:
        match self.shape:
            case "fixed":
                return self.low
            case "uniform":
                return rng.uniform(self.low, self.high)
            case "exponential":
                return rng.expovariate(1.0 / self.low)
            case "lognormal":
                return rng.lognormvariate(math.log(self.low), sigma(self.low, self.high))


def sigma(median: float, p95: float) -> float:
    """Of the lognormal distribution with this median and this 95th percentile."""
    return math.log(p95 / median) / 1.6448536269514722


NOW = Span("fixed", 0.0)
FOR_GOOD = Span("fixed", math.inf)


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault whose time is not certain yet; `fault.start` and `fault.end` say nothing.

    Those of one correlation group happen or do not happen together, and draw the same luck for their times.
    `probability` is 0..1. `basis` says which of its figures are facts and which are assumed.
    """

    fault: Fault
    start: Span = NOW
    duration: Span = FOR_GOOD
    probability: float = 1.0
    group: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scenario comes from, when it is something that has happened or was announced.

    `date` is ISO 8601; `begins` the time of day (UTC, seconds after midnight) of the scenario's start, where known.
    """

    date: str
    sources: tuple[str, ...]
    facts: str
    assumed: str
    verified: bool
    begins: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """`duration` in seconds. `origin`: of an incident; None for one that was thought up."""

    id: str
    title: str
    duration: float
    planned: tuple[Planned, ...]
    about: str = ""
    origin: Origin | None = None

    def draw(self, rng: Callable[[str], Random]) -> tuple[Fault, ...]:
        """The faults as they come this time. `rng(name)` gives the random stream of that name, from its start."""
        drawn = (_draw(planned, rng(planned.group or f"fault {index}")) for index, planned in enumerate(self.planned))
        return tuple(fault for fault in drawn if fault is not None)

    def hit(self, deployments: Iterable[Deployment]) -> tuple[Deployment, ...]:
        """Those that any of its faults can hit."""
        return tuple(one for one in deployments if any(planned.fault.on.hits(one) for planned in self.planned))

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return tuple(planned.fault.on for planned in self.planned)


def _draw(planned: Planned, rng: Random) -> Fault | None:
    if rng.random() >= planned.probability:
        return None
    start = planned.start.draw(rng)
    return replace(planned.fault, start=start, end=start + planned.duration.draw(rng))
