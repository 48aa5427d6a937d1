# ruff: noqa: E501 (a message is easier to judge in one piece)
import json
import math
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from gateway.config.load import load
from gateway.core.fault import Demand, Fault, FaultKind, Selector
from gateway.core.model import DomainKind, Snapshot
from gateway.core.outcome import Kind
from gateway.core.scenario import Origin, Planned, Scenario, Span
from gateway.simulator.scenario_file import _TAKES, load_scenario, load_scenarios, scenario_schema
from gateway.simulator.scenario_schema import SelectorEntry
from tests.config.files import SOUND, load_sound

CONFIG = Path(__file__).parents[2] / "config"
HEAD = "version: 1\ntitle: t\nduration: 30m\nfaults:\n"
FULL = """\
version: 1
title: All there is
about: >
  Two
  lines.
duration: 1d
faults:
  - kind: outage
    on: {vendor: [ac*, umbra], deployment: one}
    start: {uniform: [1m, 5m]}
    duration: {lognormal: {median: 62m, p95: 243m}}
    share: 95%
    as: {overloaded: 60%, timeout: 40%}
    retry_after: 30s
    ramp: {up: 30s, down: 2m}
    probability: 80%
    group: cloud-x
    demand: {factor: 1.6, after: 2m}
    basis: published
  - {kind: slow_first_token, on: {vendor: acme}, delay: 20s, duration: {exponential: {mean: 10m}}}
  - {kind: price, on: {vendor: acme}, factor: 3, start: 90s, duration: forever}
  - {kind: exit, on: {jurisdiction: US}}
incident:
  date: 2025-06-10
  begins: "06:36"
  verified: true
  facts: It fell.
  assumed: That it did.
  sources: [https://a.example/1?x=1]
"""
INCIDENT = FULL[FULL.index("incident:") :]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return load_sound(tmp_path_factory.mktemp("config"), SOUND)


def read(tmp_path: Path, snapshot: Snapshot, text: str | bytes) -> tuple[Scenario | None, list[str]]:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    scenario, problems = load_scenario(path, snapshot)
    return scenario, [str(problem).partition("x.yaml:")[2] for problem in problems]


def one_fault(rest: str) -> str:
    return HEAD + f"  - {{{rest}}}\n"


def test_everything_that_a_scenario_can_say(tmp_path: Path, snapshot: Snapshot) -> None:
    scenario, problems = read(tmp_path, snapshot, FULL)
    acme = Selector({"vendor": ("acme",)})
    assert problems == []
    assert scenario == Scenario(
        id="x",
        title="All there is",
        duration=86_400.0,
        planned=(
            Planned(
                Fault(
                    FaultKind.OUTAGE,
                    Selector({"vendor": ("ac*", "umbra"), "deployment": ("one",)}),
                    share=0.95,
                    mix=((Kind.OVERLOADED, 0.6), (Kind.TIMEOUT, 0.4)),
                    retry_after=30.0,
                    ramp_up=30.0,
                    ramp_down=120.0,
                    demand=Demand(1.6, 120.0),
                ),
                Span("uniform", 60.0, 300.0),
                Span("lognormal", 3720.0, 14_580.0),
                0.8,
                "cloud-x",
                "published",
            ),
            Planned(Fault(FaultKind.SLOW_FIRST_TOKEN, acme, seconds=20.0), duration=Span("exponential", 600.0)),
            Planned(Fault(FaultKind.PRICE, acme, factor=3.0), Span("fixed", 90.0), Span("fixed", math.inf)),
            Planned(Fault(FaultKind.EXIT, Selector({"jurisdiction": ("US",)}))),
        ),
        about="Two lines.",
        origin=Origin("2025-06-10", ("https://a.example/1?x=1",), "It fell.", "That it did.", True, 23_760.0),
    )


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("kind: price, on: {vendor: acme}, share: 5%, factor: 2", "5:39: error: faults[0].share: price takes no share; besides what every fault takes, it takes duration, factor"),
        ("kind: exit, on: {vendor: acme}, duration: 5m", "5:38: error: faults[0].duration: exit takes no duration; besides what every fault takes, it takes as"),
        ("kind: retired, on: {vendor: acme}, duration: forever", "5:41: error: faults[0].duration: retired takes no duration"),
        ("kind: stall, on: {vendor: acme}, as: {timeout: 100%}", "5:39: error: faults[0].as: stall takes no as; besides what every fault takes, it takes duration, share"),
        ("kind: latency, on: {vendor: acme}", "5:5: error: faults[0]: latency needs 'factor'"),
        ("kind: price, on: {vendor: acme}, factor: null", "5:5: error: faults[0]: price needs 'factor'"),
        ("kind: slow_first_token, on: {vendor: acme}", "5:5: error: faults[0]: slow_first_token needs 'delay'"),
        ("kind: latency, on: {vendor: acme}, factor: 1", "5:49: error: faults[0].factor: the factor of latency is above 1"),
        ("kind: quota, on: {vendor: acme}, factor: 1", "5:47: error: faults[0].factor: the factor of quota is above 0 and below 1"),
        ("kind: quota, on: {vendor: acme}, factor: 0", "5:47: error: faults[0].factor: the factor of quota is above 0 and below 1"),
        ("kind: price, on: {vendor: acme}, factor: 0", "5:47: error: faults[0].factor: the factor of price is above 0"),
        ("kind: price, on: {vendor: acme}, factor: -1", "5:47: error: faults[0].factor: expected a number from 0, at most 1,000,000, found '-1'"),
        ("kind: price, on: {vendor: acme}, factor: .nan", "5:47: error: faults[0].factor: expected a number from 0, at most 1,000,000, found '.nan'"),
        ("kind: price, on: {vendor: acme}, factor: .inf", "5:47: error: faults[0].factor: expected a number from 0, at most 1,000,000, found '.inf'"),
        ("on: {vendor: acme}", "5:5: error: faults[0]: missing 'kind'; what happens"),
        ("kind: cut", "5:5: error: faults[0]: missing 'on'; who is hit, such as {vendor: openai}"),
    ],
)  # fmt: skip
def test_a_kind_takes_its_own_keys(tmp_path: Path, snapshot: Snapshot, fault: str, told: str) -> None:
    assert read(tmp_path, snapshot, one_fault(fault)) == (None, [told])


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("{vendr: acme}", "5:25: error: faults[0].on.vendr: unknown key 'vendr'; did you mean 'vendor'?"),
        ("{vendor: acne}", "5:33: error: faults[0].on.vendor: no deployment has vendor 'acne'; did you mean 'acme'?"),
        ("{vendor: [acme, 'z*']}", "5:40: error: faults[0].on.vendor[1]: no deployment has vendor 'z*'; known: acme, umbra"),
        ("{cloud: aws}", "5:32: error: faults[0].on.cloud: no deployment has cloud 'aws'; none is defined"),
        ("{deployment: onee}", "5:37: error: faults[0].on.deployment: no deployment is named 'onee'; did you mean 'one'?"),
        ("{deployment: 'o*', vendor: umbra}", "5:24: error: faults[0].on: no deployment has all of these together: vendor umbra and deployment o*"),
        ("{}", "5:24: error: faults[0].on: says nobody: expected a kind of domain and a name; to hit every deployment, write {deployment: '*'}"),
        ("acme", "5:24: error: faults[0].on: expected a mapping of keys to values, found text"),
        ("{vendor: []}", "5:33: error: faults[0].on.vendor: expected at least one entry"),
        ("{vendor: {a: b}}", "5:33: error: faults[0].on.vendor: expected a list, found a mapping"),
        ("{vendor: 3}", "5:33: error: faults[0].on.vendor: expected a name; * and ? stand for any text and any character, found '3'; put it in quotes"),
        ("{vendor: '[a]cme'}", "5:33: error: faults[0].on.vendor: expected a name; * and ? stand for any text and any character, found '[a]cme'"),
    ],
)  # fmt: skip
def test_a_selector_hits_somebody(tmp_path: Path, snapshot: Snapshot, on: str, told: str) -> None:
    assert read(tmp_path, snapshot, one_fault(f"kind: outage, on: {on}")) == (None, [told])


@pytest.mark.parametrize("on", ["{vendor: acne}", "{deployment: 'o*', vendor: umbra}"])
def test_an_incident_may_touch_nothing_here(tmp_path: Path, snapshot: Snapshot, on: str) -> None:
    scenario, problems = read(tmp_path, snapshot, one_fault(f"kind: outage, on: {on}") + INCIDENT)
    assert scenario is not None
    assert (scenario.hit(snapshot.deployments.values()), problems) == ((), [])


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("as: {server_error: 50%}", "5:44: error: faults[0].as: adds up to 50%, not to 100%"),
        ("as: {servererror: 100%}", "5:45: error: faults[0].as.servererror: expected one of bad_request, cut, forbidden, malformed, model_gone, no_credit, overloaded, rate_limited, server_error, stalled, timeout, unauthorized, unreachable; did you mean 'server_error'?"),
        ("as: {timeout: -5%}", "5:54: error: faults[0].as.timeout: expected a share such as 15%, or 0.15, found '-5%'"),
        ("as: [timeout]", "5:44: error: faults[0].as: expected a mapping of keys to values, found a list"),
        ("as_: {timeout: 100%}", "5:40: error: faults[0].as_: unknown key 'as_'; did you mean 'as'?"),
        ("duration: forevr", "5:50: error: faults[0].duration: expected a duration such as 250ms, 3s, 5m or 2h, or forever, found 'forevr'"),
        ("duration: 32d", "5:50: error: faults[0].duration: expected a duration above 0 and of at most 31d, or forever, found '32d'"),
        ("duration: 0s", "5:50: error: faults[0].duration: expected a duration above 0 and of at most 31d, or forever, found '0s'"),
        ("duration: {uniform: [5m, 1m]}", "5:60: error: faults[0].duration.uniform: expected two values, the lower one first, found a list"),
        ("duration: {uniform: [5m, 6]}", "5:60: error: faults[0].duration.uniform: expected a duration such as 250ms, 3s, 5m or 2h, found a list; add a unit"),
        ("duration: {unifrm: [5m, 6m]}", "5:51: error: faults[0].duration.unifrm: unknown key 'unifrm'; did you mean 'uniform'?"),
        ("duration: {}", "5:50: error: faults[0].duration: expected one of uniform, exponential, lognormal"),
        ("duration: {uniform: [1m, 2m], exponential: {mean: 1m}}", "5:50: error: faults[0].duration: expected one of uniform, exponential, lognormal"),
        ("duration: [1m, 2m]", "5:50: error: faults[0].duration: expected a mapping of keys to values, found a list"),
        ("duration: {lognormal: {median: 5m, p95: 4m}}", "5:80: error: faults[0].duration.lognormal.p95: less than the median"),
        ("duration: {lognormal: {median: 5m}}", "5:51: error: faults[0].duration.lognormal: missing 'p95'; one in twenty is longer"),
        ("start: forever", "5:47: error: faults[0].start: expected a duration such as 250ms, 3s, 5m or 2h, found 'forever'"),
        ("start: 1e9", "5:47: error: faults[0].start: expected a duration such as 250ms, 3s, 5m or 2h, found '1e9'; add a unit"),
        ("duration: 1m, ramp: {up: 40s, down: 30s}", "5:60: error: faults[0].ramp: the ramps together (70s) are longer than the fault (1m)"),
        ("demand: {factor: 1}", "5:57: error: faults[0].demand.factor: expected a number above 1 and at most 1,000, found '1'"),
        ("demand: {after: 1s}", "5:40: error: faults[0].demand: missing 'factor'; how many times their usual load those then have"),
        ("share: 0%", "5:47: error: faults[0].share: expected a share above 0% and up to 100%, found '0%'; 15% is 0.15, not 15"),
        ("probability: 5", "5:53: error: faults[0].probability: expected a share above 0% and up to 100%, found '5'; 15% is 0.15, not 15"),
        ("basis: '${X}'", "5:47: error: faults[0].basis: references such as ${NAME} have no place here: this file holds no secrets"),
        ("group: g}\n  - {kind: cut, on: {vendor: acme}, group: g, probability: 50%", "6:60: error: faults[1].probability: the faults of group 'g' happen together, so they have one probability; the first has 100%"),
    ],
)  # fmt: skip
def test_figures_and_times(tmp_path: Path, snapshot: Snapshot, rest: str, told: str) -> None:
    assert read(tmp_path, snapshot, one_fault(f"kind: outage, on: {{vendor: acme}}, {rest}")) == (None, [told])


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("start: 30m", "5:47: warning: faults[0].start: never begins: the scenario lasts 30m"),
        ("start: {uniform: [40m, 50m]}", "5:47: warning: faults[0].start: never begins: the scenario lasts 30m"),
        ("ramp: {down: 30s}", "5:53: warning: faults[0].ramp.down: never takes effect: the fault lasts forever"),
    ],
)
def test_what_is_sound_but_unwise(tmp_path: Path, snapshot: Snapshot, rest: str, told: str) -> None:
    scenario, problems = read(tmp_path, snapshot, one_fault(f"kind: outage, on: {{vendor: acme}}, {rest}"))
    assert scenario is not None
    assert problems == [told]


@pytest.mark.parametrize("rest", ["start: {uniform: [20m, 50m]}", "duration: 1m, ramp: {up: 30s, down: 30s}"])
def test_what_just_fits(tmp_path: Path, snapshot: Snapshot, rest: str) -> None:
    scenario, problems = read(tmp_path, snapshot, one_fault(f"kind: outage, on: {{vendor: acme}}, {rest}"))
    assert scenario is not None
    assert problems == []


def test_no_spread_is_a_spread(tmp_path: Path, snapshot: Snapshot) -> None:
    text = one_fault("kind: cut, on: {vendor: acme}, duration: {lognormal: {median: 5m, p95: 5m}}")
    scenario, _ = read(tmp_path, snapshot, text)
    assert scenario is not None
    assert scenario.planned[0].duration.draw(Random(1)) == pytest.approx(300.0)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2025-06-10", "2025-06-31", "24:9: error: incident.date: not a number or date that exists; text needs quotes"),
        ("2025-06-10", "June", "24:9: error: incident.date: expected a date such as 2025-06-10, found 'June'"),
        ('"06:36"', '"24:00"', "25:11: error: incident.begins: expected a time of day such as 06:36 or 14:00, found '24:00'"),
        ("verified: true", "verified: maybe", "26:13: error: incident.verified: expected true or false, found 'maybe'"),
        ("  verified: true\n", "", "23:1: error: incident: missing 'verified'; were the sources read, and do they say so?"),
        ("[https://a.example/1?x=1]", "[]", "29:12: error: incident.sources: expected at least one entry"),
        ("https://a", "ftp://a", "29:13: error: incident.sources[0]: expected a URL such as https://status.example.com/1, found 'ftp://a.example/1?x=1'"),
    ],
)  # fmt: skip
def test_incidents(tmp_path: Path, snapshot: Snapshot, old: str, new: str, told: str) -> None:
    assert FULL.count(old) == 1
    assert read(tmp_path, snapshot, FULL.replace(old, new)) == (None, [told])


BOMB = "".join(f"{name}: &{name} [{', '.join([below] * 9)}]\n" for name, below in zip("abcdefg", ("x", *(f"*{n}" for n in "abcdef")), strict=True))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: error: the file is empty"),
        (b"\xff\xfe", "1:1: error: not UTF-8 text"),
        (b"\x00", "1:1: error: a control character; remove it"),
        ("- a", "1:1: error: expected a mapping of keys to values, found a list"),
        (BOMB, "1:1: error: more than 100000 values or 32 levels, aliases followed"),
        (HEAD, "4:1: error: faults: expected a list, found nothing"),
        (HEAD.replace("30m", "32d") + "  []\n", "3:11: error: duration: expected a duration above 0 and of at most 31d, found '32d'"),
        (HEAD.replace("30m", ".nan") + "  []\n", "3:11: error: duration: expected a duration such as 250ms, 3s, 5m or 2h, found '.nan'"),
        (HEAD.replace("version: 1", "version: 2") + "  []\n", "1:10: error: version: expected 1, found '2'"),
        (HEAD.replace("title: t\n", "") + "  []\n", "1:1: error: missing 'title'; what happens, in a few words"),
    ],
)  # fmt: skip
def test_files_that_are_no_scenario(tmp_path: Path, snapshot: Snapshot, text: str | bytes, told: str) -> None:
    assert read(tmp_path, snapshot, text) == (None, [told])


def test_a_quiet_day(tmp_path: Path, snapshot: Snapshot) -> None:
    scenario, problems = read(tmp_path, snapshot, HEAD.replace("30m", "31d") + "  []\n")
    assert (scenario, problems) == (Scenario("x", "t", 2_678_400.0, ()), [])


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from(["5m", "5%", "acme", "forever", "outage", "price", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["vendor", "uniform", "mean", "timeout", "up"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
KEYS = [
    "kind",
    "on",
    "start",
    "duration",
    "share",
    "as",
    "retry_after",
    "factor",
    "delay",
    "ramp",
    "probability",
    "group",
    "demand",
    "basis",
]


@settings(derandomize=True, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_any_fault_is_read_or_refused_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot, changes: dict[str, object]
) -> None:
    fault = {"kind": "outage", "on": {"vendor": "acme"}, **changes}
    text = HEAD + f"  - {json.dumps(fault).replace('NaN', '.nan').replace('Infinity', '.inf')}\n"
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    scenario, problems = load_scenario(path, snapshot)
    errors = [problem for problem in problems if problem.severity == "error"]
    assert (scenario is None) == bool(errors)
    assert all(problem.line and problem.column for problem in problems)
    if scenario is not None:
        scenario.draw(lambda _: Random(1))


# -- several files ---------------------------------------------------------------------------------------------------


def test_files_and_directories(tmp_path: Path, snapshot: Snapshot) -> None:
    for name in ("b.yaml", "a.yaml", "c.txt"):
        (tmp_path / name).write_text(HEAD + "  []\n")
    scenarios, problems = load_scenarios([tmp_path / "c.txt", tmp_path, tmp_path / "a.yaml"], snapshot)
    assert ([scenario.id for scenario in scenarios], problems) == (["c", "a", "b"], [])


def test_what_cannot_be_found_is_told_and_the_rest_is_read(tmp_path: Path, snapshot: Snapshot) -> None:
    for name in ("empty", "one", "two"):
        (tmp_path / name).mkdir()
    for place in ("one/a.yaml", "two/a.yaml"):
        (tmp_path / place).write_text(HEAD + "  []\n")
    (tmp_path / "two/broken.yaml").write_text("x: 1\n")
    (tmp_path / "two/c.yaml").mkdir()
    paths = [tmp_path / name for name in ("empty", "missing", "one", "two")]
    scenarios, problems = load_scenarios(paths, snapshot)
    assert [scenario.id for scenario in scenarios] == ["a"]
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in problems if "x.yaml" not in problem.file][:3] == [
        "empty: error: no *.yaml in this directory",
        "missing: error: cannot be read: No such file or directory",
        "two/a.yaml: error: another file is named a too; scenarios go by their file's name",
    ]
    assert str(problems[-1]).endswith("c.yaml: error: cannot be read: Is a directory")
    assert {Path(problem.file).name for problem in problems[3:-1]} == {"broken.yaml"}


# -- what is published -----------------------------------------------------------------------------------------------


def complaints(text: str) -> list[str]:
    data: Any = YAML(typ="safe").load(text)
    as_json = json.loads(json.dumps(data, default=str))  # to an editor, a date is text
    return [error.json_path for error in Draft7Validator(scenario_schema()).iter_errors(as_json)]


def test_the_published_schema_is_current_and_draft_07() -> None:
    assert json.loads((CONFIG / "scenario.schema.json").read_text()) == scenario_schema()
    Draft7Validator.check_schema(scenario_schema())
    assert "${" not in json.dumps(scenario_schema())


def test_it_allows_and_refuses_what_the_reader_does() -> None:
    assert complaints(FULL) == []
    for old, new, path in (
        ("kind: price", "kind: prize", "$.faults[2].kind"),
        ("vendor: [ac", "vendr: [ac", "$.faults[0].on"),
        ("{overloaded: 60%", "{overlooded: 60%", "$.faults[0].as"),
        ("start: 90s", "start: 90", "$.faults[2].start"),
        ("share: 95%", "shares: 95%", "$.faults[0]"),
        ("duration: 1d", "duration: ${DURATION}", "$.duration"),
        ("2025-06-10", "yesterday", "$.incident"),
    ):
        assert FULL.count(old) == 1
        assert complaints(FULL.replace(old, new)) == [path]


def test_everything_is_described() -> None:
    schema = scenario_schema()
    for section in (schema, *schema["definitions"].values()):
        assert section["description"]
        assert all(field["description"] for field in section["properties"].values())


def test_every_kind_is_known() -> None:
    assert set(_TAKES) == set(FaultKind)
    assert set(SelectorEntry.model_fields) == {*get_args(DomainKind), "deployment", "or_"}


EXAMPLES = sorted((CONFIG / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_sound(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=../scenario.schema.json\n")
    assert complaints(text) == []


def test_the_examples_hit_somebody_in_the_default_config() -> None:
    served, _ = load(CONFIG / "gateway.yaml", {})
    assert served is not None
    scenarios, problems = load_scenarios([CONFIG / "scenarios"], served)
    assert problems == []
    assert len(scenarios) == len(EXAMPLES) >= 8
    assert all(scenario.hit(served.deployments.values()) for scenario in scenarios)
    assert all(20 * 60 <= scenario.duration <= 40 * 60 for scenario in scenarios)
