"""The nouns of the gateway: what can be called, who may call it, and under which rules.

Everything here is frozen. `gateway/config/compile.py` builds a `Snapshot` from the file; a request takes one
snapshot at its start and keeps it to its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Literal, NamedTuple

DomainKind = Literal["vendor", "maker", "model", "cloud", "region", "account", "edge", "jurisdiction"]
PolicyName = Literal["priority", "weighted", "least-latency", "least-busy", "lowest-cost"]
OnInterrupt = Literal["fail", "continue"]
WhenAllOpen = Literal["fail", "try_least_bad"]
Criticality = Literal["low", "medium", "high"]


class Domain(NamedTuple):
    """A failure domain: anything whose loss takes deployments down together."""

    kind: DomainKind
    name: str


class Need(IntFlag):
    """What a request needs of a deployment, and what a deployment can do."""

    NONE = 0
    TOOLS = 1
    VISION = 2
    JSON_SCHEMA = 4
    STREAM = 8


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `stall` is the longest silence between two meaningful events of a reply."""

    connect: float = 3.0
    first_token: float = 10.0
    stall: float = 15.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the vendor allows us: requests and tokens a minute, requests at once. None: unbounded."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. `source` says where the figures come from."""

    input: float = 0.0
    output: float = 0.0
    source: str = "unknown"

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """USD."""
        return (input_tokens * self.input + output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """One callable model: vendor + model + region + account + credential + limits + price.

    `api` is the dialect it speaks. `prefill`: does it go on from a partial assistant message? `context` is in
    tokens, None when unknown. `domains` holds each failure domain it hangs on, its own vendor first.
    """

    id: str
    vendor: str
    maker: str
    model: str
    api: str
    base_url: str
    domains: tuple[Domain, ...]
    api_key: str = field(default="", repr=False)
    can: Need = Need.TOOLS | Need.VISION | Need.JSON_SCHEMA | Need.STREAM
    prefill: bool = False
    context: int | None = None
    limits: Limits = Limits()
    price: Price = Price()
    timeouts: Timeouts = Timeouts()
    weight: float = 1.0
    identity: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # While this stays the same across a reload, what was learnt about its health still holds.
        object.__setattr__(self, "identity", (self.id, self.vendor, self.base_url, self.model, self.api_key))

    def domain(self, kind: DomainKind) -> str | None:
        return next((domain.name for domain in self.domains if domain.kind == kind), None)


Tier = tuple[Deployment, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """The `model` name an app asks for: ordered tiers of deployments, and a policy that chooses inside a tier.

    `attempts` bounds the calls of one request, `deadline` (seconds) its whole life. `on_refusal`: may a content
    refusal be taken to the next deployment?
    """

    name: str
    tiers: tuple[Tier, ...]
    policy: PolicyName = "priority"
    attempts: int = 3
    deadline: float = 120.0
    on_interrupt: OnInterrupt = "fail"
    when_all_open: WhenAllOpen = "try_least_bad"
    on_refusal: Literal["fail", "fallback"] = "fail"

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return tuple(deployment for tier in self.tiers for deployment in tier)


@dataclass(frozen=True, slots=True)
class Allow:
    """A workflow's constraint: allowed names by domain kind. A kind that is not listed is not constrained.

    It fails closed: a deployment that does not say which region it is in is refused by a rule on regions.
    """

    names: Mapping[DomainKind, frozenset[str]] = field(default_factory=dict)

    def refusal(self, deployment: Deployment) -> str | None:
        """Why this deployment may not serve, or None."""
        for kind, allowed in self.names.items():
            name = deployment.domain(kind)
            if name not in allowed:
                return f"{kind} {name or 'unknown'} is not allowed"
        return None


@dataclass(frozen=True, slots=True)
class Slo:
    """`success` is a share (0..1); `first_token_p95` is in seconds."""

    success: float | None = None
    first_token_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """The business process that calls. `routes` empty: all routes."""

    id: str
    owner: str
    criticality: Criticality = "medium"
    routes: frozenset[str] = frozenset()
    allow: Allow = Allow()
    slo: Slo = Slo()
    usd_per_minute: float = 0.0

    def may_use(self, route: str) -> bool:
        return not self.routes or route in self.routes


ANONYMOUS = Workflow(id="anonymous", owner="")  # whoever calls where no key is needed, and names none


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's key, known only by its SHA-256 (hex). `workflows` are those its header may name besides its own."""

    id: str
    sha256: str
    workflow: str
    workflows: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker trips and how it comes back. Shares are 0..1, durations seconds.

    It trips on `consecutive` failures, or, among at least `minimum_calls` in `window`, on a share of failures or
    of slow streams (first token later than `slow_after` of its timeout).
    """

    consecutive: int = 5
    failure_share: float = 0.5
    slow_share: float = 0.8
    slow_after: float = 0.75
    minimum_calls: int = 10
    window: float = 60.0
    open: float = 5.0
    open_max: float = 300.0
    half_open_probes: int = 1
    close_after: int = 3
    ramp: float = 10.0


@dataclass(frozen=True, slots=True)
class RetryBudgetSettings:
    """Second attempts may be `share` of the requests of the last minute, plus `floor` at any time."""

    share: float = 0.2
    floor: int = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One compiled config. `revision` is the hash of what was read; it stands in headers, metrics and decisions."""

    revision: str
    deployments: Mapping[str, Deployment]
    routes: Mapping[str, Route]
    workflows: Mapping[str, Workflow]
    keys: tuple[Key, ...] = ()
    breaker: BreakerSettings = BreakerSettings()
    retry_budget: RetryBudgetSettings = RetryBudgetSettings()
    ledger_url: str = "sqlite:///var/ledger.db"
    state_url: str = "memory://"
