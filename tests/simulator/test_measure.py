import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.breaker import Phase, Transition
from gateway.core.fault import Fault, FaultKind
from gateway.core.model import Slo
from gateway.core.outcome import Kind
from gateway.simulator.measure import (
    BUCKETS,
    STEPS,
    by_workflow,
    measure,
    minutes_lost,
    quantile,
    quantiles,
    slo_verdict,
    step,
    timeline,
)
from gateway.simulator.result import Bucket, Quantiles, SloVerdict, WorkflowResult
from gateway.simulator.run import Course, Record
from tests.core.build import REPEATABLE

from .build import WORKFLOW, fault, record

QUIET = [record(float(second)) for second in range(600)]
OUTAGE = fault(FaultKind.OUTAGE, start=100.0, end=200.0)


def measured(
    records: Sequence[Record],
    quiet: Sequence[Record] = (),
    faults: Sequence[Fault] = (),
    opened: Sequence[Transition] = (),
    duration: float = 600.0,
    usd_per_minute: float = 0.0,
) -> WorkflowResult:
    priced = replace(WORKFLOW, usd_per_minute=usd_per_minute)
    return measure(priced, records, quiet or records, faults, {"a"}, opened, duration)


def opens(at: float, subject: str = "a", after: Phase = Phase.OPEN) -> Transition:
    return Transition(subject, Phase.CLOSED, after, "cause", at, at + 5.0)


def moved(start: int, end: int, *, served: str = "b", till: int = 600) -> list[Record]:
    """One request a second; those that began from `start` to `end` had to fall back."""
    away = range(start, end)
    return [record(float(s), served, tier=1, fell_back=True) if s in away else record(float(s)) for s in range(till)]


# -- figures of a list -----------------------------------------------------------------------------------------------


def test_quantiles_are_nearest_ranks() -> None:
    assert quantiles(range(100, 0, -1)) == Quantiles(50, 95, 99)
    assert quantiles([3.0, 1.0, 2.0]) == Quantiles(2.0, 3.0, 3.0)
    assert quantiles([7.0]) == Quantiles(7.0, 7.0, 7.0)
    assert quantiles([]) is None


@REPEATABLE
@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_the_smallest_that_enough_do_not_exceed(values: list[float], p: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, p)
    assert sum(value <= found for value in ordered) >= p * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < p * len(ordered)


def test_minutes_lost_are_shares_of_each_minute() -> None:
    records = [record(0.0), record(30.0, ""), record(60.0, ""), record(119.0, ""), record(130.0)]
    assert minutes_lost(records, 600.0) == pytest.approx(0.5 + 1.0)
    assert minutes_lost([], 600.0) == 0.0


def test_the_last_minute_may_be_a_short_one_and_after_the_end_nothing_is_lost() -> None:
    assert minutes_lost([record(65.0, "")], 90.0) == pytest.approx(0.5)
    assert minutes_lost([record(125.0, "")], 90.0) == 0.0


def test_a_timeline_counts_requests_where_they_began() -> None:
    records = [record(0.0), record(9.9, "b"), record(10.0, ""), record(31.0, "a")]
    assert timeline(records, 10.0, 30.0) == (
        Bucket(0.0, 2, 0, {"a": 1, "b": 1}),
        Bucket(10.0, 1, 1, {}),
        Bucket(20.0, 1, 0, {"a": 1}),
    ), "what came after the end is in the last"


@REPEATABLE
@given(st.floats(0.1, 1e8), st.lists(st.floats(0, 1e8), max_size=30))
def test_a_timeline_is_short_and_leaves_nothing_out(duration: float, begins: list[float]) -> None:
    width = step(duration)
    assert width in STEPS or duration > STEPS[-1] * BUCKETS
    found = timeline([record(began) for began in begins], width, duration)
    assert 1 <= len(found) <= BUCKETS + 1
    assert sum(bucket.requests for bucket in found) == len(begins)


@pytest.mark.parametrize(
    ("slo", "verdict"),
    [
        (Slo(), SloVerdict(None)),
        (Slo(success=0.9), SloVerdict(True)),
        (Slo(success=0.95), SloVerdict(False, ("success 90.00% is below 95.00%",))),
        (Slo(first_token_p95=2.0), SloVerdict(True)),
        (Slo(first_token_p95=1.0), SloVerdict(False, ("first token p95 1.50s is above 1s",))),
        (Slo(0.9, 1.0), SloVerdict(False, ("first token p95 1.50s is above 1s",))),
    ],
)
def test_a_promise_is_kept_or_it_is_said_what_was_missed(slo: Slo, verdict: SloVerdict) -> None:
    records = [record(float(number), "" if number == 0 else "a", first_token=1.5) for number in range(10)]
    assert slo_verdict(slo, records) == verdict


def test_a_promise_about_nothing_is_neither_kept_nor_broken() -> None:
    assert slo_verdict(Slo(0.9, 1.0), []) == SloVerdict(None)
    assert slo_verdict(Slo(first_token_p95=1.0), [record(0.0)]) == SloVerdict(None), "no stream"


def test_records_are_by_workflow_in_the_order_in_which_they_began() -> None:
    other = record(1.0)._replace(workflow="other")
    assert by_workflow(Course([record(5.0), other, record(2.0)], [])) == {
        "support": [record(2.0), record(5.0)],
        "other": [other],
    }


# -- a workflow ------------------------------------------------------------------------------------------------------


def test_what_a_workflow_saw() -> None:
    records = [
        record(0.0, took=1.0, first_token=0.5, usd=0.5, poor=True),
        record(1.0, "b", took=3.0, tier=1, fell_back=True, attempts=2, first_token=2.0, usd=0.25, over_quota=("a",)),
        record(2.0, "", kind=Kind.RATE_LIMITED, attempts=3, first_token=9.0, over_quota=("a", "b")),
        record(3.0, "", attempts=2),
    ]
    found = measured(records, [record(0.0, usd=1.0, first_token=0.25), *QUIET[1:4]], usd_per_minute=10.0, duration=60.0)
    assert (found.requests, found.success, found.baseline_success) == (4, 0.5, 1.0)
    assert (found.degraded, found.poor, found.attempts) == (1, 1, 2.0)
    assert found.failures == {"rate_limited": 1, "server_error": 1}
    assert found.first_token == Quantiles(0.5, 2.0, 2.0), "of answers only"
    assert found.total == Quantiles(1.0, 3.0, 3.0)
    assert found.baseline_first_token == Quantiles(0.25, 0.25, 0.25)
    assert (found.usd, found.baseline_usd) == (0.75, 1.0)
    assert (found.served_by, found.over_quota) == ({"a": 1, "b": 1}, {"a": 2, "b": 1})
    assert (found.minutes_lost, found.usd_lost) == (0.5, 5.0)
    assert [*found.failures] == sorted(found.failures)


def test_what_is_lost_on_a_quiet_day_too_is_not_lost_to_the_fault() -> None:
    half = [record(float(second), "a" if second % 2 else "") for second in range(60)]
    assert measured(half, half, duration=60.0).minutes_lost == 0.0
    assert measured([record(0.0, "")], half, duration=60.0).minutes_lost == 0.5
    assert measured([record(0.0)], half, duration=60.0).minutes_lost == 0.0, "luck is no gain"


def test_without_traffic_there_are_no_figures() -> None:
    found = measured([], (), [OUTAGE])
    assert (found.requests, found.minutes_lost, found.usd) == (0, 0.0, 0)
    for figure in ("success", "baseline_success", "first_token", "total", "attempts", "detect", "fail_over", "recover"):
        assert getattr(found, figure) is None, figure
    assert found.slo == SloVerdict(None)
    assert sum(bucket.requests for bucket in found.timeline) == 0


# -- how fast --------------------------------------------------------------------------------------------------------


def test_it_was_noticed_when_the_first_breaker_opened_for_it() -> None:
    changes = [
        opens(50.0),  # before the fault
        opens(103.0, "b"),  # not hit
        opens(104.0, after=Phase.HALF_OPEN),
        opens(105.5),
        opens(150.0),
    ]
    assert measured(QUIET, QUIET, [OUTAGE], changes).detect == 5.5
    assert measured(QUIET, QUIET, [OUTAGE], changes[:3]).detect is None
    early = fault(FaultKind.ERRORS, start=40.0, end=60.0)
    assert measured(QUIET, QUIET, [OUTAGE, early], changes).detect == 10.0


def test_it_failed_over_with_the_first_answer_of_a_spared_deployment() -> None:
    records = [
        record(90.0, "b", fell_back=True),  # before
        record(101.0, "", fell_back=True),  # no answer
        record(102.0, "a", fell_back=True),  # of one that is hit
        record(103.0, "b"),  # its usual one
        record(104.0, "b", fell_back=True, took=5.0, first_token=1.5),
        record(105.0, "b", fell_back=True, took=0.25),
    ]
    assert measured(records, QUIET, [OUTAGE]).fail_over == pytest.approx(105.25 - 100.0)
    assert measured(records[:5], QUIET, [OUTAGE]).fail_over == pytest.approx(105.5 - 100.0)
    assert measured(records[:4], QUIET, [OUTAGE]).fail_over is None


def test_it_recovered_when_the_usual_deployments_served_as_before() -> None:
    # Steps of five seconds: the last short one ended at 230.
    assert measured(moved(101, 229), QUIET, [OUTAGE]).recover == 30.0
    assert measured(moved(101, 180), QUIET, [OUTAGE]).recover == 0.0, "before the fault was over"


def test_a_later_relapse_is_no_recovery() -> None:
    relapsed = [*moved(101, 229, till=300), *moved(400, 410)[300:]]
    assert measured(relapsed, QUIET, [OUTAGE]).recover == 210.0


def test_a_few_that_fall_back_on_any_day_do_not_count() -> None:
    often = [record(number / 10) for number in range(6000)]  # 50 a step
    few = [one._replace(fell_back=True) if one.began == 300.0 else one for one in often]
    assert measured(few, often, [OUTAGE]).recover is None, "nothing was moved"


@pytest.mark.parametrize("end", [600.0, math.inf])
def test_what_lasts_was_not_recovered_from(end: float) -> None:
    lasting = fault(FaultKind.EXIT, start=100.0, end=end)
    assert measured(moved(101, 600), QUIET, [lasting]).recover is None


def test_what_is_not_over_when_the_time_is_was_not_recovered_from() -> None:
    assert measured(moved(101, 600), QUIET, [OUTAGE]).recover is None


def test_the_ends_of_agents_tasks_do_not_hinder_a_recovery() -> None:
    late = [*QUIET, *(record(600.0 + second) for second in range(30))]
    assert measured(moved(101, 229), late, [OUTAGE]).recover == 30.0


def test_without_faults_nothing_was_noticed_or_got_over() -> None:
    found = measured(moved(101, 229), QUIET, (), [opens(105.0)])
    assert (found.fail_over, found.recover) == (None, None)
