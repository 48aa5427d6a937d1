import hashlib
import math
from dataclasses import replace
from statistics import correlation, fmean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Allow, Need, Route, Workflow
from gateway.simulator.traffic import (
    LONGEST,
    Request,
    arrivals,
    at_rate,
    candidates_of,
    generate,
    routed,
    shape,
    sources,
)
from gateway.simulator.world import DAY, Bursts, Daily, Lognormal, Loop, Pattern, World
from tests.core.build import REPEATABLE, deployment

from .build import CHAT, FLAT, SOLO, WORKFLOW, A, B, in_fresh_process, snapshot, world

HOUR = 3600.0
VECTORS = Route("vectors", ((replace(deployment("embedder"), model="text-embedding-3"),),))
OTHER = Workflow("other", "owner")


def sent(pattern: Pattern, duration: float = HOUR, seed: int = 1) -> list[Request]:
    return generate(snapshot(), world(patterns={WORKFLOW.id: pattern}), seed, duration)


def digest(requests: list[Request]) -> str:
    columns = [(one.at, one.number, one.workflow.id, one.route.name, one.stream, *one[5:7]) for one in requests]
    return hashlib.sha256(repr(columns).encode()).hexdigest()


# -- when ------------------------------------------------------------------------------------------------------------


def test_arrivals_are_a_poisson_process() -> None:
    times = arrivals(replace(FLAT, per_minute=600.0), 1, "w", 2000.0)
    assert len(times) == pytest.approx(20_000, abs=4 * math.sqrt(20_000))
    assert 0.0 < times[0] <= times[-1] < 2000.0
    gaps = np.diff(times)
    # Exponential: each tenth of the distribution holds a tenth of the gaps; 9 degrees of freedom, 0.1 %.
    places = np.floor(-np.expm1(-gaps * 10.0) * 10.0).astype(int)
    counts = np.bincount(places, minlength=10)
    assert float(np.sum((counts - len(gaps) / 10) ** 2 / (len(gaps) / 10))) < 27.9
    # No memory, and as many in one second as another, but for chance.
    per_second = np.bincount(times.astype(int), minlength=2000)
    assert float(per_second.var() / per_second.mean()) == pytest.approx(1.0, abs=0.15)


@REPEATABLE
@given(st.floats(0.1, 600.0), st.integers(0, 1000))
def test_the_number_of_arrivals_is_what_the_rate_says(per_minute: float, seed: int) -> None:
    expected = per_minute * 60.0
    counted = len(arrivals(Pattern(per_minute), seed, "w", HOUR))
    assert abs(counted - expected) <= 5.0 * math.sqrt(expected) + 5.0


def test_a_daily_curve_has_its_mean_over_a_day_and_its_peak_in_time() -> None:
    daily = replace(FLAT, per_minute=30.0, daily=Daily(peak=14 * HOUR, swing=0.8))
    times = arrivals(daily, 1, "w", DAY)
    expected = 30.0 * 60 * 24
    assert len(times) == pytest.approx(expected, abs=4 * math.sqrt(expected))
    hourly = np.bincount((times / HOUR).astype(int), minlength=24)
    assert hourly[13] + hourly[14] == pytest.approx(2 * 1800 * 1.8, rel=0.06)
    assert hourly[1] + hourly[2] == pytest.approx(2 * 1800 * 0.2, rel=0.15)


def test_a_scenario_may_begin_at_any_time_of_the_day() -> None:
    daily = replace(FLAT, per_minute=300.0, daily=Daily(peak=14 * HOUR, swing=1.0))
    assert len(arrivals(daily, 1, "w", HOUR, 13.5 * HOUR)) == pytest.approx(2 * 18_000, rel=0.05)
    assert len(arrivals(daily, 1, "w", HOUR, 1.5 * HOUR)) < 0.02 * 18_000


def test_bursts_come_and_go() -> None:
    bursty = replace(FLAT, per_minute=60.0, bursts=Bursts(every=600.0, lasting=60.0, factor=10.0))
    per_second = np.bincount(arrivals(bursty, 1, "w", 20 * HOUR).astype(int), minlength=int(20 * HOUR))
    by_ten = per_second.reshape(-1, 10).sum(axis=1)
    busy = by_ten > 50
    # Some burst began within the last minute: 1 - exp(-1/10) of the time, counted to within four standard errors.
    assert float(busy.mean()) == pytest.approx(1.0 - math.exp(-0.1), abs=0.035)
    assert float(by_ten[~busy].mean()) == pytest.approx(10.0, rel=0.1)
    assert float(np.median(by_ten[busy])) == pytest.approx(100.0, rel=0.1)


def test_nobody_sends_where_no_rate_or_no_route_is() -> None:
    silent = snapshot(workflows=(WORKFLOW, Workflow("lost", "owner", routes=frozenset({"gone"}))))
    assert [source.workflow.id for source in sources(silent, World())] == [WORKFLOW.id]
    assert generate(silent, world(patterns={WORKFLOW.id: replace(FLAT, per_minute=0.0)}), 1, HOUR) == []
    assert generate(replace(silent, workflows={}), World(), 1, HOUR) == []


# -- what ------------------------------------------------------------------------------------------------------------


def test_requests_are_as_the_pattern_says() -> None:
    pattern = Pattern(
        600.0, stream=0.3, input=Lognormal(600.0, 3000.0), output=Lognormal(150.0, 500.0), need=Need.VISION
    )
    requests = sent(pattern)
    assert fmean(one.stream for one in requests) == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / len(requests)))
    assert median(one.input_tokens for one in requests) == pytest.approx(600, rel=0.05)
    assert median(one.output_tokens for one in requests) == pytest.approx(150, rel=0.05)
    above = fmean(one.output_tokens > 500 for one in requests)
    assert above == pytest.approx(0.05, abs=0.006)
    assert {one.need for one in requests} == {Need.VISION, Need.VISION | Need.STREAM}
    assert [one.number for one in requests] == [*range(len(requests))]


def test_no_request_is_longer_than_the_longest_or_empty() -> None:
    requests = sent(Pattern(60.0, input=Lognormal(1.0, 1e9), output=Lognormal(1.0, 1e9)))
    amounts = {amount for one in requests for amount in (one.input_tokens, one.output_tokens)}
    assert (min(amounts), max(amounts)) == (1, int(LONGEST))


def test_routes_are_asked_by_their_weights() -> None:
    anyone = replace(WORKFLOW, routes=frozenset())
    config = snapshot(CHAT, SOLO, workflows=(anyone,))
    weighted = World(patterns={WORKFLOW.id: replace(FLAT, per_minute=600.0, routes={"chat": 0.9, "solo": 0.1})})
    for setting, share in ((weighted, 0.9), (World(patterns={WORKFLOW.id: replace(FLAT, per_minute=600.0)}), 0.5)):
        requests = generate(config, setting, 1, 1000.0)
        found = fmean(one.route is CHAT for one in requests)
        assert found == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / len(requests)))


def test_vectors_are_neither_streamed_nor_written() -> None:
    config = snapshot(VECTORS, workflows=(replace(WORKFLOW, routes=frozenset({"vectors"})),))
    requests = generate(config, World(patterns={WORKFLOW.id: Pattern(stream=1.0)}), 1, 600.0)
    assert {(one.stream, one.output_tokens) for one in requests} == {(False, 0)}


@pytest.mark.parametrize(
    ("stream", "need", "shaped"),
    [
        (True, Need.NONE, (Need.STREAM, True)),
        (False, Need.NONE, (Need.NONE, False)),
        (True, Need.TOOLS, (Need.TOOLS | Need.STREAM, False)),
        (True, Need.JSON_SCHEMA, (Need.JSON_SCHEMA | Need.STREAM, False)),
        (True, Need.VISION, (Need.VISION | Need.STREAM, True)),
    ],
)
def test_only_streams_of_plain_text_can_be_continued(stream: bool, need: Need, shaped: tuple[Need, bool]) -> None:
    assert shape(stream, need) == shaped


def test_an_agents_task_is_its_first_call_and_what_follows() -> None:
    requests = sent(replace(FLAT, loop=Loop(calls=4, pause=2.5)), 600.0)
    assert len(requests) == pytest.approx(600, abs=4 * math.sqrt(600))
    numbers = [call.number for task in requests for call in (task, *task.then)]
    assert numbers == [*range(4 * len(requests))]
    assert {len(task.then) for task in requests} == {3}
    assert {call.pause for task in requests for call in (task, *task.then)} == {2.5}


def test_workflows_and_amounts_are_independent() -> None:
    one, other = (arrivals(replace(FLAT, per_minute=600.0), 1, name, 1000.0) for name in ("one", "other"))
    per_second = [np.bincount(times.astype(int), minlength=1000).tolist() for times in (one, other)]
    assert abs(correlation(*per_second)) < 4 / math.sqrt(1000)
    requests = sent(Pattern(600.0), 1000.0)
    read, written = zip(*((math.log(one.input_tokens), math.log(one.output_tokens)) for one in requests), strict=True)
    assert abs(correlation(read, written)) < 4 / math.sqrt(len(requests))


# -- the same again --------------------------------------------------------------------------------------------------


VARIED = Pattern(daily=Daily(), bursts=Bursts(600, 60, 3.0), loop=Loop(3))


def test_a_seed_sends_the_same_in_a_fresh_process() -> None:
    theirs = in_fresh_process("from tests.simulator.test_traffic import *; print(digest(sent(VARIED)))", 1)
    assert theirs == digest(sent(VARIED)) != digest(sent(VARIED, seed=2))


def test_one_more_workflow_changes_nothing_about_the_others() -> None:
    patterns = {WORKFLOW.id: Pattern(bursts=Bursts(600, 60, 3.0)), OTHER.id: Pattern(10.0)}
    alone = generate(snapshot(), World(patterns=patterns), 1, HOUR)
    both = generate(snapshot(workflows=(OTHER, WORKFLOW)), World(patterns=patterns), 1, HOUR)
    assert [one for one in both if one.workflow.id == WORKFLOW.id] == alone
    assert len(both) > len(alone)
    assert [one.at for one in both] == sorted(one.at for one in both)


def test_another_fallback_changes_nothing_about_the_traffic() -> None:
    wider = Route("chat", ((A,), (B,), (deployment("c"),)))
    assert digest(generate(snapshot(wider), World(), 1, HOUR)) == digest(generate(snapshot(), World(), 1, HOUR))


def test_a_longer_time_begins_as_the_shorter_did() -> None:
    assert [one.at for one in sent(FLAT, HOUR)] == [one.at for one in sent(FLAT, 2 * HOUR) if one.at < HOUR]


# -- who could serve it ----------------------------------------------------------------------------------------------


def test_only_what_a_route_leads_to_can_be_missed() -> None:
    spare = deployment("spare")
    config = replace(snapshot(CHAT, SOLO), deployments={"a": A, "b": B, "spare": spare})
    assert routed(config) == [A, B]


def test_candidates_are_those_that_are_allowed_and_able() -> None:
    blind = replace(B, can=Need.STREAM)
    config = snapshot(Route("chat", ((A,), (blind,), (deployment("c", "c"),))))
    picky = replace(WORKFLOW, allow=Allow({"vendor": frozenset({A.vendor, B.vendor})}))
    assert [one.id for one in candidates_of(picky, config, World())] == ["a", "b"]
    seeing = World(patterns={WORKFLOW.id: Pattern(need=Need.VISION)})
    assert [one.id for one in candidates_of(picky, config, seeing)] == ["a"]
    assert candidates_of(replace(WORKFLOW, routes=frozenset({"other"})), config, World()) == []


def test_traffic_is_scaled_as_a_whole() -> None:
    config = snapshot(workflows=(WORKFLOW, OTHER))
    patterns = {WORKFLOW.id: Pattern(90.0), OTHER.id: Pattern(30.0)}
    scaled = at_rate(World(patterns=patterns), config, 4.0)
    assert [scaled.pattern(id_).per_minute for id_ in patterns] == pytest.approx([180.0, 60.0])
    silent = World(patterns={id_: Pattern(0.0) for id_ in patterns})
    assert at_rate(silent, config, 4.0) is silent
