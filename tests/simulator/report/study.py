"""A study as a command could find it, made by hand: 5 workflows, 12 deployments, 20 domains, 2 scenarios."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from gateway.simulator.result import (
    Advice,
    Bucket,
    Case,
    CaseKind,
    Concentration,
    ContingencyResult,
    Dependence,
    DrawnFault,
    Effect,
    Importance,
    Quantiles,
    ScenarioResult,
    SloVerdict,
    Source,
    Study,
    Verdict,
    WorkflowFacts,
    WorkflowResult,
    Year,
    YearLoss,
)

# Each deployment with its domains: vendor, maker, cloud, region, account, jurisdiction.
DEPLOYMENTS: dict[str, tuple[str, ...]] = {
    "gpt-openai": ("openai", "openai", "azure", "us", "openai-prod", "US"),
    "gpt-mini": ("openai", "openai", "azure", "us", "openai-prod", "US"),
    "gpt-azure-eu": ("azure", "openai", "azure", "eu", "azure-prod", "US"),
    "gpt-azure-us": ("azure", "openai", "azure", "us", "azure-prod", "US"),
    "claude": ("anthropic", "anthropic", "aws", "us", "anthropic-prod", "US"),
    "claude-bedrock": ("bedrock", "anthropic", "aws", "eu", "bedrock-prod", "US"),
    "gemini": ("google", "google", "gcp", "us", "google-prod", "US"),
    "gemini-eu": ("google", "google", "gcp", "eu", "google-prod", "US"),
    "mistral": ("mistral", "mistral", "scaleway", "eu", "mistral-prod", "EU"),
    "llama-onprem": ("onprem", "meta", "own", "eu", "own", "EU"),
    "embed-openai": ("openai", "openai", "azure", "us", "openai-prod", "US"),
    "embed-onprem": ("onprem", "meta", "own", "eu", "own", "EU"),
}
KINDS = ("vendor", "maker", "cloud", "region", "account", "jurisdiction")
CHAINS: dict[str, tuple[str, ...]] = {
    "support-triage": ("gpt-openai", "gpt-azure-us", "claude", "llama-onprem"),
    "contract-review": ("claude", "claude-bedrock"),
    "invoice-capture": ("gpt-mini", "gemini"),
    "search": ("embed-openai",),
    "code-assistant": ("gemini-eu", "mistral", "gpt-azure-eu"),
}
WORKFLOWS = (
    WorkflowFacts("support-triage", "support-platform@example.com", "high", 40.0, 0.995, 2.0, ("chat",)),
    WorkflowFacts("contract-review", "legal-tools@example.com", "high", 25.0, 0.99, None, ("legal",)),
    WorkflowFacts("invoice-capture", "finance@example.com", "medium", 12.0, 0.98, None, ("fast",)),
    WorkflowFacts("search", "platform@example.com", "medium", 8.0, None, None, ("embed",)),
    WorkflowFacts(
        "code-assistant", "developer-experience@example.com", "low", 2.0, 0.95, 4.0, ("code",), "traffic is assumed"
    ),
)


def domains() -> list[str]:
    """20 of them, kind by kind. Those of our own servers cannot be lost to anyone."""
    named = dict.fromkeys(f"{kind}:{row[at]}" for at, kind in enumerate(KINDS) for row in DEPLOYMENTS.values())
    lost = [name for name in named if name not in ("account:own", "cloud:own")]
    return [*lost[:19], "jurisdiction:US"]


def hit_by(lost: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        name
        for name, row in DEPLOYMENTS.items()
        if any(f"{kind}:{value}" in lost for kind, value in zip(KINDS, row, strict=True))
    )


def effect(workflow: str, hits: tuple[str, ...]) -> Effect:
    chain = CHAINS[workflow]
    left = [name for name in chain if name not in hits]
    if left == list(chain):
        return Effect("secure", 1.0, 2000, 0.0, 0.0, (), 1.0, 0.0, 1.0)
    if not left:
        return Effect("lost", 0.0, 2000, -0.0021, None, (), 0.0, 60.0, 0.0, ("no deployment is left",))
    scarce = left[0] in ("llama-onprem", "mistral", "gpt-azure-eu")
    served, verdict = (0.874, "degraded") if scarce else (0.9991, "secure")
    over = (left[0],) if scarce else ()
    return Effect(
        _verdict(verdict), served, 2000, 0.00042, 0.38, over, served - 0.2, 0.8, served,
        (f"quota of {left[0]} holds for 87 % of the requests",) if scarce else (),
    )  # fmt: skip


def _verdict(text: str) -> Verdict:
    return {"degraded": "degraded", "lost": "lost"}.get(text, "secure")  # type: ignore[return-value]


def case(kind: CaseKind, lost: tuple[str, ...], correlated: str = "") -> Case:
    hits = hit_by(lost)
    return Case(kind, lost, hits, {name: effect(name, hits) for name in CHAINS}, correlated)


def cases() -> tuple[Case, ...]:
    single = [case("N-1", (name,)) for name in domains()]
    vendors = [name for name in domains() if name.startswith("vendor:")]
    pairs = [case("N-2", pair, _why(pair)) for pair in combinations(vendors, 2)]
    return (*single, *pairs, case("N-1-1", ("vendor:anthropic", "vendor:bedrock"), "one maker: anthropic"))


def _why(pair: tuple[str, str]) -> str:
    return "one cloud: azure" if pair == ("vendor:openai", "vendor:azure") else ""


def dependence(workflow: str) -> Dependence:
    single = tuple(name for name in domains() if effect(workflow, hit_by((name,))).verdict == "lost")
    pairs = tuple(
        pair
        for pair in combinations([name for name in domains() if name not in single], 2)
        if effect(workflow, hit_by(pair)).verdict == "lost"
    )[:6]
    served = {name: effect(workflow, hit_by((name,))).served for name in domains() if name.startswith("vendor:")}
    worst = min(served, key=lambda name: served[name])
    importance = tuple(
        Importance(name, 0.0014 if name.startswith("vendor:") else None, 0.99 if name in single else 0.0031,
                   41.0 if name in single else None)
        for name in (*single, *dict.fromkeys(name for pair in pairs for name in pair))
    )  # fmt: skip
    cut_sets = (*((name,) for name in single), *pairs)
    return Dependence(workflow, cut_sets, single, 0.0014 * len(single), 3, importance, 1 - served[worst], worst)


def concentration() -> tuple[Concentration, ...]:
    vendor = {"openai": 0.52, "anthropic": 0.24, "google": 0.14, "azure": 0.06, "onprem": 0.04}
    maker = {"openai": 0.58, "anthropic": 0.24, "google": 0.14, "meta": 0.04}
    cloud = {"azure": 0.58, "aws": 0.24, "gcp": 0.14, "not stated": 0.04}
    jurisdiction = {"US": 0.96, "EU": 0.04}
    found = []
    for kind, shares in (("vendor", vendor), ("maker", maker), ("cloud", cloud), ("jurisdiction", jurisdiction)):
        for measure, bent in (("traffic", 1.0), ("spend", 1.3), ("value", 0.8)):
            found.append(_concentration(kind, measure, shares, bent))
    return tuple(found)


def _concentration(kind: str, measure: str, shares: Mapping[str, float], bent: float) -> Concentration:
    raw = {name: value**bent for name, value in shares.items()}
    even = {name: value / sum(raw.values()) for name, value in raw.items()}
    hhi = sum(value * value for value in even.values()) * 10_000
    rest = None if kind == "jurisdiction" else hhi * 0.8
    return Concentration(kind, measure, even, hhi, 10_000 / hhi, rest)  # type: ignore[arg-type]


def year() -> Year:
    losses = tuple(
        YearLoss(one.id, 120.0 * n, 90.0 * n, 410.0 * n, 120.0 * n * one.usd_per_minute,
                 410.0 * n * one.usd_per_minute, 560.0 * n * one.usd_per_minute, 700.0 * n * one.usd_per_minute,
                 {"vendor:openai": 900.0 * n, "vendor:anthropic": 310.0, "cloud:azure": 44.0 * n})
        for n, one in enumerate(WORKFLOWS, 1)
    )  # fmt: skip
    total = YearLoss("", 700.0, 610.0, 2300.0, 19_234.0, 61_100.0, 88_920.0, 104_200.0,
                     {"vendor:openai": 13_500.0, "vendor:anthropic": 1_550.0, "cloud:azure": 660.0})  # fmt: skip
    return Year(10_000, losses, total, ("openai: 99.80 %, its status page, 90 days to 2026-07-01", "cloud: assumed"))


def advice() -> tuple[Advice, ...]:
    return (
        Advice(
            "Give search a second source: embed-onprem",
            "routes:\n  embed:\n    tiers:\n      - [embed-openai]\n      - [embed-onprem]  # own servers\n",
            "platform@example.com re-indexes with one embedding model",
            19_234.0, 11_020.0, 31, 24, 16, 8,
        ),
        Advice(
            "Add gemini as the third tier of legal",
            "routes:\n  legal:\n    tiers:\n      - [claude]\n      - [claude-bedrock]\n      - [gemini]\n",
            "legal-tools@example.com agrees that contracts may be read by google",
            19_234.0, 14_400.0, 31, 27, 16, 12,
        ),
        Advice(
            "Raise the quota of mistral to 600 rpm",
            "deployments:\n  mistral:\n    limits: {rpm: 600}\n",
            "",
            19_234.0, 19_100.0, 31, 29, 16, 16,
        ),
    )  # fmt: skip


def contingency() -> ContingencyResult:
    return ContingencyResult(
        cases(), tuple(dependence(name) for name in CHAINS), concentration(), year(), advice(),
        Advice("All three", "", "", 19_234.0, 6_150.0, 31, 18, 16, 4), 120, 2000,
    )  # fmt: skip


def timeline(workflow: str, start: float, end: float, lost: float) -> tuple[Bucket, ...]:
    """An hour in minutes: the first of the chain answers, the second while the first is hit, `lost` of it fails."""
    chain = CHAINS[workflow]
    buckets = []
    for minute in range(60):
        at = minute * 60.0
        requests = 100 + (minute * 37) % 23
        hit = start <= at < end
        failed = int(requests * (lost if at >= start + 60 else min(1.0, lost + 0.3))) if hit else 0
        lingering = requests // 4 if end <= at < end + 180 else 0
        second = 0 if len(chain) < 2 else requests - failed if hit else lingering
        served = {chain[1 % len(chain)]: second} | {chain[0]: requests - failed - second}
        buckets.append(Bucket(at, requests, failed, {name: number for name, number in served.items() if number}))
    return tuple(buckets)


def workflow_result(facts: WorkflowFacts, lost: float, hit: bool) -> WorkflowResult:
    steps = timeline(facts.id, 600.0, 2400.0 if hit else 0.0, lost)
    requests, failed = sum(step.requests for step in steps), sum(step.failed for step in steps)
    names = dict.fromkeys(name for step in steps for name in step.served)
    success = 1 - failed / requests
    base = Quantiles(0.31, 0.62, 1.204)
    promised = facts.slo_success is not None
    missed = (f"success {success:.2%}",) if success < (facts.slo_success or 0) else ()
    return WorkflowResult(
        facts.id, facts.owner, facts.criticality, requests, success, 1.0, 210 if hit else 0, 0,
        {"server_error": failed // 2, "timeout": failed - failed // 2}, Quantiles(0.35, 1.9, 4.02) if hit else base,
        Quantiles(2.2, 5.1, 9.3), base, 1.3 if hit else 1.0, 3.21 if hit else 2.9, 2.9,
        {name: sum(step.served.get(name, 0) for step in steps) for name in names}, {"mistral": 12} if hit else {},
        3.4 if hit else None, 0.21 if hit and lost < 1 else None, 74.0 if hit else None,
        failed / 100, failed / 100 * facts.usd_per_minute,
        SloVerdict(not missed if promised else None, missed), steps,
    )  # fmt: skip


def scenarios() -> tuple[ScenarioResult, ...]:
    lost = (0.01, 0.0, 0.04, 1.0, 0.0)
    brown = ScenarioResult(
        "openai-2025-06-10-gpu-network", "OpenAI: GPU hosts lose their network", "A long brown-out, not a blackout.",
        Source("2025-06-10", "API availability fell to 75 % at its peak.", "The split of the errors, and the latency.",
               True, ("https://status.example.com/incidents/june-10", "press report of 2025-06-12")),
        3600.0,
        (DrawnFault("errors", "vendor openai", 600.0, 2400.0, 0.25, ("gpt-openai", "gpt-mini", "embed-openai"), "fact"),
         DrawnFault("latency", "vendor openai", 600.0, 1800.0, 1.0, ("gpt-openai", "gpt-mini"), "assumed")),
        ("gpt-openai", "gpt-mini", "embed-openai"),
        tuple(workflow_result(one, share, share > 0) for one, share in zip(WORKFLOWS, lost, strict=True)),
        ((603.4, "gpt-openai", "closed>open", "5 failures in a row"), (633.4, "gpt-openai", "open>half_open", "time"),
         *((640.0 + n, "embed-openai", "open>half_open", "time") for n in range(60))),
    )  # fmt: skip
    kept = ScenarioResult(
        "mistral-exit", "Mistral is gone for good", "The contract ends, nothing replaces it.", None, 3600.0,
        (DrawnFault("exit", "vendor mistral", 600.0, None, 1.0, ("mistral",), ""),), ("mistral",),
        tuple(workflow_result(one, 0.0, False) for one in WORKFLOWS), (),
    )  # fmt: skip
    return brown, kept


def study() -> Study:
    return Study(
        "secondsource report --config config/gateway.yaml --seed 7",
        "0.2.0", "config/gateway.yaml", "4c1f9a7be210", "85555c9e0c1f", 7,
        ("Requests come as a Poisson process at the rates of the file.",
         "A vendor without a stated outage rate counts as never down in the yearly figures."),
        WORKFLOWS, scenarios(), contingency(), ("code-assistant has no recorded traffic: a rate is assumed.",),
    )  # fmt: skip


def hostile(text: str) -> Study:
    """The study with `text` for a vendor, a deployment, a workflow, an owner, a title, a cause and a source."""
    whole = study()
    found = whole.scenarios[0]
    assert whole.contingency
    assert found.source
    workflow = found.workflows[0]
    bent = replace(
        workflow, workflow=text, owner=text, failures={text: 3}, slo=SloVerdict(False, (text,)),
        timeline=tuple(replace(step, served={text: 7, **step.served}) for step in workflow.timeline),
    )  # fmt: skip
    scenario = replace(
        found, id=text, title=text, about=text, hits=(text,), workflows=(bent,), breakers=((1.0, text, text, text),),
        source=replace(found.source, facts=text, sources=(text, f"https://example.com/{text}", "javascript:alert(1)")),
        faults=(replace(found.faults[0], kind=text, on=text, hits=(text,), basis=text),),
    )  # fmt: skip
    first = whole.contingency.cases[0]
    name = f"vendor:{text}"
    effects = {text: next(iter(first.effects.values()))}
    facts = replace(WORKFLOWS[0], id=text, owner=text, note=text)
    contingency = replace(
        whole.contingency, cases=(replace(first, lost=(name,), hits=(text,), effects=effects),),
        dependence=(replace(whole.contingency.dependence[0], workflow=text, single_points=(name,), index_vendor=name),),
        advice=(replace(whole.contingency.advice[0], title=text, change=text, needs=text),),
        concentration=(Concentration("vendor", "traffic", {text: 1.0}, 10_000.0, 1.0, None),),
    )  # fmt: skip
    return replace(
        whole, config=text, assumptions=(text,), notes=(text,), workflows=(facts,), scenarios=(scenario,),
        contingency=contingency,
    )  # fmt: skip
