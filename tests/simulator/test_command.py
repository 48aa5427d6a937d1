"""The commands, in this process: what they refuse, what they write, how they end."""

import json
import pickle
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.config.problem import suggest
from gateway.simulator import command
from tests.store.samples import decision

from .files import OUTAGE, write_files, write_world

QUICK = ("--requests", "50", "--pairs", "1", "--years", "100", "--processes", "1")
SPARSE = (*QUICK, "--rate", "0.4")


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_files(tmp_path)


@pytest.fixture
def dark(config: Path) -> Path:
    return config.parent / "scenarios" / "dark.yaml"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """One report on everything, for all who look at it."""
    config = write_files(tmp_path_factory.mktemp("whole"))
    write_world(config.parent, per_minute=10)
    out = config.parent / "deep" / "out"
    scenarios = config.parent / "scenarios"
    return out, run("report", scenarios, "--incident", "elsewhere", "--config", config, "--out", out, *QUICK)


def refused(result: Result, code: int, *words: str) -> None:
    """With that exit code, saying so on standard error, and nothing else."""
    assert result.exit_code == code
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


# -- simulate --------------------------------------------------------------------------------------------------------


def test_a_missed_slo_is_a_finding(config: Path, dark: Path) -> None:
    result = run("simulate", dark, "--config", config, "--processes", "1")
    assert result.exit_code == 1
    assert "dark: acme goes dark" in result.stdout
    assert "support" in result.stdout
    assert run("simulate", "--incident", "elsewhere", "--config", config).exit_code == 0


def test_only_whoever_misses_it_fails(config: Path, dark: Path) -> None:
    found = json.loads(run("simulate", dark, "--config", config, "--json").stdout)
    met = {one["workflow"]: one["slo"]["met"] for one in found["scenarios"][0]["workflows"]}
    assert met == {"support": True, "batch": False}
    assert found["seed"] == 1


def test_it_writes_what_it_is_asked_to(config: Path, dark: Path) -> None:
    out = config.parent / "new"
    paths = {kind: out / f"r.{kind}" for kind in ("html", "markdown", "junit")}
    options = [word for kind, path in paths.items() for word in (f"--{kind}", str(path))]
    result = run("simulate", dark, "--config", config, *options)
    assert result.exit_code == 1
    assert all(f"written to {path}" in result.stdout for path in paths.values())
    assert "acme goes dark" in paths["html"].read_text()
    assert "acme goes dark" in paths["markdown"].read_text()
    suite = ElementTree.parse(paths["junit"]).getroot()[0]
    failed = {case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None}
    assert failed == {"batch"}
    both = run("simulate", dark, "--config", config, "--json", "--junit", paths["junit"])
    assert json.loads(both.stdout)["scenarios"]


@pytest.mark.parametrize("kind", ["html", "markdown", "junit"])
def test_a_path_that_cannot_be_written(config: Path, dark: Path, kind: str) -> None:
    result = run("simulate", dark, "--config", config, "--duration", "30s", f"--{kind}", config.parent)
    refused(result, 2, f"{config.parent} cannot be written: Is a directory")
    result = run("simulate", dark, "--config", config, "--duration", "30s", f"--{kind}", config / "r")
    refused(result, 2, f"{config}/r cannot be written: ")


def test_an_incident_that_does_not_exist(config: Path) -> None:
    refused(run("simulate", "--incident", "elsewher", "--config", config), 2, "did you mean 'elsewhere'?")
    refused(run("simulate", "--incident", "zzz", "--config", config), 2, "known: elsewhere")
    nowhere = config.parent / "nothing"
    refused(run("simulate", "--incident", "x", "--incidents", nowhere, "--config", config), 2, suggest("x", []))
    # Not a way to any other file.
    refused(run("simulate", "--incident", "../gateway", "--config", config), 2, "no incident '../gateway'")


def test_an_invalid_scenario_says_where(config: Path, dark: Path) -> None:
    dark.write_text(json.dumps({**OUTAGE, "faults": [{"kind": "outage", "on": {"vendor": "acmee"}}]}, indent=1))
    refused(run("simulate", dark, "--config", config), 1, f"{dark}:9:", "error", "did you mean 'acme'?")
    dark.write_text("title: [")
    refused(run("simulate", dark, "--config", config), 1, f"{dark}:")
    good = config.parent / "incidents"
    refused(run("simulate", good, dark, "--config", config), 1, f"{dark}:")


@pytest.mark.parametrize("command", ["simulate", "contingency", "report"])
def test_without_a_config(tmp_path: Path, command: str) -> None:
    refused(run(command, "--config", tmp_path / "no.yaml"), 1, "no.yaml: error: cannot be read")
    invalid = write_files(tmp_path)
    invalid.write_text(invalid.read_text().replace("tiers", "teirs"))
    refused(run(command, "--config", invalid), 1, f"{invalid}:1:", "teirs")


@pytest.mark.parametrize("command", ["simulate", "contingency", "report"])
def test_without_the_world_that_was_named(config: Path, command: str) -> None:
    refused(run(command, "--config", config, "--world", config.parent / "no.yaml"), 1, "no.yaml: error: cannot be read")
    bad = config.parent / "gateway.world.yaml"
    bad.write_text("version: 1\ntraffic: {supprt: {per_minute: 5}}\n")
    refused(run(command, "--config", config), 1, f"{bad}:2:", "did you mean 'support'?")


def test_without_a_scenario(config: Path) -> None:
    refused(run("simulate", "--config", config), 2, "name a scenario file")
    refused(run("simulate", config.parent / "no.yaml", "--config", config), 1, "cannot be read")
    empty = config.parent / "empty"
    empty.mkdir()
    refused(run("simulate", empty, "--config", config), 1, f"{empty}: error: no *.yaml in this directory")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", "0"),
        ("--rate", "-1"),
        ("--duration", "nonsense"),
        ("--duration", "0s"),
        ("--duration", "-5m"),
        ("--duration", "32d"),
        ("--duration", "999999999d"),
        ("--seed", "-1"),
        ("--seed", "x"),
        ("--processes", "0"),
        ("--since", "yesterday"),
    ],
)
def test_figures_that_are_none(config: Path, dark: Path, option: str, value: str) -> None:
    refused(run("simulate", dark, "--config", config, f"{option}={value}"), 2, option)


def test_a_scheduler_that_is_none(config: Path, dark: Path) -> None:
    for words in (("simulate", dark), ("contingency",), ("report",)):
        refused(run(*words, "--config", config, "--scheduler", "nowhere"), 2, "no Dask scheduler answers at nowhere")


def test_what_touches_nothing_says_so_and_is_no_finding(config: Path) -> None:
    result = run("simulate", "--incident", "elsewhere", "--config", config)
    assert result.exit_code == 0
    assert "elsewhere: no deployment of this config could have been hit." in result.stdout


def test_rate_duration_and_seed_decide_the_traffic(config: Path, dark: Path) -> None:
    def requests(*options: str) -> int:
        found = json.loads(run("simulate", dark, "--config", config, "--json", *options).stdout)
        return sum(one["requests"] for one in found["scenarios"][0]["workflows"])

    usual = requests()
    assert usual == pytest.approx(2 * 240, rel=0.2)  # two workflows, a request a second each
    assert requests("--rate", "10") == pytest.approx(2400, rel=0.1)
    assert requests("--duration", "30s") == pytest.approx(60, rel=0.5)
    assert requests("--seed", "2") != usual


def test_a_config_without_workflows_counts_all_as_one(tmp_path: Path) -> None:
    config = write_files(tmp_path, workflows={})
    result = run("simulate", tmp_path / "scenarios", "--config", config)
    assert result.exit_code == 0  # nothing was promised
    assert "The config names no workflow: all traffic counts as one, 'anonymous'." in result.stdout


def test_without_traffic_there_is_nothing_to_tell(config: Path, dark: Path) -> None:
    write_world(config.parent, per_minute=0)
    assert run("simulate", dark, "--config", config).exit_code == 1
    result = run("contingency", "--config", config, "--fail-on", "degraded", *QUICK)
    assert result.exit_code == 0
    assert "No workflow sends anything: there is nothing to lose." in result.stdout
    out = config.parent / "out"
    assert run("report", dark, "--config", config, "--out", out, *QUICK).exit_code == 0
    assert "there is nothing to lose" in (out / "report.md").read_text()


# -- contingency and report ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("lost", 1), ("degraded", 1)])
def test_a_single_loss_may_be_a_finding(config: Path, fail_on: str, code: int) -> None:
    result = run("contingency", "--config", config, "--fail-on", fail_on, *SPARSE)
    assert result.exit_code == code
    assert "acme" in result.stdout


def test_where_none_is_lost_it_is_not(tmp_path: Path) -> None:
    safe = {"support": {"owner": "s", "routes": ["chat"]}}
    assert run("contingency", "--config", write_files(tmp_path, safe), "--fail-on", "lost", *SPARSE).exit_code == 0


@pytest.mark.parametrize("value", [("--requests", "10"), ("--pairs", "-1"), ("--years", "5"), ("--fail-on", "rain")])
def test_depths_that_are_none(config: Path, value: tuple[str, str]) -> None:
    refused(run("contingency", "--config", config, *value), 2, value[0])


def test_no_more_pairs_than_asked_for(config: Path) -> None:
    found = json.loads(run("contingency", "--config", config, *SPARSE, "--pairs", "0", "--json").stdout)["contingency"]
    assert {case["kind"] for case in found["cases"]} == {"N-1"}
    assert found["pairs_left_out"] == 1
    assert found["requests_per_case"] == 50


def test_the_report_is_three_files(whole: tuple[Path, Result]) -> None:
    out, result = whole
    assert result.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "report.md"]
    for path in out.iterdir():
        assert f"written to {path}" in result.stdout
    found = json.loads((out / "report.json").read_bytes())
    assert [one["id"] for one in found["scenarios"]] == ["dark", "elsewhere"]
    assert found["contingency"]["cases"]


def test_the_report_has_nothing_of_this_machine(whole: tuple[Path, Result]) -> None:
    out, _ = whole
    found = json.loads((out / "report.json").read_bytes())
    assert found["config"] == "gateway.yaml"
    assert found["commit"] is None


def test_a_report_that_has_nowhere_to_go(config: Path) -> None:
    write_world(config.parent, per_minute=0)
    refused(run("report", "--config", config, "--out", config, *QUICK), 2, "cannot be written")


# -- schema ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["config", "scenario", "world"])
def test_the_schema_of_each_kind_of_file(kind: str) -> None:
    found = json.loads(run("schema", kind).stdout)
    assert found["type"] == "object"
    names = {"config": "routes", "scenario": "faults", "world": "traffic"}
    assert names[kind] in found["properties"]
    assert run("schema").stdout == run("schema", "config").stdout


def test_there_is_no_schema_of_anything_else() -> None:
    refused(run("schema", "weather"), 2, "weather")


def test_no_secret_is_in_what_a_replay_sends_to_other_processes(config: Path) -> None:
    config.write_text(config.read_text().replace('"base_url"', '"api_key": "sk-secret-value", "base_url"'))
    assert "sk-secret-value" in config.read_text()
    recorded = decision(1, workflow="support", route="chat")
    setting, _ = command._open(command.Given(config), ["simulate"], [recorded])
    assert setting.recorded
    assert b"sk-secret-value" not in pickle.dumps(setting)
