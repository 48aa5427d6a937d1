# ruff: noqa: E501 (a message is easier to judge in one piece)
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from gateway.config.load import load
from gateway.core.model import Domain, Need, Snapshot
from gateway.simulator.traffic import generate
from gateway.simulator.world import (
    BETA,
    SHARED_LAYER_REPAIR,
    Bursts,
    Daily,
    Group,
    Lognormal,
    Loop,
    Outages,
    Pattern,
    Profile,
    World,
)
from gateway.simulator.world_file import load_world, world_schema
from tests.config.files import edit, load_sound

CONFIG = Path(__file__).parents[2] / "config"
V = "version: 1\n"
FULL = """\
version: 1
deployments:
  one:
    first_token: {median: 500ms, p95: 1.5s}
    speed: {median: 80, p95: 120}
    errors: 0.2%
    headroom: unlimited
    quota: {rpm: 500, tpm: 200000}
    concurrency: 64
traffic:
  support:
    per_minute: 120
    routes: {chat: 80%, fast: 20%}
    stream: 80%
    tokens: {input: {median: 800, p95: 3000}, output: {median: 250, p95: 900}}
    needs: [tools, vision]
    daily: {peak: "14:30", swing: 60%}
    bursts: {every: 30m, lasting: 1m, factor: 4}
    loop: {calls: 4, pause: 2s}
outages:
  "vendor:acme": {between: 30d, repair: {mean: 68m, median: 62m}}
correlated:
  - {name: all, members: ["vendor:acme", "vendor:umbra"], beta: 5%}
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    text = edit(
        ("[[one], [two]]", "[[one], [two]]\n  fast: {tiers: [[two]]}\n  other: {tiers: [[two]]}"),
        ("routes: [chat]", "routes: [chat, fast]"),
        ("vendor: umbra\n", "vendor: umbra\n    cloud: aws\n"),
    )
    return load_sound(tmp_path_factory.mktemp("config"), text)


def read(tmp_path: Path, snapshot: Snapshot, text: str | bytes) -> tuple[World | None, list[str]]:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    world, problems = load_world(path, snapshot)
    return world, [str(problem).partition("x.yaml:")[2] for problem in problems]


def sound(tmp_path: Path, snapshot: Snapshot, text: str) -> World:
    world, problems = read(tmp_path, snapshot, text)
    assert world is not None
    assert problems == []
    return world


def test_everything_that_a_world_can_say(tmp_path: Path, snapshot: Snapshot) -> None:
    acme, umbra = Domain("vendor", "acme"), Domain("vendor", "umbra")
    assert sound(tmp_path, snapshot, FULL) == World(
        profiles={"one": Profile(Lognormal(0.5, 1.5), Lognormal(80.0, 120.0), 0.002, None, 500, 200_000, 64)},
        patterns={
            "support": Pattern(
                120.0,
                {"chat": 0.8, "fast": 0.2},
                0.8,
                Lognormal(800.0, 3000.0),
                Lognormal(250.0, 900.0),
                Need.TOOLS | Need.VISION,
                Daily(52_200.0, 0.6),
                Bursts(1800.0, 60.0, 4.0),
                Loop(4, 2.0),
            )
        },
        outages={acme: Outages(30 * 86_400.0, 4080.0, 3720.0)},
        groups=(Group("all", (acme, umbra), 0.05),),
    )


def test_what_is_left_out_keeps_its_default(tmp_path: Path, snapshot: Snapshot) -> None:
    assert sound(tmp_path, snapshot, V) == World()
    text = V + "deployments: {one: {}}\ntraffic: {support: {}}\noutages: {'cloud:aws': {between: 9d}}\ncorrelated: []\n"
    world = sound(tmp_path, snapshot, text)
    one, aws = snapshot.deployments["one"], Domain("cloud", "aws")
    assert world.profile(one) == World().profile(one)
    assert world.pattern("support") == Pattern()
    usual, given = World().outages_of(aws), world.outages_of(aws)
    assert usual is not None
    assert given is not None
    assert (given.between, given.repair, given.median) == (9 * 86_400.0, SHARED_LAYER_REPAIR, usual.median)
    assert given.source == "given"
    assert world.common_causes(snapshot) == ()
    group = V + "correlated: [{name: g, members: ['vendor:acme', 'cloud:aws']}]\n"
    assert [group.beta for group in sound(tmp_path, snapshot, group).common_causes(snapshot)] == [BETA]


def test_a_partial_profile_keeps_its_vendor_s_published_errors(tmp_path: Path) -> None:
    served, _ = load(CONFIG / "gateway.yaml", {})
    assert served is not None
    claude = served.deployments["claude"]
    usual = World().profile(claude)
    world = sound(tmp_path, served, V + "deployments: {claude: {speed: {median: 9, p95: 9}}}\n")
    assert world.profile(claude).speed == Lognormal(9.0, 9.0)
    assert world.profile(claude).errors == usual.errors != World().profile(served.deployments["gpt-openai"]).errors
    assert world.profile(claude).first_token == usual.first_token


def test_a_domain_whose_rate_nobody_knows_can_be_given_one(tmp_path: Path, snapshot: Snapshot) -> None:
    world = sound(tmp_path, snapshot, V + "outages: {'jurisdiction:US': {between: 3650d}}\n")
    law = Domain("jurisdiction", "US")
    assert World().outages_of(law) is None
    assert world.outages_of(law) == Outages(3650 * 86_400.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deployments: {on: {}}", "2:15: error: deployments.on: unknown deployment 'on'; did you mean 'one'?"),
        ("deployments: {one: {first_token: {median: 1s, p95: 500ms}}}", "2:52: error: deployments.one.first_token.p95: less than the median"),
        ("deployments: {one: {first_token: {median: 1s}}}", "2:21: error: deployments.one.first_token: missing 'p95'; one in twenty is longer"),
        ("deployments: {one: {speed: {median: 0, p95: 5}}}", "2:37: error: deployments.one.speed.median: expected a number above 0 and at most 1,000,000, found '0'"),
        ("deployments: {one: {speed: {median: .nan, p95: 5}}}", "2:37: error: deployments.one.speed.median: expected a number above 0 and at most 1,000,000, found '.nan'"),
        ("deployments: {one: {speed: {median: 80s, p95: 90s}}}", "2:37: error: deployments.one.speed.median: expected a number above 0 and at most 1,000,000, found '80s'|2:47: error: deployments.one.speed.p95: expected a number above 0 and at most 1,000,000, found '90s'"),
        ("deployments: {one: {headroom: 0.5}}", "2:31: error: deployments.one.headroom: expected a number from 1, at most 1,000,000, or unlimited, found '0.5'"),
        ("deployments: {one: {headroom: null}}", "2:31: error: deployments.one.headroom: expected a number from 1, at most 1,000,000, or unlimited, found 'null'"),
        ("deployments: {one: {quota: {rpm: -1}}}", "2:34: error: deployments.one.quota.rpm: expected a whole number from 1 to 1,000,000,000, found '-1'"),
        ("deployments: {one: {quota: {rps: 1}}}", "2:29: error: deployments.one.quota.rps: unknown key 'rps'; did you mean 'rpm'?"),
        ("deployments: {one: {errors: 101%}}", "2:29: error: deployments.one.errors: expected a share from 0% to 100%, found '101%'; 15% is 0.15, not 15"),
        ("deployments: []", "2:14: error: deployments: expected a mapping of keys to values, found a list"),
        ("traffic: {suport: {}}", "2:11: error: traffic.suport: unknown workflow 'suport'; did you mean 'support'?"),
        ("traffic: {support: {routes: {chta: 100%}}}", "2:30: error: traffic.support.routes.chta: unknown route 'chta'; did you mean 'chat'?"),
        ("traffic: {support: {routes: {other: 100%}}}", "2:30: error: traffic.support.routes.other: support may not use this route"),
        ("traffic: {support: {routes: {chat: 90%}}}", "2:29: error: traffic.support.routes: adds up to 90%, not to 100%"),
        ("traffic: {support: {needs: [tool]}}", "2:29: error: traffic.support.needs[0]: expected one of tools, vision, json_schema, found 'tool'; did you mean 'tools'?"),
        ("traffic: {support: {daily: {peak: 14h}}}", "2:35: error: traffic.support.daily.peak: expected a time of day such as 06:36 or 14:00, found '14h'"),
        ("traffic: {support: {bursts: {every: 1m, lasting: 2s, factor: 1}}}", "2:62: error: traffic.support.bursts.factor: expected a number above 1 and at most 1,000, found '1'"),
        ("traffic: {support: {bursts: {every: 1m}}}", "2:21: error: traffic.support.bursts: missing 'lasting'; how long each lasts|2:21: error: traffic.support.bursts: missing 'factor'; how many times its usual value the rate then has"),
        ("traffic: {support: {loop: {calls: 0}}}", "2:35: error: traffic.support.loop.calls: expected a whole number from 1 to 1,000, found '0'"),
        ("traffic: {support: {per_minute: -3}}", "2:33: error: traffic.support.per_minute: expected a number from 0, at most 1,000,000, found '-3'"),
        ("traffic: {support: {tokens: {input: {median: 5, p95: 4}}}}", "2:54: error: traffic.support.tokens.input.p95: less than the median"),
        ('outages: {"vendor:acne": {between: 1d}}', "2:11: error: outages['vendor:acne']: unknown domain 'vendor:acne'; did you mean 'vendor:acme'?"),
        ('outages: {"vendor:acme": {}}', "2:11: error: outages['vendor:acme']: missing 'between'; mean time from the end of one outage to the next"),
        ('outages: {"vendor:acme": {between: 30d, repair: {mean: 5m, median: 6m}}}', "2:56: error: outages['vendor:acme'].repair.mean: less than the median"),
        ('correlated: [{name: a, members: ["vendor:acme"]}]', "2:33: error: correlated[0].members: expected at least 2 entries"),
        ('correlated: [{name: a, members: ["vendor:acme", "vendor:acme", "vendr:umbra"]}]', "2:49: error: correlated[0].members[1]: is in this group already|2:64: error: correlated[0].members[2]: unknown domain 'vendr:umbra'; did you mean 'vendor:umbra'?"),
        ("workflows: {}", "2:1: error: workflows: unknown key 'workflows'; known: correlated, deployments, outages, traffic, version"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, snapshot: Snapshot, text: str, told: str) -> None:
    assert read(tmp_path, snapshot, V + text + "\n") == (None, told.split("|"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: error: the file is empty"),
        (b"\xff\xfe", "1:1: error: not UTF-8 text"),
        ("7", "1:1: error: expected a mapping of keys to values, found a number"),
        ("version: 2\n", "1:10: error: version: expected 1, found '2'"),
        ("traffic: {}\n", "1:1: error: missing 'version'; version of this file's format: 1"),
    ],
)
def test_files_that_are_no_world(tmp_path: Path, snapshot: Snapshot, text: str | bytes, told: str) -> None:
    assert read(tmp_path, snapshot, text) == (None, [told])


def test_a_directory_is_no_world(tmp_path: Path, snapshot: Snapshot) -> None:
    world, problems = load_world(tmp_path, snapshot)
    assert world is None
    assert [str(problem) for problem in problems] == [f"{tmp_path}: error: cannot be read: Is a directory"]


# -- what is published -----------------------------------------------------------------------------------------------


def complaints(text: str) -> list[str]:
    data: Any = YAML(typ="safe").load(text)
    return [error.json_path for error in Draft7Validator(world_schema()).iter_errors(data)]


def test_the_published_schema_is_current_and_draft_07() -> None:
    assert json.loads((CONFIG / "world.schema.json").read_text()) == world_schema()
    Draft7Validator.check_schema(world_schema())
    assert world_schema()["definitions"]["ProfileEntry"]["properties"]["headroom"]["default"] == 1.5
    assert world_schema()["definitions"]["DailyEntry"]["properties"]["peak"]["default"] == "14:00"


def test_it_allows_and_refuses_what_the_reader_does() -> None:
    assert complaints(FULL) == []
    for old, new, path in (
        ("headroom: unlimited", "headroom: unlimted", "$.deployments.one.headroom"),
        ("rpm: 500", "rps: 500", "$.deployments.one.quota"),
        ("factor: 4", "factor: 1", "$.traffic.support.bursts"),
        ("needs: [tools", "needs: [tool", "$.traffic.support.needs[0]"),
        ("between: 30d", "between: 30", "$.outages['vendor:acme'].between"),
    ):
        assert FULL.count(old) == 1
        assert complaints(FULL.replace(old, new)) == [path]


def test_the_example_is_sound_and_its_limits_hold_on_a_normal_day() -> None:
    text = (CONFIG / "gateway.world.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./world.schema.json\n")
    assert complaints(text) == []
    served, _ = load(CONFIG / "gateway.yaml", {})
    assert served is not None
    world, problems = load_world(CONFIG / "gateway.world.yaml", served)
    assert world is not None
    assert problems == []
    requests = generate(served, world, seed=1, duration=3600.0, begins=13.5 * 3600)
    chat = [one for request in requests for one in (request, *request.then) if one.route.name != "embed"]
    limits = served.deployments["gpt-openai"].limits
    assert limits.rpm is not None
    assert limits.tpm is not None
    assert 60 <= len(chat) / 60 < limits.rpm
    # Half as much again would not fit: how much a fallback can take is a real question.
    tokens = sum(one.input_tokens + one.output_tokens for one in chat) / 60
    assert tokens < limits.tpm < 1.5 * tokens
