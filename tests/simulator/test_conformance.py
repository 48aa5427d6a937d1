"""One core, two drivers: the same script, performed with bytes by the gateway and with plans by the simulator.

Every request's state machine must be told the same and must say the same, at the same times; the breakers must change
for the same causes, and in the end the same must be on record. The simulator's vendors are its own, so that also what
they make of a timeout, a stall or a broken stream is held against what the gateway's driver makes of the bytes.

Where the two may differ, and what the scripts do about it:
- Nobody promises which of two things comes first that happen at one moment: the scripts avoid it.
- A simulated vendor speaks steadily: the pauses between the words are shorter than the patience for silence.
- A plain reply comes all at once, as vendors send it, and its silence is a timeout. Only one that shows its head and
  stops then can stall, so in the scripts it is what stalls that does.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.core.breaker import Phase
from gateway.core.model import (
    BreakerSettings,
    Deployment,
    Domain,
    DomainKind,
    Limits,
    OnInterrupt,
    PolicyName,
    Price,
    RetryBudgetSettings,
    Route,
    Snapshot,
    Timeouts,
    WhenAllOpen,
)
from gateway.core.outcome import Kind
from gateway.server.patience import TICK
from tests.simulator.scripted import Arrival, Script, Step, Story, live, simulated

EXACT = 1e-6  # seconds: sums of floats
SAME_MOMENT = 1e-4
REPEATABLE = settings(derandomize=True, deadline=None, max_examples=100)

# -- the config --------------------------------------------------------------------------------------------------------

TIMEOUTS = Timeouts(connect=1.0, first_token=4.0, stall=2.0, total=15.0)
FREE = Limits()
ATTEMPTS = 4


def deployment(id_: str, vendor: str, account: str, limits: Limits = FREE, *, prefill: bool = False) -> Deployment:
    named: dict[DomainKind, str] = {"vendor": vendor, "maker": vendor, "account": account}
    domains = tuple(Domain(kind, name) for kind, name in named.items())
    return Deployment(
        id_,
        vendor,
        vendor,
        "model",
        "openai",
        "http://127.0.0.1:1",
        domains,
        prefill=prefill,
        limits=limits,
        price=Price(1.0, 2.0),
        timeouts=TIMEOUTS,
    )


TIERS = (
    (deployment("a1", "a", "a-1"), deployment("a2", "a", "a-2", Limits(concurrency=2), prefill=True)),
    (deployment("b", "b", "b-1", Limits(rpm=20), prefill=True),),
    (deployment("c", "c", "c-1", Limits(tpm=2000)),),
)
POLICIES: tuple[PolicyName, ...] = ("priority", "least-latency")
ENDS: tuple[tuple[OnInterrupt, WhenAllOpen], ...] = (("continue", "try_least_bad"), ("fail", "fail"))
ROUTES = {
    (name := f"{policy} {on_interrupt}"): Route(
        name, TIERS, policy, ATTEMPTS, 20.0, on_interrupt, when_all_open=when_all_open
    )
    for policy in POLICIES
    for on_interrupt, when_all_open in ENDS
}
SNAPSHOT = Snapshot(
    "revision",
    {one.id: one for tier in TIERS for one in tier},
    ROUTES,
    {},
    breaker=BreakerSettings(consecutive=2, minimum_calls=4, window=20.0, open=1.0, close_after=2, ramp=6.0),
    retry_budget=RetryBudgetSettings(share=0.3, floor=2),
)

# -- scripts -----------------------------------------------------------------------------------------------------------

BEFORE = (
    *(Kind.SERVER_ERROR, Kind.OVERLOADED, Kind.RATE_LIMITED, Kind.UNAUTHORIZED, Kind.MODEL_GONE, Kind.NO_CREDIT),
    *(Kind.BAD_REQUEST, Kind.UNREACHABLE, Kind.MALFORMED, Kind.TIMEOUT),
)
MIDWAY = (Kind.CUT, Kind.STALLED, Kind.SERVER_ERROR)
SECONDS = (0.11, 0.37, 0.73, 1.7, 2.9, 4.3, 11.3, 29.3)

GAPS = (0.0, 0.07, 0.4, 1.3, 6.1, 31.0)  # between two requests
FAR_APART = (21.0, 33.0)


@st.composite
def scripts(draw: st.DrawFn, gaps: Sequence[float], routes: Sequence[str]) -> Script:
    """About half of the calls fail: hypothesis left alone would mostly draw days on which nothing is the matter."""
    rng = draw(st.randoms(use_true_random=True))
    count = draw(st.integers(6, 16))
    whens = itertools.accumulate(rng.choice(gaps) for _ in range(count))
    arrivals = tuple(_arrival(place, at, rng.choice(routes), rng) for place, at in enumerate(whens))
    return Script(arrivals, rng.choice((0.0531, 1.7137)), rng.choice((0.2517, 2.3171, 4.6093)))


def _step(rng: Random) -> Step:
    first, flow, place = rng.choice(SECONDS), rng.choice(SECONDS), rng.choice((0.25, 0.5))
    match rng.randrange(4):
        case 0:
            return Step(rng.choice(BEFORE), retry_after=rng.choice((None, 0.5, 3.0, 8.0)))
        case 1:
            return Step(rng.choice(MIDWAY), True, first, flow, place)
        case _:
            return Step(first=first, flow=flow)


def _arrival(place: int, at: float, route: str, rng: Random) -> Arrival:
    """Its times moved a little, each by another amount, so that no two things happen at one moment by design."""
    moved = (
        step._replace(first=step.first + 0.00173 * place + 0.000577 * n, flow=step.flow + 0.00311 * place)
        for n, step in enumerate(_step(rng) for _ in range(4))
    )
    return Arrival(at + 0.00719 * place, route, rng.random() < 0.5, tuple(moved))


# -- the comparison ----------------------------------------------------------------------------------------------------


def at_one_moment(story: Story) -> bool:
    """Did something happen to two requests at the same time? Which of them comes first, nobody promises."""
    moments = sorted(story.moments())
    return any(then - now < SAME_MOMENT and one != other for (now, one), (then, other) in itertools.pairwise(moments))


def changes(story: Story) -> list[tuple[str, Phase, Phase, str]]:
    return [(change.subject, change.before, change.after, change.cause) for change in story.transitions]


def agree(lived: Story, told: Story, slack: float, *, to_the_token: bool = True) -> None:
    # A plain request is never continued, so that the simulator does not ask whether it could be.
    assert [ask._replace(resumable=ask.resumable and ask.stream) for ask in lived.asks] == told.asks
    for number, (turns, others) in enumerate(zip(lived.turns, told.turns, strict=True)):
        said = None if to_the_token else 3  # what a late deadline lets through is a token more
        assert [(turn.event[:said], turn.action) for turn in turns] == [
            (turn.event[:said], turn.action) for turn in others
        ], number
        for turn, other in zip(turns, others, strict=True):
            assert turn.times == pytest.approx(other.times, abs=slack), number
    assert changes(lived) == changes(told)
    assert lived.written.keys() == told.written.keys()
    for number, written in told.written.items():
        assert lived.written[number][:-1] == written[:-1], number
        assert lived.written[number].times == pytest.approx(written.times, abs=slack), number


def happened(story: Story) -> Iterator[object]:
    for turn in itertools.chain.from_iterable(story.turns):
        yield turn.event[1] if turn.event[:1] == ("Failed",) else turn.event[:1]
        yield turn.action[:1] if turn.action[0] != "Send" else (turn.action[2], turn.action[3])
    for _, before, after, _ in changes(story):
        yield before, after


def test_same_events_same_actions() -> None:
    """Requests that overlap and share breakers, limits and the retry budget; each deadline ends to the moment."""
    seen: Counter[object] = Counter()

    @given(scripts(GAPS, tuple(ROUTES)))
    @REPEATABLE
    def check(script: Script) -> None:
        told = simulated(SNAPSHOT, script)
        assume(not at_one_moment(told))
        agree(live(SNAPSHOT, script, "punctual"), told, EXACT)
        seen.update(happened(told))

    check()
    expected = [*BEFORE, *MIDWAY, ("Wait",), ("Woke",), ("Commit",)]
    expected += [("fresh", False), ("fresh", True), ("prefill", False), ("instruct", False)]
    expected += [(Phase.CLOSED, Phase.OPEN), (Phase.OPEN, Phase.HALF_OPEN), (Phase.HALF_OPEN, Phase.OPEN)]
    assert {one: seen[one] for one in [*expected, (Phase.HALF_OPEN, Phase.CLOSED)] if seen[one] < 10} == {}


@given(scripts(FAR_APART, [name for name in ROUTES if name.startswith("priority")]))
@settings(REPEATABLE, max_examples=30)
def test_same_actions_on_the_common_tick(script: Script) -> None:
    """As the gateway really waits: a deadline ends with the next tick, so that all that follows comes a little later.

    One request after the other and in the order of the config, or who is asked could hang on that little.
    """
    told = simulated(SNAPSHOT, script)
    agree(live(SNAPSHOT, script, "ticking"), told, (ATTEMPTS + 1) * TICK, to_the_token=False)
