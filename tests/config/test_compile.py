import pickle
from pathlib import Path

from gateway.core.model import (
    Allow,
    BreakerSettings,
    Domain,
    Key,
    Limits,
    Need,
    Price,
    RetryBudgetSettings,
    Slo,
    Timeouts,
)
from tests.config.files import SOUND, edit, load_sound

FULL = """\
version: 1
vendors:
  acme: {jurisdiction: US, notes: {contract_ends: 2027-06-30, tags: [a, 1]}}
  umbra: {}
deployments:
  big:
    vendor: acme
    maker: meta
    cloud: aws
    region: us-east-1
    account: acme-prod
    edge: fastly
    api: openai
    base_url: https://api.acme.example/v1/
    api_key: ${KEY}
    model: meta/Big-1
    capabilities: {tools: true, vision: false, json_schema: false, stream: true, prefill: true, context: 8000}
    limits: {rpm: 500, tpm: 200000, concurrency: 10}
    price: {input: 0.15, output: 0.6}
    timeouts: {connect: 250ms, first_token: 5s, stall: 10s, total: 1m}
    weight: 2.5
  small: {vendor: umbra, base_url: "http://10.0.0.1:8000/v1", model: small}
routes:
  chat: {policy: weighted, tiers: [[big, small]], attempts: 2, deadline: 30s, on_interrupt: continue, when_all_open: fail, on_refusal: fallback}
workflows:
  triage:
    owner: triage@example.com
    criticality: high
    routes: [chat]
    allow: {jurisdictions: [US, EU], vendors: [acme]}
    slo: {success: 99.5%, first_token_p95: 2s}
    value: {usd_per_minute: 40}
  research: {owner: research@example.com}
keys:
  - {id: k, sha256: "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB", workflow: triage, workflows: [research]}
breaker: {consecutive: 3, failure_share: 40%, window: 30s}
retry_budget: {share: 10%, floor: 1}
ledger: {url: "sqlite:///other.db"}
"""  # noqa: E501


def test_a_deployment(tmp_path: Path) -> None:
    big = load_sound(tmp_path, FULL, {"KEY": "hush"}).deployments["big"]
    assert (big.id, big.vendor, big.maker, big.model, big.api) == ("big", "acme", "meta", "meta/Big-1", "openai")
    assert (big.base_url, big.api_key, big.weight) == ("https://api.acme.example/v1", "hush", 2.5)
    assert (big.can, big.prefill, big.context) == (Need.TOOLS | Need.STREAM, True, 8000)
    assert big.limits == Limits(500, 200_000, 10)
    assert big.price == Price(0.15, 0.6, "config")
    assert big.timeouts == Timeouts(0.25, 5.0, 10.0, 60.0)
    assert big.domains == (
        Domain("vendor", "acme"),
        Domain("maker", "meta"),
        Domain("model", "meta/Big-1"),
        Domain("account", "acme-prod"),
        Domain("cloud", "aws"),
        Domain("region", "us-east-1"),
        Domain("edge", "fastly"),
        Domain("jurisdiction", "US"),
    )


def test_what_is_left_out(tmp_path: Path) -> None:
    small = load_sound(tmp_path, FULL, {"KEY": "hush"}).deployments["small"]
    assert (small.maker, small.api_key, small.context, small.price) == ("umbra", "", None, Price())
    assert small.can == Need.TOOLS | Need.VISION | Need.JSON_SCHEMA | Need.STREAM
    assert small.timeouts == Timeouts()
    assert small.domains == (
        Domain("vendor", "umbra"),
        Domain("maker", "umbra"),
        Domain("model", "small"),
        Domain("account", "umbra/default"),
    )


def test_routes_workflows_keys_and_machinery(tmp_path: Path) -> None:
    snapshot = load_sound(tmp_path, FULL, {"KEY": "hush"})
    chat, triage, research = snapshot.routes["chat"], snapshot.workflows["triage"], snapshot.workflows["research"]
    assert chat.tiers == ((snapshot.deployments["big"], snapshot.deployments["small"]),)
    assert (chat.name, chat.policy, chat.attempts, chat.deadline) == ("chat", "weighted", 2, 30.0)
    assert (chat.on_interrupt, chat.when_all_open, chat.on_refusal) == ("continue", "fail", "fallback")
    assert (triage.owner, triage.criticality, triage.routes) == ("triage@example.com", "high", {"chat"})
    assert triage.allow == Allow({"vendor": frozenset({"acme"}), "jurisdiction": frozenset({"US", "EU"})})
    assert (triage.slo, triage.usd_per_minute) == (Slo(0.995, 2.0), 40.0)
    assert (research.criticality, research.routes, research.allow, research.slo) == ("medium", set(), Allow(), Slo())
    assert snapshot.keys == (Key("k", "ab" * 32, "triage", frozenset({"research"})),)
    assert snapshot.breaker == BreakerSettings(consecutive=3, failure_share=0.4, window=30.0)
    assert snapshot.retry_budget == RetryBudgetSettings(0.1, 1)
    assert (snapshot.ledger_url, snapshot.state_url) == ("sqlite:///other.db", "memory://")


def test_price_and_context_come_from_the_table_where_it_knows_the_model(tmp_path: Path) -> None:
    text = edit(
        ("https://api.acme.example/v1", "https://api.openai.com/v1"),
        (
            "model: acme-large\n    capabilities: {context: 100000}\n    price: {input: 1, output: 2}",
            "model: gpt-4o-mini",
        ),
    )
    one = load_sound(tmp_path, text).deployments["one"]
    assert (one.price.input, one.price.output, one.context) == (0.15, 0.6, 128_000)
    assert one.price.source.startswith("genai-prices ")


def test_what_the_file_says_wins_over_the_table(tmp_path: Path) -> None:
    text = edit(
        ("https://api.acme.example/v1", "https://api.openai.com/v1"),
        (
            "model: acme-large\n    capabilities: {context: 100000}",
            "model: gpt-4o-mini\n    capabilities: {context: 7}",
        ),
    )
    one = load_sound(tmp_path, text).deployments["one"]
    assert (one.price, one.context) == (Price(1, 2, "config"), 7)


def test_a_snapshot_crosses_process_borders(tmp_path: Path) -> None:
    snapshot = load_sound(tmp_path, SOUND)
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
