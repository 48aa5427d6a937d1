from dataclasses import replace

from junitparser import JUnitXml

from gateway.simulator.report.junit import to_junit
from tests.simulator.report.study import hostile, study


def test_it_parses_back() -> None:
    document = JUnitXml.fromstring(to_junit(study()).encode())
    suites = list(document)
    assert [suite.name for suite in suites] == ["openai-2025-06-10-gpu-network", "mistral-exit"]
    assert [(suite.tests, suite.failures, suite.skipped) for suite in suites] == [(5, 2, 1), (5, 0, 1)]
    assert (document.tests, document.failures, document.skipped) == (10, 2, 2)
    assert {one.name: one.value for one in suites[0].properties()}["seed"] == "7"


def test_a_failure_says_what_was_missed() -> None:
    (suite, _) = JUnitXml.fromstring(to_junit(study()).encode())
    cases = {case.name: case for case in suite}
    assert cases["support-triage"].result[0].message == "success 99.10%"
    assert cases["search"].is_skipped
    assert cases["contract-review"].is_passed


def test_any_text_survives() -> None:
    text = "</testcase>&\x00\x1b\ud800"
    (suite,) = JUnitXml.fromstring(to_junit(hostile(text)).encode())
    (case,) = suite
    assert case.name == "</testcase>&\ufffd\ufffd\ufffd"


def test_without_scenarios_there_is_nothing_to_judge() -> None:
    document = JUnitXml.fromstring(to_junit(replace(study(), scenarios=())).encode())
    assert list(document) == []


def test_it_is_the_same_every_time() -> None:
    assert to_junit(study()) == to_junit(study())
