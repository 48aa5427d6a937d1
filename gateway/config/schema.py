"""The shape of `gateway.yaml`: every section, every key, every bound. Names are checked in `references.py`.

The defaults are those of `gateway.core.model`, so that they are written once. Every field has a description:
editors show it, and so does the refusal of a file that lacks the field.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from gateway.config import scalars
from gateway.config.machinery import BreakerEntry, LedgerEntry, RetryBudgetEntry, StateEntry
from gateway.config.section import Count, Flag, Name, Seconds, Section, Share, Text, Usd
from gateway.core.model import (
    Criticality,
    DomainKind,
    OnInterrupt,
    PolicyName,
    Timeouts,
    WhenAllOpen,
)

OnRefusal = Literal["fail", "fallback"]

PLURALS: dict[str, DomainKind] = {
    "vendors": "vendor",
    "makers": "maker",
    "models": "model",
    "clouds": "cloud",
    "regions": "region",
    "accounts": "account",
    "edges": "edge",
    "jurisdictions": "jurisdiction",
}

_TIMEOUTS = Timeouts()


class VendorEntry(Section):
    """A party that serves and bills an API."""

    jurisdiction: Name | None = Field(default=None, description="Whose law the vendor answers to, such as US or EU")
    notes: dict[str, Any] = Field(
        default={}, description="Free-form facts for the risk register; the gateway ignores them"
    )


class CapabilitiesEntry(Section):
    """What a deployment can do. A request that needs more goes elsewhere."""

    tools: Flag = Field(default=True, description="Calls tools")
    vision: Flag = Field(default=True, description="Reads images")
    json_schema: Flag = Field(default=True, description="Keeps to a JSON schema in its answer")
    stream: Flag = Field(default=True, description="Streams its answer")
    prefill: Flag | None = Field(
        default=None,
        description="Goes on from a partial assistant message, which on_interrupt: continue then uses; "
        "default: tried once, except where the vendor is known not to",
    )
    context: Count | None = Field(
        default=None, description="Context length in tokens; default: the bundled model table"
    )


class LimitsEntry(Section):
    """What the vendor allows us. Left out: unbounded."""

    rpm: Count | None = Field(default=None, description="Requests a minute")
    tpm: Count | None = Field(default=None, description="Tokens a minute")
    concurrency: Count | None = Field(default=None, description="Requests at once")


class PriceEntry(Section):
    """USD per million tokens."""

    input: Usd = Field(description="USD per million input tokens")
    output: Usd = Field(default=0.0, description="USD per million output tokens")


class TimeoutsEntry(Section):
    """Each phase of a call has its own bound, and each is a cause for fallback."""

    connect: Seconds = Field(default=_TIMEOUTS.connect, description="To open a connection")
    first_token: Seconds = Field(
        default=_TIMEOUTS.first_token, description="To the first meaningful event of the reply"
    )
    stall: Seconds = Field(default=_TIMEOUTS.stall, description="Longest silence between two meaningful events")
    total: Seconds = Field(default=_TIMEOUTS.total, description="The whole call")


class DeploymentEntry(Section):
    """One callable model: vendor, model, place, account, credential, limits and price."""

    vendor: Name = Field(description="Who serves and bills it: a name under vendors")
    maker: Name | None = Field(default=None, description="Who made the model; default: the vendor")
    cloud: Name | None = Field(default=None, description="The cloud it runs on, where known")
    region: Name | None = Field(default=None, description="The region it runs in, where known")
    account: Name | None = Field(default=None, description="The account it is billed to; default: <vendor>/default")
    edge: Name | None = Field(default=None, description="The network edge in front of it, where known")
    api: Annotated[str, scalars.choice("openai", also=" (any OpenAI-compatible API); no other api is supported")] = (
        Field(default="openai", description="The dialect it speaks")
    )
    base_url: Annotated[str, scalars.base_url()] = Field(
        description="Where the vendor's API starts, such as https://api.openai.com/v1"
    )
    api_key: Annotated[str, scalars.credential()] | None = Field(
        default=None,
        repr=False,
        description="The credential, as ${NAME} or ${file:/run/secrets/x}; left out: none is sent",
    )
    model: Text = Field(description="The vendor's name for the model")
    capabilities: CapabilitiesEntry = Field(default=CapabilitiesEntry(), description="What it can do")
    limits: LimitsEntry = Field(default=LimitsEntry(), description="What the vendor allows us")
    price: PriceEntry | None = Field(default=None, description="Default: the bundled price table")
    timeouts: TimeoutsEntry = Field(default=TimeoutsEntry(), description="How long each phase of a call may take")
    weight: Annotated[float, scalars.amount(1_000_000, positive=True)] = Field(
        default=1.0, description="Its part of the traffic under policy: weighted"
    )


class RouteEntry(Section):
    """The model name an app asks for."""

    policy: Annotated[PolicyName, scalars.choice(*get_args(PolicyName))] = Field(
        default="priority", description="How the deployments of a tier are ordered"
    )
    tiers: Annotated[list[Annotated[list[Name], Field(min_length=1)]], Field(min_length=1)] = Field(
        description="Lists of deployments; those of one list serve equally, the next list is the fallback"
    )
    attempts: Annotated[int, scalars.count(1, 10)] = Field(
        default=3, description="Most calls that one request may cause"
    )
    deadline: Seconds = Field(default=120.0, description="The whole life of one request, all attempts together")
    on_interrupt: Annotated[OnInterrupt, scalars.choice(*get_args(OnInterrupt))] = Field(
        default="fail", description="When a stream breaks off: end with an error, or let the next deployment go on"
    )
    when_all_open: Annotated[WhenAllOpen, scalars.choice(*get_args(WhenAllOpen))] = Field(
        default="try_least_bad", description="When every breaker is open"
    )
    on_refusal: Annotated[OnRefusal, scalars.choice(*get_args(OnRefusal))] = Field(
        default="fail", description="May a content refusal be taken to the next deployment?"
    )


_Allowed = Annotated[list[Name], Field(min_length=1)]


class AllowEntry(Section):
    """Allowed names by kind of domain. A kind left out is not constrained; an unknown name is refused."""

    vendors: _Allowed | None = Field(default=None, description="Vendors that may serve")
    makers: _Allowed | None = Field(default=None, description="Makers whose models may serve")
    models: Annotated[list[Text], Field(min_length=1)] | None = Field(default=None, description="Models that may serve")
    clouds: _Allowed | None = Field(default=None, description="Clouds it may run on")
    regions: _Allowed | None = Field(default=None, description="Regions it may run in")
    accounts: _Allowed | None = Field(default=None, description="Accounts that may be billed")
    edges: _Allowed | None = Field(default=None, description="Network edges it may pass")
    jurisdictions: _Allowed | None = Field(default=None, description="Jurisdictions the vendor may be in")


class SloEntry(Section):
    """What the workflow promises."""

    success: Share | None = Field(default=None, description="Share of requests that succeed, such as 99.5%")
    first_token_p95: Seconds | None = Field(default=None, description="95th percentile of the time to the first token")


class ValueEntry(Section):
    """What the workflow is worth."""

    usd_per_minute: Usd = Field(default=0.0, description="Loss while the workflow is down")


class WorkflowEntry(Section):
    """A business process that calls."""

    owner: Text = Field(description="Who answers for it, such as support@example.com")
    criticality: Annotated[Criticality, scalars.choice(*get_args(Criticality))] = Field(
        default="medium", description="How much the business hangs on it"
    )
    routes: list[Name] = Field(default=[], description="Routes it may use; left out: all")
    allow: AllowEntry = Field(default=AllowEntry(), description="Constraints; they hold on every fallback too")
    slo: SloEntry = Field(default=SloEntry(), description="Service level objectives")
    value: ValueEntry = Field(default=ValueEntry(), description="What it is worth")


class KeyEntry(Section):
    """A caller's key, known only by its hash."""

    id: Name = Field(description="Stands in decisions and metrics")
    sha256: Annotated[str, scalars.matching("[0-9a-fA-F]{64}", "the SHA-256 of the key as 64 hex digits")] = Field(
        description="SHA-256 of the key, in hex"
    )
    workflow: Name = Field(description="The workflow whose key this is")
    workflows: list[Name] = Field(default=[], description="Others that the header x-gateway-workflow may name with it")


class Config(Section):
    """The configuration of a Second Source gateway."""

    version: Annotated[int, scalars.count(1, 1)] = Field(description="Version of this file's format: 1")
    vendors: dict[Name, VendorEntry] = Field(min_length=1, description="Who serves: the risk register")
    deployments: dict[Name, DeploymentEntry] = Field(min_length=1, description="What can be called")
    routes: dict[Name, RouteEntry] = Field(min_length=1, description="What apps ask for, by model name")
    workflows: dict[Name, WorkflowEntry] = Field(default={}, description="The business processes that call")
    keys: list[KeyEntry] = Field(default=[], description="Callers' keys; without any, only loopback is served")
    breaker: BreakerEntry = Field(default=BreakerEntry(), description="When a breaker trips and how it comes back")
    retry_budget: RetryBudgetEntry = Field(default=RetryBudgetEntry(), description="Bounds second attempts")
    state: StateEntry = Field(default=StateEntry(), description="Where shared state lives")
    ledger: LedgerEntry = Field(default=LedgerEntry(), description="Where decisions are kept")
