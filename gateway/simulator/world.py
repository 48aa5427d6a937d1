"""What the simulator assumes of the world: how vendors behave, how often domains fail, what workflows send.

Every figure here is either calibrated (the source stands with it) or an assumption, and the report lists them all.
A world file overrides each.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.model import Deployment, Domain, DomainKind, Need, Snapshot
from gateway.core.scenario import sigma

MINUTE = 60.0
DAY = 86_400.0

# Published 90-day uptime, the middle of the range that 380 hourly snapshots of the vendors' status pages showed in the
# second quarter of 2026: Claude API 98.41-99.55 %, OpenAI APIs 99.56-99.99 %. (github.com/jskoiz/thenines.online)
UPTIME: Mapping[str, float] = {"anthropic": 0.9898, "openai": 0.99775}
# Of a vendor without a figure: the mean of the two.
USUAL_UPTIME = 0.993775
# 26 bad days of the Claude API in 90 days to 2026-07-01: median 62 minutes, mean 67.6. (same source)
REPAIR_MEAN = 67.6 * MINUTE
REPAIR_MEDIAN = 62.0 * MINUTE
# Outages of a whole cloud, region or edge in the incident library, 2023-11 to 2026-06 (2.6 years): about one each,
# for eight hours.
SHARED_LAYER_BETWEEN = 2.6 * 365 * DAY
SHARED_LAYER_REPAIR = 8 * 3600.0
# Beta factor of the unknown common cause between vendors. 174 days of two vendors' status pages showed no dependence,
# but cannot exclude a few per cent; 0.01-0.1 is usual (NUREG/CR-5485).
BETA = 0.02


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A positive amount: half lies below `median`, one in twenty above `p95`."""

    median: float
    p95: float

    @property
    def sigma(self) -> float:
        return sigma(self.median, self.p95)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a deployment behaves when nothing special is the matter.

    `first_token` in seconds, `speed` in output tokens a second, `errors` the share of calls that fail all the same.
    `headroom`: how many times its usual load the vendor can take before it sheds (None: as much as may come).
    `rpm`, `tpm`, `concurrency`: what the vendor really grants us; None: what the config's limits say.
    """

    first_token: Lognormal = Lognormal(0.6, 1.8)
    speed: Lognormal = Lognormal(80.0, 140.0)
    errors: float = 1.0 - USUAL_UPTIME
    headroom: float | None = 1.5
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Daily:
    """The rate swings by `swing` (0..1) around its mean and is highest at `peak` (seconds of the day)."""

    peak: float = 14 * 3600.0
    swing: float = 0.5


@dataclass(frozen=True, slots=True)
class Bursts:
    """On average every `every` seconds the rate is `factor` times as high, for `lasting` seconds."""

    every: float
    lasting: float
    factor: float


@dataclass(frozen=True, slots=True)
class Loop:
    """An agent: each arrival is a task of `calls` calls, one after the other with `pause` seconds between.

    A call that fails ends its task: those that then never happen count as failed with it.
    """

    calls: int
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one workflow sends: `per_minute` arrivals on the mean, `routes` with their weights (empty: all it may use).

    `stream` is the share that is streamed; `input` and `output` are tokens.
    """

    per_minute: float = 60.0
    routes: Mapping[str, float] = field(default_factory=dict)
    stream: float = 0.5
    input: Lognormal = Lognormal(600.0, 3000.0)
    output: Lognormal = Lognormal(150.0, 500.0)
    need: Need = Need.NONE
    daily: Daily | None = None
    bursts: Bursts | None = None
    loop: Loop | None = None


@dataclass(frozen=True, slots=True)
class Outages:
    """Of one domain: seconds between the end of one outage and the next, and their length (mean and median)."""

    between: float
    repair: float = REPAIR_MEAN
    median: float = REPAIR_MEDIAN
    source: str = "given"

    @property
    def unavailability(self) -> float:
        """The share of time it is down in the long run: MTTR / (MTTF + MTTR) of an alternating renewal process."""
        return self.repair / (self.between + self.repair)


@dataclass(frozen=True, slots=True)
class Group:
    """Domains that can fall together: a share `beta` of each one's outages is common to all (beta-factor model)."""

    name: str
    members: tuple[Domain, ...]
    beta: float = BETA


@dataclass(frozen=True, slots=True)
class World:
    """`profiles` by deployment id, `patterns` by workflow id; what is not named has the defaults."""

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    patterns: Mapping[str, Pattern] = field(default_factory=dict)
    outages: Mapping[Domain, Outages] = field(default_factory=dict)
    groups: tuple[Group, ...] | None = None

    def profile(self, deployment: Deployment) -> Profile:
        known = self.profiles.get(deployment.id)
        return known or Profile(errors=1.0 - UPTIME.get(deployment.vendor, USUAL_UPTIME))

    def pattern(self, workflow: str) -> Pattern:
        return self.patterns.get(workflow, Pattern())

    def outages_of(self, domain: Domain) -> Outages | None:
        """None: no rate is known, as of a maker that is forbidden or a model that is withdrawn. Then a scenario, not
        a probability, says what it would mean.
        """
        return self.outages.get(domain) or _usual_outages(domain)

    def common_causes(self, snapshot: Snapshot) -> tuple[Group, ...]:
        """The groups, or by default one of all vendors."""
        if self.groups is not None:
            return self.groups
        vendors = dict.fromkeys(Domain("vendor", one.vendor) for one in snapshot.deployments.values())
        return (Group("all vendors", tuple(vendors)),) if len(vendors) > 1 else ()


_SHARED_LAYERS: frozenset[DomainKind] = frozenset({"cloud", "region", "edge"})


def _usual_outages(domain: Domain) -> Outages | None:
    if domain.kind == "vendor":
        uptime = UPTIME.get(domain.name, USUAL_UPTIME)
        source = "published 90-day uptime" if domain.name in UPTIME else "mean of the published uptimes"
        return Outages(REPAIR_MEAN * uptime / (1.0 - uptime), source=source)
    if domain.kind in _SHARED_LAYERS:
        median = SHARED_LAYER_REPAIR * REPAIR_MEDIAN / REPAIR_MEAN
        return Outages(SHARED_LAYER_BETWEEN, SHARED_LAYER_REPAIR, median, "count in the incident library")
    return None


def lognormal_sigma(mean: float, median: float) -> float:
    """Of the lognormal distribution with this mean and median: mean = median * exp(sigma^2 / 2)."""
    return math.sqrt(max(0.0, 2.0 * math.log(mean / median)))
