"""`Config` -> `Snapshot`: defaults filled in, names replaced by what they stand for. Nothing can fail here any more."""

from gateway.config.catalogue import Entry, look_up, may_prefill
from gateway.config.schema import (
    PLURALS,
    AllowEntry,
    CapabilitiesEntry,
    Config,
    DeploymentEntry,
    KeyEntry,
    RouteEntry,
    WorkflowEntry,
)
from gateway.core.model import (
    Allow,
    BreakerSettings,
    Deployment,
    Domain,
    DomainKind,
    Key,
    Limits,
    Need,
    Price,
    RetryBudgetSettings,
    Route,
    Slo,
    Snapshot,
    Timeouts,
    Workflow,
)


def compile_config(config: Config, revision: str) -> Snapshot:
    """The snapshot of a config whose shape and references are sound."""
    deployments = {id_: _deployment(id_, entry, config) for id_, entry in config.deployments.items()}
    return Snapshot(
        revision=revision,
        deployments=deployments,
        routes={name: _route(name, entry, deployments) for name, entry in config.routes.items()},
        workflows={id_: _workflow(id_, entry) for id_, entry in config.workflows.items()},
        keys=tuple(_key(entry) for entry in config.keys),
        breaker=BreakerSettings(**config.breaker.model_dump()),
        retry_budget=RetryBudgetSettings(**config.retry_budget.model_dump()),
        ledger_url=config.ledger.url,
        state_url=config.state.url,
    )


def _deployment(id_: str, entry: DeploymentEntry, config: Config) -> Deployment:
    known = _known(entry)
    return Deployment(
        id=id_,
        vendor=entry.vendor,
        maker=entry.maker or entry.vendor,
        model=entry.model,
        api=entry.api,
        base_url=entry.base_url,
        domains=_domains(entry, config.vendors[entry.vendor].jurisdiction),
        api_key=entry.api_key or "",
        can=_can(entry.capabilities),
        prefill=_prefill(entry),
        context=entry.capabilities.context or known.context,
        limits=Limits(**entry.limits.model_dump()),
        price=_price(entry, known),
        timeouts=Timeouts(**entry.timeouts.model_dump()),
        weight=entry.weight,
    )


def _known(entry: DeploymentEntry) -> Entry:
    if entry.price and entry.capabilities.context:
        return Entry()
    return look_up(entry.vendor, entry.base_url, entry.model)


def _price(entry: DeploymentEntry, known: Entry) -> Price:
    if entry.price:
        return Price(entry.price.input, entry.price.output, "config")
    return known.price or Price()


def _domains(entry: DeploymentEntry, jurisdiction: str | None) -> tuple[Domain, ...]:
    names: dict[DomainKind, str | None] = {
        "vendor": entry.vendor,
        "maker": entry.maker or entry.vendor,
        "model": entry.model,
        "account": entry.account or f"{entry.vendor}/default",
        "cloud": entry.cloud,
        "region": entry.region,
        "edge": entry.edge,
        "jurisdiction": jurisdiction,
    }
    return tuple(Domain(kind, name) for kind, name in names.items() if name)


def _prefill(entry: DeploymentEntry) -> bool:
    stated = entry.capabilities.prefill
    return may_prefill(entry.base_url) if stated is None else stated


def _can(entry: CapabilitiesEntry) -> Need:
    can = Need.NONE
    for granted, need in (
        (entry.tools, Need.TOOLS),
        (entry.vision, Need.VISION),
        (entry.json_schema, Need.JSON_SCHEMA),
        (entry.stream, Need.STREAM),
    ):
        can |= need if granted else Need.NONE
    return can


def _route(name: str, entry: RouteEntry, deployments: dict[str, Deployment]) -> Route:
    return Route(
        name=name,
        tiers=tuple(tuple(deployments[id_] for id_ in tier) for tier in entry.tiers),
        policy=entry.policy,
        attempts=entry.attempts,
        deadline=entry.deadline,
        on_interrupt=entry.on_interrupt,
        when_all_open=entry.when_all_open,
        on_refusal=entry.on_refusal,
    )


def _workflow(id_: str, entry: WorkflowEntry) -> Workflow:
    return Workflow(
        id=id_,
        owner=entry.owner,
        criticality=entry.criticality,
        routes=frozenset(entry.routes),
        allow=_allow(entry.allow),
        slo=Slo(entry.slo.success, entry.slo.first_token_p95),
        usd_per_minute=entry.value.usd_per_minute,
    )


def _allow(entry: AllowEntry) -> Allow:
    listed = {kind: getattr(entry, plural) for plural, kind in PLURALS.items()}
    return Allow({kind: frozenset(names) for kind, names in listed.items() if names is not None})


def _key(entry: KeyEntry) -> Key:
    return Key(entry.id, entry.sha256.lower(), entry.workflow, frozenset(entry.workflows))
