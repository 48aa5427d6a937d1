"""The library of incidents: does every file load everywhere, hit what it is about, and replay as it was?"""

import re
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.problem import Problem
from gateway.core.fault import FaultKind
from gateway.core.model import Snapshot
from gateway.core.outcome import Kind
from gateway.core.scenario import Scenario
from gateway.simulator.luck import rng
from gateway.simulator.run import Record, run
from gateway.simulator.scenario_file import load_scenario
from gateway.simulator.traffic import generate
from gateway.simulator.world import Pattern, World

CONFIG = Path(__file__).parents[2] / "config"
LIBRARY = CONFIG / "incidents"
FILES = sorted(LIBRARY.glob("*.yaml"))
SEED = 1
MINUTE = 60.0
HOUR = 60 * MINUTE

# id: date of the event
INCIDENTS = {
    "openai-2023-11-08": "2023-11-08",
    "multi-2024-06-04": "2024-06-04",
    "openai-2024-07-09": "2024-07-09",
    "azure-openai-2024-07-13": "2024-07-13",
    "openai-2024-12-04": "2024-12-04",
    "openai-2024-12-11": "2024-12-11",
    "openai-2024-12-26": "2024-12-26",
    "openai-2025-01-23": "2025-01-23",
    "deepseek-2025-01-27": "2025-01-27",
    "italy-2025-01-30": "2025-01-30",
    "anthropic-2025-06-04": "2025-06-04",
    "openai-2025-06-10": "2025-06-10",
    "gcp-2025-06-12": "2025-06-12",
    "openai-2025-07-09": "2025-07-09",
    "anthropic-2025-08-01": "2025-08-01",
    "anthropic-2025-08-05": "2025-08-05",
    "anthropic-2025-09-05": "2025-09-05",
    "mistral-2025-10-16": "2025-10-16",
    "aws-2025-10-20": "2025-10-20",
    "azure-2025-10-29": "2025-10-29",
    "cloudflare-2025-11-18": "2025-11-18",
    "azure-openai-2026-01-27": "2026-01-27",
    "gcp-vertex-2026-02-27": "2026-02-27",
    "usgov-anthropic-2026-02-27": "2026-02-27",
    "aws-2026-03-01": "2026-03-01",
    "anthropic-2026-03-02": "2026-03-02",
    "azure-openai-2026-03-09": "2026-03-09",
    "litellm-2026-03-24": "2026-03-24",
    "anthropic-2026-04-28": "2026-04-28",
    "anthropic-fable5-2026-06-12": "2026-06-12",
}
RETIREMENTS = {
    "openai-codex-2023-03-23": "2023-03-23",
    "openai-davinci-2024-01-04": "2024-01-04",
    "octoai-2024-10-31": "2024-10-31",
    "openai-gpt45-2025-07-14": "2025-07-14",
    "anthropic-claude2-2025-07-21": "2025-07-21",
    "openai-assistants-2026-08-26": "2026-08-26",
    "openai-2026-10-23": "2026-10-23",
    "openai-2026-12-11": "2026-12-11",
    "openai-2027-01-14": "2027-01-14",
}
COMMERCIAL = {
    "anthropic-haiku35-2024-11-04": "2024-11-04",
    "gemini-free-quota-2025-12-07": "2025-12-07",
    "openai-gpt55-2026-05": "2026-05-01",
    "anthropic-opus47-2026-05": "2026-05-01",
    "azure-shared-pool": "2026-01-01",
}
ALL = INCIDENTS | RETIREMENTS | COMMERCIAL
# One vendor's word, read in one place.
UNVERIFIED = {"openai-gpt55-2026-05", "anthropic-opus47-2026-05"}

# id: vendor, model and what else is stated
DEPLOYMENTS = {
    "gpt": "openai, model: gpt-4o-mini, edge: cloudflare",
    "gpt-mini": "openai, model: gpt-4.1-mini-2025-04-14",
    "gpt-old": "openai, model: gpt-4-turbo",
    "gpt-5": "openai, model: gpt-5-2025-08-07",
    "gpt-flagship": "openai, model: gpt-5.4",
    "gpt-preview": "openai, model: gpt-4.5-preview-2025-02-27",
    "realtime": "openai, model: gpt-4o-realtime-preview",
    "codex": "openai, model: code-davinci-002",
    "davinci": "openai, model: text-davinci-003",
    "assistants": "openai, model: gpt-4.1-assistants-v2",
    "gpt-azure": "azure, maker: openai, cloud: azure, region: swedencentral, model: gpt-4o-mini",
    "gpt52-azure": "microsoft-foundry, maker: openai, cloud: azure, region: azure-centralus, model: gpt-5.2-chat",
    "gpt-azure-texas": "azure-openai, maker: openai, cloud: azure, region: southcentralus, model: gpt-5.2",
    "claude": "anthropic, model: claude-sonnet-4-5, edge: cloudflare",
    "claude-opus": "anthropic, model: claude-opus-4-7",
    "claude-haiku": "anthropic, model: claude-haiku-4-5",
    "claude-old": "anthropic, model: claude-3-sonnet-20240229",
    "fable": "anthropic, model: claude-fable-5",
    "fable-bedrock": "aws-bedrock, maker: anthropic, cloud: aws, region: us-east-1, model: anthropic.claude-fable-5",
    "claude-uae": "bedrock, maker: anthropic, cloud: aws, region: me-central-1, model: anthropic.claude-sonnet-4-5",
    "nova-bahrain": "bedrock, maker: amazon, cloud: aws, region: me-south-1, model: amazon.nova-pro",
    "claude-vertex": "google-vertex, maker: anthropic, cloud: gcp, region: us-central1, model: claude-sonnet-4@202505",
    "gemini-vertex": "vertex, maker: google, cloud: gcp, region: us-central1, model: gemini-2.5-pro",
    "gemini": "gemini, maker: google, cloud: gcp, model: gemini-2.5-flash",
    "mistral": "mistral, region: eu, model: mistral-large-latest",
    "deepseek": "deepseek, model: deepseek-chat",
    "sonar": "perplexity, model: sonar-pro, edge: cloudflare",
    "mixtral-octo": "octoai, maker: mistral, model: mixtral-8x7b-instruct",
    "llama": "onprem, maker: meta, region: dc1, model: llama-4-scout",
}
# A workflow for each, that uses nothing else: each attempt counts.
ROUTES = {
    "only-openai": "[[gpt]]",
    "two-sources": "[[gpt], [claude]]",
    "three-sources": "[[gpt], [claude], [llama]]",
    "same-model-twice": "[[fable], [fable-bedrock]]",
    "another-model": "[[fable], [fable-bedrock], [gpt]]",
    "azure-first": "[[gpt52-azure], [claude]]",
}


def many_vendors() -> str:
    vendors = dict.fromkeys(stated.partition(",")[0] for stated in DEPLOYMENTS.values())
    tail = "base_url: 'https://api.example.com/v1', capabilities: {context: 100000}, price: {input: 1, output: 2}"
    return "\n".join(
        (
            "version: 1",
            "vendors:",
            *(f"  {name}: {{jurisdiction: US}}" for name in vendors),
            "deployments:",
            *(f"  {id_}: {{vendor: {stated}, {tail}}}" for id_, stated in DEPLOYMENTS.items()),
            "routes:",
            *(f"  {name}: {{tiers: {tiers}, attempts: {tiers.count('[') - 1}}}" for name, tiers in ROUTES.items()),
            "workflows:",
            *(f"  {name}: {{owner: owner@example.com, routes: [{name}]}}" for name in ROUTES),
        )
    )


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    path = tmp_path_factory.mktemp("config") / "gateway.yaml"
    path.write_text(many_vendors())
    return sound(*load(path, {}))


def sound(snapshot: Snapshot | None, problems: list[Problem]) -> Snapshot:
    assert snapshot is not None, [str(problem) for problem in problems]
    return snapshot


def incident(id_: str, snapshot: Snapshot) -> Scenario:
    scenario, problems = load_scenario(LIBRARY / f"{id_}.yaml", snapshot)
    assert scenario is not None
    assert [str(problem) for problem in problems] == []
    return scenario


def replay(id_: str, workflow: str, snapshot: Snapshot, since: float, until: float) -> list[Record]:
    """What the workflow saw from `since` to `until` (seconds), in a world where nothing else goes wrong."""
    scenario = incident(id_, snapshot)
    patterns = {name: Pattern(per_minute=60.0 if name == workflow else 0.0) for name in snapshot.workflows}
    faults = scenario.draw(lambda name: rng(SEED, name))
    requests = [one for one in generate(snapshot, World(patterns=patterns), SEED, until) if one.at >= since - MINUTE]
    records = run(snapshot, World(patterns=patterns), faults, requests, SEED).records
    return [one for one in records if one.began >= since]


def share(records: list[Record], kind: Kind = Kind.OK) -> float:
    return sum(one.kind is kind for one in records) / len(records)


# -- every file ------------------------------------------------------------------------------------------------------


def test_the_library_is_complete() -> None:
    assert [file.stem for file in FILES] == sorted(ALL)
    assert (len(INCIDENTS), len(RETIREMENTS), len(COMMERCIAL)) == (30, 9, 5)
    assert len(ALL) == 44, "no id twice"


@pytest.mark.parametrize("id_", ALL)
def test_each_says_what_is_known_and_what_is_not(id_: str, snapshot: Snapshot) -> None:
    scenario = incident(id_, snapshot)
    origin = scenario.origin
    assert origin is not None
    assert origin.date == ALL[id_]
    assert origin.verified is (id_ not in UNVERIFIED)
    assert origin.facts
    assert origin.assumed
    assert all(url.startswith("https://") for url in origin.sources)
    assert {planned.basis for planned in scenario.planned} <= {"published", "measured", "assumed"}
    assert (LIBRARY / f"{id_}.yaml").read_text().startswith("# yaml-language-server: $schema=../scenario.schema.json\n")


@pytest.mark.parametrize("id_", ALL)
def test_each_fault_finds_a_victim_after_a_calm_start(id_: str, snapshot: Snapshot) -> None:
    scenario = incident(id_, snapshot)
    everyone = snapshot.deployments.values()
    assert all(any(one.hits(deployment) for deployment in everyone) for one in scenario.selectors)
    starts = [planned.start.low for planned in scenario.planned]
    assert min(starts) == 5 * MINUTE
    assert max(starts) < scenario.duration


def test_each_loads_where_it_hits_nothing() -> None:
    own = sound(*load(CONFIG / "gateway.yaml", {}))
    hit = {id_: {one.id for one in incident(id_, own).hit(own.deployments.values())} for id_ in ALL}
    assert hit["openai-2025-06-10"] == {"gpt-openai", "embed-openai"}
    assert hit["cloudflare-2025-11-18"] == {"gpt-openai", "embed-openai", "claude"}
    assert hit["litellm-2026-03-24"] == set(own.deployments)
    assert hit["mistral-2025-10-16"] == set()


def test_the_table_agrees_with_the_files(snapshot: Snapshot) -> None:
    text = (LIBRARY / "README.md").read_text()
    rows = re.findall(r"^\| \[(.+)\]\((.+)\.yaml\) \| (.+?) \| .+ \| (yes|no) \|$", text, re.MULTILINE)
    origins = {id_: incident(id_, snapshot).origin for id_ in ALL}
    assert rows == [(id_, id_, one.date, "yes" if one.verified else "no") for id_, one in origins.items() if one]


# -- who is hit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id_", "hit"),
    [
        ("openai-2024-12-26", {"realtime"}),
        ("openai-2025-07-09", {"gpt-mini"}),
        ("openai-2026-10-23", {"gpt-old"}),
        ("openai-2026-12-11", {"gpt-5"}),
        ("openai-2027-01-14", {"gpt", "gpt-mini"}),
        ("openai-assistants-2026-08-26", {"assistants"}),
        ("anthropic-claude2-2025-07-21", {"claude-old"}),
        ("anthropic-fable5-2026-06-12", {"fable", "fable-bedrock"}),
        ("aws-2025-10-20", {"fable-bedrock", "sonar"}),
        ("aws-2026-03-01", {"claude-uae", "nova-bahrain"}),
        ("azure-2025-10-29", {"gpt-azure", "gpt52-azure", "gpt-azure-texas"}),
        ("azure-openai-2026-01-27", {"gpt-azure"}),
        ("azure-openai-2026-03-09", {"gpt52-azure"}),
        ("gcp-2025-06-12", {"claude-vertex", "gemini-vertex", "gemini"}),
        ("gcp-vertex-2026-02-27", {"gemini-vertex", "gemini"}),
        ("gemini-free-quota-2025-12-07", {"gemini"}),
        ("anthropic-2025-08-05", {"claude", "claude-opus", "claude-uae", "claude-vertex"}),
        ("litellm-2026-03-24", set(DEPLOYMENTS)),
    ],
)
def test_it_hits_what_it_is_about_and_nothing_else(id_: str, hit: set[str], snapshot: Snapshot) -> None:
    assert {one.id for one in incident(id_, snapshot).hit(snapshot.deployments.values())} == hit


def test_commercial_events_fail_no_call(snapshot: Snapshot) -> None:
    kinds = {planned.fault.kind for id_ in COMMERCIAL for planned in incident(id_, snapshot).planned}
    assert kinds == {FaultKind.PRICE, FaultKind.QUOTA}


# -- replayed --------------------------------------------------------------------------------------------------------


def test_openai_2025_06_10_is_a_brownout(snapshot: Snapshot) -> None:
    peak = 149 * MINUTE, 179 * MINUTE
    alone = replay("openai-2025-06-10", "only-openai", snapshot, *peak)
    assert share(alone) == pytest.approx(0.75, abs=0.03)
    assert share(replay("openai-2025-06-10", "two-sources", snapshot, *peak)) > 0.98


def test_openai_2023_11_08_fails_first_with_5xx_then_with_429(snapshot: Snapshot) -> None:
    records = replay("openai-2023-11-08", "only-openai", snapshot, 5 * MINUTE, 140 * MINUTE)
    before = [one for one in records if one.began < 87 * MINUTE]
    assert share(before) < 0.1
    throttled = [one for one in records if 88 * MINUTE < one.began < 121 * MINUTE]
    assert share(throttled) == 0.0
    assert share(throttled, Kind.RATE_LIMITED) > 0.0
    assert share([one for one in records if one.began > 130 * MINUTE]) > 0.98


def test_multi_2024_06_04_takes_the_second_source_too(snapshot: Snapshot) -> None:
    window = 6 * MINUTE, 65 * MINUTE
    assert share(replay("multi-2024-06-04", "two-sources", snapshot, *window)) < 0.6
    assert share(replay("multi-2024-06-04", "three-sources", snapshot, *window)) > 0.95
    assert share(replay("multi-2024-06-04", "two-sources", snapshot, 75 * MINUTE, 90 * MINUTE)) > 0.98


def test_fable5_is_gone_at_both_vendors(snapshot: Snapshot) -> None:
    window = 215 * MINUTE, 240 * MINUTE
    assert share(replay("anthropic-fable5-2026-06-12", "same-model-twice", snapshot, *window)) == 0.0
    assert share(replay("anthropic-fable5-2026-06-12", "another-model", snapshot, *window)) > 0.98


def test_azure_openai_2026_03_09_reaches_the_app_as_bad_requests(snapshot: Snapshot) -> None:
    records = replay("azure-openai-2026-03-09", "azure-first", snapshot, 5 * MINUTE, 35 * MINUTE)
    assert share(records, Kind.BAD_REQUEST) == pytest.approx(0.18, abs=0.06)


def test_litellm_2026_03_24_stops_everything_until_the_keys_are_new(snapshot: Snapshot) -> None:
    records = replay("litellm-2026-03-24", "three-sources", snapshot, 5 * MINUTE, 90 * MINUTE)
    assert share([one for one in records if one.began < HOUR]) == 0.0
    assert share([one for one in records if one.began > 75 * MINUTE]) > 0.98


def test_a_retired_model_is_gone_and_the_next_tier_serves(snapshot: Snapshot) -> None:
    records = replay("openai-2027-01-14", "two-sources", snapshot, 6 * MINUTE, 30 * MINUTE)
    assert {one.served for one in records} <= {"claude", ""}
    assert share(records) > 0.98
    assert share(replay("openai-2027-01-14", "only-openai", snapshot, 6 * MINUTE, 30 * MINUTE)) == 0.0
