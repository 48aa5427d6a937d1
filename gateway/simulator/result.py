"""What a study finds, as plain values: they are what `--json` prints and what the reports are made from.

Shares are 0..1, times seconds, money USD. Domains and pairs of them are named `vendor:openai`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["secure", "degraded", "lost"]
CaseKind = Literal["N-1", "N-2", "N-1-1"]


# -- one scenario ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quantiles:
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """One step of a timeline. `served` counts answers by deployment; requests count where they began."""

    at: float
    requests: int
    failed: int
    served: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SloVerdict:
    """`met` is None where the workflow promises nothing, or nothing was measured. `missed` says what, in words."""

    met: bool | None
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """What one workflow saw of a scenario. Figures of nothing (no request, no stream) are None.

    `success`: share of requests with a whole answer. `degraded`: answers of a later tier than the first.
    `poor`: answers of good form and bad content, by a quality fault. `failures`: by outcome.
    `detect`: from the first fault's start to the first breaker that opened for it. `fail_over`: from the same start to
    the first answer of a spared deployment in the stead of one that is hit. `recover`: from the last fault's end until,
    for good, as many requests are served by their usual deployments as before.
    `first_token` is of streams, `total` of all answers. `usd_lost`: minutes without an answer times the workflow's
    value. `over_quota`: requests that a used-up quota kept from a deployment.
    """

    workflow: str
    owner: str
    criticality: str
    requests: int
    success: float | None
    baseline_success: float | None
    degraded: int
    poor: int
    failures: Mapping[str, int]
    first_token: Quantiles | None
    total: Quantiles | None
    baseline_first_token: Quantiles | None
    attempts: float | None
    usd: float
    baseline_usd: float
    served_by: Mapping[str, int]
    over_quota: Mapping[str, int]
    detect: float | None
    fail_over: float | None
    recover: float | None
    minutes_lost: float
    usd_lost: float
    slo: SloVerdict
    timeline: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class DrawnFault:
    """A fault as it came. `end` is None where it stays; `hits` are deployments."""

    kind: str
    on: str
    start: float
    end: float | None
    share: float
    hits: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True)
class Source:
    """Of an incident: when it was, what is known and what was assumed to replay it."""

    date: str
    facts: str
    assumed: str
    verified: bool
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """`hits`: the deployments that any fault can reach; none means that this could not have touched the config.

    `tested`: there was traffic, and of the faults that came at least one came in its time.
    `breakers`: when which breaker changed, "closed>open", and why.
    """

    id: str
    title: str
    about: str
    source: Source | None
    duration: float
    faults: tuple[DrawnFault, ...]
    hits: tuple[str, ...]
    workflows: tuple[WorkflowResult, ...]
    breakers: tuple[tuple[float, str, str, str], ...]
    tested: bool = True

    @property
    def passed(self) -> bool:
        return self.tested and all(workflow.slo.met is not False for workflow in self.workflows)


# -- contingencies ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effect:
    """What one loss means for one workflow. `usd` and `first_token_p95` are differences to the same traffic without it.

    `usd` is per answer (None without one), `first_token_p95` None without streams. `over_quota`: survivors whose quota
    did not hold. `worst_minute`: the lowest share served in any minute (None: all had too few requests). `transition`:
    minutes' worth of requests lost before the loss was got over. `steady`: the share served after that.
    """

    verdict: Verdict
    served: float
    requests: int
    usd: float | None
    first_token_p95: float | None
    over_quota: tuple[str, ...]
    worst_minute: float | None
    transition: float
    steady: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One contingency. `lost` are domains, `hits` the deployments that went with them.

    `correlated`: why the two are expected to fall together, "" where nothing says so.
    """

    kind: CaseKind
    lost: tuple[str, ...]
    hits: tuple[str, ...]
    effects: Mapping[str, Effect]
    correlated: str = ""


@dataclass(frozen=True, slots=True)
class Importance:
    """Of one domain for one workflow. `unavailability` None: no rate is known, it counts as 0.

    `birnbaum` and `raw` as in `simulator/importance.py`; `raw` is None where the workflow cannot fail otherwise.
    """

    domain: str
    unavailability: float | None
    birnbaum: float
    raw: float | None


@dataclass(frozen=True, slots=True)
class Dependence:
    """How one workflow hangs on the domains. `cut_sets`: each a smallest set of domains whose loss stops it.

    `single_points`: the cut sets of one. `unavailability`: of the workflow, from the known rates; `below_order`: the
    sets that were looked for have at most so many members.
    `index`: max over vendors of (1 - share served without it), by simulation; `index_vendor`: that vendor.
    """

    workflow: str
    cut_sets: tuple[tuple[str, ...], ...]
    single_points: tuple[str, ...]
    unavailability: float
    below_order: int
    importance: tuple[Importance, ...]
    index: float
    index_vendor: str


@dataclass(frozen=True, slots=True)
class Concentration:
    """Of one kind of domain by one measure. `shares` by name, largest first; "not stated" where a deployment says none.

    `hhi` 0..10,000; `effective` = 10,000 / hhi. `hhi_without_top`: of the shares once the largest is lost; None where
    nothing serves then.
    """

    kind: str
    measure: Literal["traffic", "spend", "value"]
    shares: Mapping[str, float]
    hhi: float
    effective: float
    hhi_without_top: float | None


@dataclass(frozen=True, slots=True)
class YearLoss:
    """Of one workflow in a simulated year, over many years. Minutes lost and USD; `shortfall_95` and `_975` are the
    expected shortfall: the mean of the worst 5 and 2.5 % of the years.
    """

    workflow: str
    minutes_mean: float
    minutes_p50: float
    minutes_p95: float
    usd_mean: float
    usd_p95: float
    usd_shortfall_95: float
    usd_shortfall_975: float
    by_domain: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Year:
    """`total`: all workflows together, in money. `sources`: the outage rates used, in words."""

    years: int
    workflows: tuple[YearLoss, ...]
    total: YearLoss
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """One change to the config and what it was seen to do when the changed config was simulated.

    `change` is YAML in the config's own words. `at_stake_*`: the expected loss in USD a year, and the cases (workflow
    times N-1 domain) that are not secure. `needs`: what someone has to agree to or to buy, "" for nothing.
    """

    title: str
    change: str
    needs: str
    at_stake_before: float
    at_stake_after: float
    not_secure_before: int
    not_secure_after: int
    single_points_before: int
    single_points_after: int


@dataclass(frozen=True, slots=True)
class ContingencyResult:
    """`domains` by N-1 case in the order of the matrix. `floor`: the share that counts as served where no SLO says."""

    cases: tuple[Case, ...]
    dependence: tuple[Dependence, ...]
    concentration: tuple[Concentration, ...]
    year: Year
    advice: tuple[Advice, ...]
    together: Advice | None
    pairs_left_out: int
    requests_per_case: int


# -- the whole -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    """From the config."""

    id: str
    owner: str
    criticality: str
    usd_per_minute: float
    slo_success: float | None
    slo_first_token_p95: float | None
    routes: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """Everything one command found, with what is needed to get the same again: `command`, seed, revision, commit.

    `assumptions` are sentences. `commit` is that of the repository the config lies in, None outside of one.
    """

    command: str
    version: str
    config: str
    revision: str
    commit: str | None
    seed: int
    assumptions: tuple[str, ...]
    workflows: tuple[WorkflowFacts, ...]
    scenarios: tuple[ScenarioResult, ...] = ()
    contingency: ContingencyResult | None = None
    notes: tuple[str, ...] = ()
