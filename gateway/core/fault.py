"""A fault: one disturbance of one failure domain in a time window, and what it does to a call that begins within it.

Pure: chance comes in as a number from [0, 1). The simulator strikes simulated calls with it, a drill real ones.

    Fault         what, on whom, from when to when
    Exposure      all faults that hit one deployment, by time
    Conditions    what a call to it meets now
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import NamedTuple

from gateway.core.model import Deployment
from gateway.core.outcome import Kind

STEP = 1.0  # seconds in which a ramp moves


class FaultKind(Enum):
    OUTAGE = "outage"
    ERRORS = "errors"
    RATE_LIMIT = "rate_limit"  # the vendor says 429, whatever our quota
    QUOTA = "quota"  # our quota shrinks to `factor`
    LATENCY = "latency"  # everything takes `factor` times as long
    SLOW_FIRST_TOKEN = "slow_first_token"  # noqa: S105 the first token comes `seconds` later
    STALL = "stall"
    CUT = "cut"
    AUTH = "auth"
    CREDIT = "credit"
    BLOCKED = "blocked"  # access withdrawn: country, terms, organisation
    RETIRED = "retired"
    REJECTING = "rejecting"  # the vendor's own 400 for requests that worked a minute ago
    PRICE = "price"  # `factor` times the price
    QUALITY = "quality"  # well-formed answers that are wrong: no gateway can see it
    EXIT = "exit"  # the domain is gone for good


Mix = tuple[tuple[Kind, float], ...]

# How the calls fail, with weights that sum to 1. The mix of an outage is that of the telemetry outage of 2024-12-11.
USUAL_MIX: Mapping[FaultKind, Mix] = {
    FaultKind.OUTAGE: ((Kind.SERVER_ERROR, 0.4), (Kind.OVERLOADED, 0.4), (Kind.TIMEOUT, 0.2)),
    FaultKind.ERRORS: ((Kind.SERVER_ERROR, 1.0),),
    FaultKind.RATE_LIMIT: ((Kind.RATE_LIMITED, 1.0),),
    FaultKind.STALL: ((Kind.STALLED, 1.0),),
    FaultKind.CUT: ((Kind.CUT, 1.0),),
    FaultKind.AUTH: ((Kind.UNAUTHORIZED, 1.0),),
    FaultKind.CREDIT: ((Kind.NO_CREDIT, 1.0),),
    FaultKind.BLOCKED: ((Kind.FORBIDDEN, 1.0),),
    FaultKind.RETIRED: ((Kind.MODEL_GONE, 1.0),),
    FaultKind.REJECTING: ((Kind.BAD_REQUEST, 1.0),),
    FaultKind.EXIT: ((Kind.UNREACHABLE, 1.0),),
}
# What a vendor can do to a call; the other kinds of outcome are ours or the caller's.
FAILURES = frozenset(kind for mix in USUAL_MIX.values() for kind, _ in mix) | {Kind.MALFORMED}


@dataclass(frozen=True, slots=True)
class Selector:
    """Who is hit: a deployment that matches one of the patterns of every kind named, or that `other` hits.

    `patterns` by kind of domain, or "deployment" for ids; `*` and `?` stand for text. A kind the deployment does not
    state matches nothing.
    """

    patterns: Mapping[str, tuple[str, ...]]
    other: "Selector | None" = None

    def hits(self, deployment: Deployment) -> bool:
        mine = all(_matches(deployment, kind, patterns) for kind, patterns in self.patterns.items())
        return mine or (self.other is not None and self.other.hits(deployment))

    def __str__(self) -> str:
        mine = " and ".join(f"{kind} {' or '.join(patterns)}" for kind, patterns in self.patterns.items())
        return f"{mine}, or {self.other}" if self.other else mine


@dataclass(frozen=True, slots=True)
class Demand:
    """Where the load goes: `after` seconds, every deployment that is not hit gets `factor` times its usual load."""

    factor: float
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Times are seconds after the scenario's start; `end` is infinite where it stays.

    `share` (0..1) of the calls, or of the answers, is hit. `factor` multiplies latency, quota or price; `seconds` is
    added to the first token. `ramp_up` and `ramp_down` lie inside the window.
    """

    kind: FaultKind
    on: Selector
    start: float = 0.0
    end: float = math.inf
    share: float = 1.0
    factor: float = 1.0
    seconds: float = 0.0
    mix: Mix = ()
    retry_after: float | None = None
    ramp_up: float = 0.0
    ramp_down: float = 0.0
    demand: Demand | None = None

    def strength(self, now: float) -> float:
        """0 outside the window, 1 in its middle, between the two while it ramps."""
        if not self.start <= now < self.end:
            return 0.0
        rising = (now - self.start) / self.ramp_up if self.ramp_up else 1.0
        falling = (self.end - now) / self.ramp_down if self.ramp_down else 1.0
        return min(rising, falling, 1.0)

    def ramps(self, now: float) -> bool:
        return self.start <= now < self.start + self.ramp_up or self.end - self.ramp_down <= now < self.end


class Failing(NamedTuple):
    """`share` of the calls fails, in one of the ways of `mix`."""

    share: float
    mix: Mix
    retry_after: float | None


class Blow(NamedTuple):
    kind: Kind
    retry_after: float | None


class Delay(NamedTuple):
    """`share` of the calls waits `seconds` longer for its first token."""

    share: float
    seconds: float


class Conditions(NamedTuple):
    """What a call meets. `slower`, `quota`, `price` and `load` are factors, `poor` is a share of the answers."""

    failing: tuple[Failing, ...] = ()
    slower: float = 1.0
    delays: tuple[Delay, ...] = ()
    quota: float = 1.0
    price: float = 1.0
    poor: float = 0.0
    load: float = 1.0

    def strike(self, chance: float) -> Blow | None:
        """Does this call fail, and how? `chance` is uniform on [0, 1).

        One number serves several independent faults: given that it missed the first, what is left of it is uniform
        again once it is stretched.
        """
        for share, mix, retry_after in self.failing:
            if chance < share:
                return Blow(_pick(mix, chance / share), retry_after)
            chance = (chance - share) / (1.0 - share)
        return None

    def delay(self, chance: float) -> float:
        """Seconds that this call waits longer. `chance` as for `strike`."""
        waited = 0.0
        for share, seconds in self.delays:
            hit = chance < share
            waited += seconds if hit else 0.0
            chance = chance / share if hit else (chance - share) / (1.0 - share)
        return waited


CALM = Conditions()


class Exposure:
    """All that befalls one deployment, looked up by time. Times may come in any order; nearby ones are cheap."""

    __slots__ = ("_changes", "_conditions", "_hits", "_others", "_since", "_until")

    def __init__(self, deployment: Deployment, faults: Iterable[Fault]) -> None:
        known = tuple(faults)
        self._hits = tuple(fault for fault in known if fault.on.hits(deployment))
        self._others = tuple(fault for fault in known if fault.demand and not fault.on.hits(deployment))
        self._changes = sorted({0.0, math.inf, *_changes(self._hits), *_arrivals(self._others)})
        self._since = self._until = -math.inf
        self._conditions = CALM

    def at(self, now: float) -> Conditions:
        if not self._since <= now < self._until:
            self._look_up(now)
        return self._conditions

    def _look_up(self, now: float) -> None:
        self._since = max((at for at in self._changes if at <= now), default=-math.inf)
        self._until = min(at for at in self._changes if at > now)
        if any(fault.ramps(now) for fault in self._hits) or any(_load_ramps(fault, now) for fault in self._others):
            self._since, self._until = now, min(self._until, now + STEP)
        found = _conditions(self._hits, self._others, now)
        self._conditions = CALM if found == CALM else found  # whoever sees CALM itself looks no further


def _matches(deployment: Deployment, kind: str, patterns: Sequence[str]) -> bool:
    if kind == "deployment":
        names = [deployment.id]
    else:
        names = [domain.name for domain in deployment.domains if domain.kind == kind]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _changes(faults: Iterable[Fault]) -> Iterable[float]:
    for fault in faults:
        yield from (fault.start, fault.start + fault.ramp_up, fault.end - fault.ramp_down, fault.end)


def _arrivals(faults: Iterable[Fault]) -> Iterable[float]:
    for fault in faults:
        assert fault.demand
        yield from (fault.start + fault.demand.after + moved for moved in (0.0, fault.ramp_up))
        yield from (fault.end - fault.ramp_down, fault.end)


def _load_ramps(fault: Fault, now: float) -> bool:
    assert fault.demand
    return fault.ramps(now) or fault.ramps(now - fault.demand.after)


def _conditions(hits: Iterable[Fault], others: Iterable[Fault], now: float) -> Conditions:
    failing: list[Failing] = []
    delays: list[Delay] = []
    slower, quota, price, spared, load = 1.0, 1.0, 1.0, 1.0, 1.0
    for fault in hits:
        strength = fault.strength(now)
        factor = 1.0 + (fault.factor - 1.0) * strength
        match fault.kind:
            case _ if not strength:
                continue
            case FaultKind.LATENCY:
                slower *= factor
            case FaultKind.SLOW_FIRST_TOKEN:
                delays.append(Delay(fault.share, fault.seconds * strength))
            case FaultKind.QUOTA:
                quota *= factor
            case FaultKind.PRICE:
                price *= factor
            case FaultKind.QUALITY:
                spared *= 1.0 - fault.share * strength
            case kind:
                failing.append(Failing(fault.share * strength, fault.mix or USUAL_MIX[kind], fault.retry_after))
    for fault in others:
        assert fault.demand
        # Whoever left comes over late; once the fault is over they are gone at once.
        arrived = min(fault.strength(now), fault.strength(now - fault.demand.after))
        load = max(load, 1.0 + (fault.demand.factor - 1.0) * arrived)
    return Conditions(tuple(failing), slower, tuple(delays), quota, price, 1.0 - spared, load)


def _pick(mix: Mix, chance: float) -> Kind:
    for kind, weight in mix:
        if chance < weight:
            return kind
        chance -= weight
    return mix[-1][0]
