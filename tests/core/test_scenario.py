import math
from collections.abc import Callable
from random import Random
from statistics import fmean, median, quantiles

import pytest

from gateway.core.fault import Fault, FaultKind, Selector
from gateway.core.scenario import FOR_GOOD, NOW, Planned, Scenario, Span, sigma

from .build import deployment

A, B, C = deployment("a"), deployment("b"), deployment("c")
ON_A, ON_B = Selector({"deployment": ("a",)}), Selector({"deployment": ("b",)})
OUTAGE_A, OUTAGE_B = Fault(FaultKind.OUTAGE, ON_A), Fault(FaultKind.OUTAGE, ON_B)
SOMETIME = Span("uniform", 0.0, 600.0)
SOME_TIME = Span("exponential", 300.0)
DRAWS = 4000


def streams(seed: int) -> Callable[[str], Random]:
    return lambda name: Random(f"{seed} {name}")


def scenario(*planned: Planned) -> Scenario:
    return Scenario("s", "A scenario", 3600.0, planned)


def drawn(span: Span) -> list[float]:
    rng = Random(1)
    return sorted(span.draw(rng) for _ in range(DRAWS))


# -- times -----------------------------------------------------------------------------------------------------------


def test_a_fixed_time_is_what_it_is() -> None:
    assert Span("fixed", 12.5).draw(Random(1)) == 12.5
    assert NOW.draw(Random(1)) == 0.0
    assert FOR_GOOD.draw(Random(1)) == math.inf


def test_a_uniform_time_lies_between_its_bounds() -> None:
    times = drawn(Span("uniform", 60.0, 180.0))
    assert times[0] >= 60.0
    assert times[-1] <= 180.0
    assert fmean(times) == pytest.approx(120.0, abs=4 * 34.6 / math.sqrt(DRAWS))


def test_an_exponential_time_has_its_mean() -> None:
    times = drawn(Span("exponential", 300.0))
    assert fmean(times) == pytest.approx(300.0, abs=4 * 300.0 / math.sqrt(DRAWS))
    assert median(times) == pytest.approx(300.0 * math.log(2), rel=0.08)


def test_a_lognormal_time_has_its_median_and_its_95th_percentile() -> None:
    times = drawn(Span("lognormal", 60.0, 240.0))
    assert median(times) == pytest.approx(60.0, rel=0.08)
    assert quantiles(times, n=20)[-1] == pytest.approx(240.0, rel=0.12)
    assert sigma(60.0, 60.0) == 0.0


# -- what comes ------------------------------------------------------------------------------------------------------


def test_a_fault_comes_at_the_time_and_for_as_long_as_planned() -> None:
    (fault,) = scenario(Planned(OUTAGE_A, Span("fixed", 60.0), Span("fixed", 30.0))).draw(streams(1))
    assert (fault.start, fault.end) == (60.0, 90.0)
    (lasting,) = scenario(Planned(OUTAGE_A, Span("fixed", 60.0))).draw(streams(1))
    assert (lasting.start, lasting.end) == (60.0, math.inf)


def test_a_seed_makes_it_certain() -> None:
    uncertain = scenario(Planned(OUTAGE_A, SOMETIME, SOME_TIME, 0.5), Planned(OUTAGE_B, SOMETIME, SOME_TIME))
    assert uncertain.draw(streams(1)) == uncertain.draw(streams(1))
    assert len({str(uncertain.draw(streams(seed))) for seed in range(20)}) == 20


def test_a_fault_comes_as_often_as_it_is_likely() -> None:
    unlikely = scenario(Planned(OUTAGE_A, probability=0.3))
    came = sum(len(unlikely.draw(streams(seed))) for seed in range(DRAWS))
    assert came / DRAWS == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / DRAWS))


def test_a_group_comes_together_or_not_at_all_and_at_the_same_time() -> None:
    together = scenario(
        Planned(OUTAGE_A, SOMETIME, SOME_TIME, 0.5, "storm"), Planned(OUTAGE_B, SOMETIME, SOME_TIME, 0.5, "storm")
    )
    came = [together.draw(streams(seed)) for seed in range(200)]
    assert {len(faults) for faults in came} == {0, 2}
    assert all(len({(fault.start, fault.end) for fault in faults}) <= 1 for faults in came)


def test_others_come_independently() -> None:
    apart = scenario(Planned(OUTAGE_A, SOMETIME, probability=0.5), Planned(OUTAGE_B, SOMETIME, probability=0.5))
    came = [apart.draw(streams(seed)) for seed in range(DRAWS)]
    both = [faults for faults in came if len(faults) == 2]
    assert len(both) / DRAWS == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / DRAWS))
    assert all(first.start != second.start for first, second in both)


def test_one_more_fault_changes_nothing_about_the_others() -> None:
    alone, more = Planned(OUTAGE_A, SOMETIME, SOME_TIME), Planned(OUTAGE_B, SOMETIME, SOME_TIME)
    assert scenario(alone, more).draw(streams(1))[:1] == scenario(alone).draw(streams(1))


def test_it_says_whom_it_can_hit() -> None:
    planned = scenario(Planned(OUTAGE_A, probability=0.1), Planned(OUTAGE_B))
    assert planned.hit([C, B, A]) == (B, A)
    assert planned.selectors == (ON_A, ON_B)
