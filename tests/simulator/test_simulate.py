import pickle
from dataclasses import replace

import orjson
import pytest

from gateway.core.fault import Demand, Fault, FaultKind, Selector
from gateway.core.model import Key, Route, Slo, Workflow
from gateway.core.scenario import Origin, Planned, Scenario, Span
from gateway.simulator.result import ScenarioResult, WorkflowResult
from gateway.simulator.simulate import Setting, simulate, without_secrets
from gateway.simulator.world import Bursts, Daily, Loop, Pattern, World
from tests.core.build import deployment

from .build import CHAT, FLAT, WORKFLOW, A, B, every, fault, in_fresh_process, snapshot, world

C = deployment("c")
ELSEWHERE = Route("elsewhere", ((C,),))
OTHER = Workflow("other", "owner", routes=frozenset({"elsewhere"}))
BOTH = snapshot(CHAT, ELSEWHERE, workflows=(WORKFLOW, OTHER))
SETTING = Setting(BOTH, world(A, B, C, patterns={WORKFLOW.id: FLAT, OTHER.id: FLAT}), 1)


def planned(one: Fault, start: float = 120.0, duration: float = 120.0, probability: float = 1.0) -> Planned:
    return Planned(one, Span("fixed", start), Span("fixed", duration), probability, basis="assumed")


def scenario(*faults: Planned, origin: Origin | None = None) -> Scenario:
    return Scenario("test", "A test", 600.0, faults, "what it shows", origin)


OUTAGE = scenario(planned(fault(FaultKind.OUTAGE)))


def workflows(found: ScenarioResult) -> dict[str, WorkflowResult]:
    return {one.workflow: one for one in found.workflows}


def test_an_outage_is_survived_on_the_second_source_and_seen_in_all_figures() -> None:
    found = simulate(SETTING, OUTAGE)
    seen = workflows(found)["support"]
    assert (found.hits, [one.hits for one in found.faults]) == (("a",), [("a",)])
    assert (found.faults[0].start, found.faults[0].end, found.faults[0].basis) == (120.0, 240.0, "assumed")
    assert seen.success == seen.baseline_success == 1.0
    assert seen.degraded == seen.served_by["b"] > 100
    assert seen.detect is not None
    assert 0.0 < seen.detect < 30.0
    assert seen.fail_over is not None
    assert seen.recover is not None
    assert found.breakers[0][1:3] == ("a", "closed>open")
    assert sum(bucket.requests for bucket in seen.timeline) == seen.requests
    assert found.passed


def test_a_workflow_that_is_not_hit_sees_nothing() -> None:
    seen = workflows(simulate(SETTING, OUTAGE))["other"]
    assert (seen.success, seen.detect, seen.fail_over, seen.recover, seen.minutes_lost) == (1.0, None, None, None, 0.0)
    assert seen.usd == seen.baseline_usd


def test_a_workflow_without_a_second_source_loses_the_minutes_of_the_outage() -> None:
    exits = scenario(planned(fault(FaultKind.EXIT, C, share=1.0)))
    valuable = replace(OTHER, usd_per_minute=40.0, slo=Slo(success=0.99))
    setting = replace(SETTING, snapshot=replace(BOTH, workflows={"support": WORKFLOW, "other": valuable}))
    found = simulate(setting, exits)
    seen = workflows(found)["other"]
    assert seen.minutes_lost == pytest.approx(2.0, abs=0.3)
    assert seen.usd_lost == pytest.approx(40.0 * seen.minutes_lost)
    assert not found.passed
    assert seen.slo.met is False
    assert seen.success is not None
    assert seen.success == pytest.approx(0.8, abs=0.05)


def test_what_reaches_nobody_leaves_the_day_as_it_was() -> None:
    found = simulate(SETTING, scenario(planned(fault(FaultKind.OUTAGE, deployment("nobody")))))
    assert found.hits == ()
    assert all(one.success == one.baseline_success and one.usd == one.baseline_usd for one in found.workflows)
    assert found.breakers == ()


def test_displaced_load_reaches_those_that_no_fault_hits() -> None:
    crowd = replace(fault(FaultKind.OUTAGE, deployment("nobody")), demand=Demand(10.0))
    crowded = replace(SETTING.world, profiles={"c": replace(SETTING.world.profiles["c"], headroom=1.5)})
    found = simulate(replace(SETTING, world=crowded), scenario(planned(crowd)))
    seen = workflows(found)["other"]
    assert found.hits == ()
    assert seen.failures["overloaded"] > 10
    assert seen.baseline_success == 1.0


def test_a_workflow_without_routes_or_traffic_has_no_figures() -> None:
    idle = snapshot(workflows=(WORKFLOW, Workflow("lost", "owner", routes=frozenset({"gone"}))))
    setting = Setting(idle, world(patterns={WORKFLOW.id: replace(FLAT, per_minute=0.0)}), 1)
    found = simulate(setting, OUTAGE)
    assert [(one.requests, one.success) for one in found.workflows] == [(0, None), (0, None)]
    assert not found.passed, "nothing was tested: CI must not take that for good"


def test_what_did_not_happen_this_time_is_not_told() -> None:
    unlikely = scenario(planned(fault(FaultKind.OUTAGE), probability=1e-9))
    found = simulate(SETTING, unlikely)
    assert found.faults == ()
    assert found.hits == ("a",), "it could have been"
    assert workflows(found)["support"].degraded == 0


def test_a_fault_that_stays_has_no_end() -> None:
    found = simulate(SETTING, scenario(Planned(fault(FaultKind.EXIT), Span("fixed", 60.0))))
    assert found.faults[0].end is None
    assert workflows(found)["support"].recover is None


def test_recorded_traffic_goes_before_patterns_and_a_duration_before_the_scenarios_own() -> None:
    setting = replace(SETTING, recorded=tuple(every(1.0, 100)), duration=50.0)
    found = simulate(setting, OUTAGE)
    assert found.duration == 50.0
    assert workflows(found)["support"].requests == 50


def test_an_incident_brings_its_sources_and_its_time_of_day() -> None:
    origin = Origin("2025-06-10", ("https://status.example.com/1",), "facts", "assumed", True, begins=14 * 3600.0)
    nightly = replace(FLAT, daily=Daily(peak=14 * 3600.0, swing=1.0))
    setting = replace(SETTING, world=world(A, B, C, patterns={WORKFLOW.id: nightly, OTHER.id: nightly}))
    by_night = replace(OUTAGE, origin=replace(origin, begins=2 * 3600.0))
    incident, thought_up = simulate(setting, replace(OUTAGE, origin=origin)), simulate(setting, OUTAGE)
    assert incident.source is not None
    assert (incident.source.date, incident.source.verified) == ("2025-06-10", True)
    assert incident.source.sources == origin.sources
    assert thought_up.source is None
    at_peak, usual, at_two = (
        workflows(found)["support"].requests for found in (incident, thought_up, simulate(setting, by_night))
    )
    assert at_peak == usual, "what has no time of its own meets the busiest hour"
    assert at_peak > 5 * at_two


# -- the same again --------------------------------------------------------------------------------------------------


def described() -> bytes:
    pattern = Pattern(120.0, bursts=Bursts(120.0, 20.0, 3.0), loop=Loop(2, 1.0))
    storm = scenario(
        planned(fault(FaultKind.OUTAGE, share=0.7)),
        Planned(fault(FaultKind.RATE_LIMIT, B), Span("uniform", 100.0, 200.0), Span("exponential", 60.0), 0.9, "storm"),
        Planned(
            Fault(FaultKind.LATENCY, Selector({"vendor": ("*",)}), factor=3.0),
            Span("lognormal", 60.0, 90.0),
            group="storm",
        ),
    )
    setting = Setting(BOTH, World(patterns={WORKFLOW.id: pattern, OTHER.id: pattern}), 7)
    return orjson.dumps(simulate(setting, storm))


def test_the_result_is_the_same_to_the_byte_in_every_process() -> None:
    code = "from tests.simulator.test_simulate import described; print(described().decode())"
    assert in_fresh_process(code, 1) == in_fresh_process(code, 2) == described().decode()


def test_another_seed_is_another_day() -> None:
    assert simulate(SETTING, OUTAGE) == simulate(SETTING, OUTAGE) != simulate(replace(SETTING, seed=2), OUTAGE)


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_nothing_secret_leaves_the_process_and_nothing_else_changes() -> None:
    a, b = replace(A, api_key="sk-a-secret"), replace(B, api_key="sk-a-secret")
    kept = replace(
        snapshot(Route("chat", ((a,), (b,)))),
        keys=(Key("prod", "0a-secret-hash", "support"),),
        ledger_url="postgresql://me:a-secret@db/ledger",
        state_url="redis://:a-secret@cache",
    )
    bare = without_secrets(kept)
    assert b"a-secret" in pickle.dumps(kept)
    assert b"secret" not in pickle.dumps(bare)
    assert bare.routes["chat"].deployments == (A, B)
    given = world(patterns={WORKFLOW.id: Pattern()})
    assert simulate(Setting(bare, given, 1), OUTAGE) == simulate(Setting(kept, given, 1), OUTAGE)


def test_a_fault_that_comes_after_the_last_request_has_tested_nothing() -> None:
    late = simulate(replace(SETTING, duration=30.0), scenario(planned(fault(FaultKind.OUTAGE, start=60.0))))
    assert not late.tested
    assert not late.passed
    assert simulate(SETTING, OUTAGE).tested
