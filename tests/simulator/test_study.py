import pickle
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gateway.core.fault import Fault, FaultKind, Selector
from gateway.core.model import Limits, Slo, Snapshot
from gateway.core.scenario import Planned, Scenario
from gateway.simulator import study as studies
from gateway.simulator.jobs import Advance, Workers
from gateway.simulator.result import Study
from gateway.simulator.simulate import Setting
from gateway.simulator.world import Pattern, World

from .calm import ALONE, A, B, calm
from .exposed import snapshot, workflow

CONFIG = Path("gateway.yaml")
TWO = snapshot(workflow("w"), routes={"chat": [A, B]})


def outage(vendor: str, id_: str = "dark") -> Scenario:
    fault = Fault(FaultKind.OUTAGE, Selector({"vendor": (vendor,)}))
    return Scenario(id_, "It goes dark", 60.0, (Planned(fault),))


def setting(config: Snapshot = TWO, world: World | None = None) -> Setting:
    return Setting(config, world or calm(config), seed=1)


def begun(where: Setting) -> Study:
    return studies.begin("secondsource simulate", CONFIG, where)


def contingent(where: Setting, announce: studies.Announce = studies.quietly, workers: Workers = ALONE) -> Study:
    return studies.add_contingencies(begun(where), where, 50, 1, 100, workers, announce)


def test_what_is_needed_to_get_the_same_again() -> None:
    found = begun(setting())
    assert (found.seed, found.revision, found.config) == (1, "revision", "gateway.yaml")
    assert found.assumptions
    assert found.notes == ()
    assert (found.scenarios, found.contingency) == ((), None)


def test_a_config_without_workflows_says_so() -> None:
    empty = setting(snapshot(routes={"chat": [A]}))
    found = studies.add_scenarios(begun(empty), empty, [outage("a")], ALONE)
    assert found.notes[0] == "The config has no workflow: nothing can be said of any."
    assert found.scenarios[0].workflows == ()
    assert contingent(empty).contingency is None


@pytest.mark.parametrize("without", ["traffic", "routes"])
def test_where_nothing_is_sent_nothing_can_be_lost(without: str) -> None:
    config = TWO if without == "traffic" else replace(TWO, routes={})
    world = World(patterns={"w": Pattern(per_minute=0.0)}) if without == "traffic" else World()
    found = contingent(setting(config, world))
    assert found.contingency is None
    assert found.notes[-1] == "No workflow sends anything: there is nothing to lose."
    assert found.workflows[0].note == "It sends nothing."
    assert found.workflows[0].routes == ()


def test_of_no_request_a_scenario_says_nothing() -> None:
    where = setting(world=World(patterns={"w": Pattern(per_minute=0.0)}))
    (result,) = studies.add_scenarios(begun(where), where, [outage("a")], ALONE).scenarios
    (seen,) = result.workflows
    assert (seen.requests, seen.success, seen.slo.met, seen.minutes_lost) == (0, None, None, 0.0)
    assert not result.passed, "nothing was tested"


def test_scenarios_come_in_order_and_one_that_touches_nothing_says_so() -> None:
    where = setting()
    found = studies.add_scenarios(begun(where), where, [outage("b", "one"), outage("z", "two")], ALONE)
    assert [result.id for result in found.scenarios] == ["one", "two"]
    assert found.scenarios[1].hits == ()
    assert found.notes == ("two: no deployment of this config could have been hit.",)
    more = studies.add_scenarios(found, where, [outage("a", "three")], ALONE)
    assert [result.id for result in more.scenarios] == ["one", "two", "three"]
    # Nothing planned is nothing missed: the quiet day is a scenario too.
    assert studies.add_scenarios(begun(where), where, [replace(outage("a"), planned=())], ALONE).notes == ()


def test_a_workflow_that_misses_its_slo_on_a_quiet_day_is_noted() -> None:
    poor = replace(TWO, workflows={"w": replace(TWO.workflows["w"], slo=Slo(first_token_p95=0.1))})
    (note,) = contingent(setting(poor)).notes
    assert note.startswith("w misses its SLO already on a quiet day: first token p95")


def test_what_was_found_hangs_together() -> None:
    found = contingent(setting()).contingency
    assert found is not None
    assert found.requests_per_case == 50
    assert {case.kind for case in found.cases} == {"N-1", "N-2", "N-1-1"}
    assert found.pairs_left_out == 0
    assert [one.workflow for one in found.dependence] == ["w"]
    assert found.year.years == 100
    assert found.year.total.usd_mean == found.year.workflows[0].usd_mean


def test_progress_is_announced_and_reaches_its_end() -> None:
    steps: dict[str, int] = {}
    done: dict[str, int] = {}

    def announce(title: str, count: int) -> Advance:
        steps[title], done[title] = count, 0

        def advance(more: int) -> None:
            done[title] += more

        return advance

    solo = setting(snapshot(workflow("w"), routes={"chat": [A]}))
    studies.add_scenarios(contingent(solo, announce), solo, [outage("a")], ALONE, announce)
    assert steps == done
    assert list(steps) == ["contingencies", "change 1 to the config", "scenarios"]


class Spy(Workers):
    """Keeps what would be sent to other processes, as it would be."""

    sent: ClassVar[list[bytes]] = []

    def map(
        self,
        work: Callable[[Any, Sequence[Any]], list[Any]],
        shared: object,
        items: Sequence[Any],
        advance: Advance = lambda done: None,
    ) -> list[Any]:
        self.sent.append(pickle.dumps((shared, items)))
        return Workers.map(self, work, shared, items, advance)


def test_no_credential_leaves_the_process() -> None:
    keyed = setting(snapshot(workflow("w"), routes={"chat": [replace(A, api_key="sk-secret")]}))
    spy = Spy()
    studies.add_scenarios(begun(keyed), keyed, [outage("a")], spy)
    contingent(keyed, workers=spy)
    assert len(spy.sent) > 2  # the scenarios, the contingencies, the changes
    assert not any(b"sk-secret" in sent for sent in spy.sent)


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_the_commit_of_the_config_and_whether_it_was_changed_since(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("version: 1\n")
    assert studies.begin("", path, setting()).commit is None
    git(tmp_path, "init")
    assert studies.begin("", path, setting()).commit is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "config")
    clean = studies.begin("", path, setting()).commit
    assert clean is not None
    assert len(clean) == 12
    path.write_text("version: 1 # changed\n")
    assert studies.begin("", path, setting()).commit == clean + "+"
    beside = tmp_path / "other.yaml"
    beside.write_text("version: 1\n")
    assert studies.begin("", beside, setting()).commit is None


def test_a_quota_that_nobody_has_stated_cannot_be_cut_and_that_is_said() -> None:
    limited = replace(B, limits=Limits(rpm=600))
    given = setting(snapshot(workflow("w"), routes={"chat": [A, limited]}))
    cut = Planned(Fault(FaultKind.QUOTA, Selector({"deployment": ("*",)}), factor=0.5))
    study = studies.add_scenarios(
        studies.begin("", Path("c.yaml"), given), given, [replace(outage("a"), planned=(cut,))], ALONE
    )
    (note,) = study.notes
    assert "no quota of a is known" in note
