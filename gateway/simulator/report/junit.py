"""The verdicts of the scenarios as JUnit XML, for CI. Contingencies are not in it: they pass no verdict on a change."""

import re
from io import BytesIO

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from gateway.simulator.result import ScenarioResult, Study, WorkflowResult

# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(study: Study) -> str:
    """A suite for each scenario, a case for each workflow: failed where its SLO was missed, skipped where none was
    promised or nothing could be measured.
    """
    document = JUnitXml("simulation")
    for scenario in study.scenarios:
        document.add_testsuite(_suite(study, scenario))
    document.update_statistics()  # type: ignore[no-untyped-call]
    written = BytesIO()
    document.write(written, pretty=True)
    return written.getvalue().decode()


def _suite(study: Study, scenario: ScenarioResult) -> TestSuite:
    suite = TestSuite(_clean(scenario.id))
    for name, value in (("seed", str(study.seed)), ("revision", study.revision), ("title", scenario.title)):
        suite.add_property(name, _clean(value))
    suite.add_testcases([_case(scenario, workflow) for workflow in scenario.workflows])
    return suite


def _case(scenario: ScenarioResult, workflow: WorkflowResult) -> TestCase:
    case = TestCase(_clean(workflow.workflow), _clean(scenario.id))
    if workflow.slo.met is None:
        case.result = [Skipped("nothing was promised or measured")]
    elif not workflow.slo.met:
        case.result = [Failure(_clean("; ".join(workflow.slo.missed)), "slo")]
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
